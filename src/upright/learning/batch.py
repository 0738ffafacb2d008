"""Rollout -> batch: the transitions that count, flat, each with its advantage and return."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from upright.ground import Floats
from upright.policy import Policy
from upright.rollout import Rollout

Advantages = Callable[[Rollout, Floats, Floats], Floats]


class Batch(NamedTuple):
    """The valid transitions of a rollout, flat: obs [B, ...], the rest [B].

    PPO alone fills in the old log-probs.
    """

    obs: Tensor
    actions: Tensor
    advantages: Tensor
    returns: Tensor
    old_values: Tensor
    old_log_probs: Tensor = torch.empty(0)

    def rows(self, index: Tensor) -> "Batch":
        """The transitions at `index`."""
        return Batch(*(field[index] for field in self))


@torch.no_grad()
def batch_of(rollout: Rollout, policy: Policy, advantages_of: Advantages) -> Batch:
    """A rollout's transitions, with values and advantages from one forward pass.

    Args:
        rollout: What was collected.
        policy: Whose critic says V(s).
        advantages_of: Advantages, [T, N], from a rollout, V(s_t) and V(s_{t+1}), each [T, N].
    """
    device, shape = policy.device, rollout.obs.shape[:2]
    obs = torch.as_tensor(rollout.obs, device=device)
    values = policy.values(obs.flatten(0, 1)).view(shape)
    next_values = values[1:].clone()
    if len(rollout.final_index):
        final_obs = torch.as_tensor(rollout.final_obs, device=device)
        next_values[tuple(rollout.final_index.T)] = policy.values(final_obs)
    old_values = values[:-1]
    estimates = advantages_of(rollout, old_values.cpu().numpy(), next_values.cpu().numpy())
    advantages = torch.as_tensor(estimates, dtype=torch.float32, device=device)
    actions = torch.as_tensor(rollout.actions, device=device)
    everything = Batch(obs[:-1], actions, advantages, advantages + old_values, old_values)
    if rollout.valid.all():
        return Batch(*(field.flatten(0, 1) for field in everything[:5]))
    valid = torch.as_tensor(rollout.valid, device=device)
    return Batch(*(field[valid] for field in everything[:5]))


def standardize(advantages: Tensor, eps: float = 1e-8) -> Tensor:
    """(A - mean) / (deviation + eps), with the deviation of the population, shape [B]."""
    return (advantages - advantages.mean()) / (advantages.std(correction=0) + eps)
