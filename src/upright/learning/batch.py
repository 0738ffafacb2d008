"""Rollout -> batch: the transitions that count, flat, each with its advantage and return."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from upright.ground import Array, Bools, Floats, mean, variance
from upright.policy import Policy
from upright.rollout import Rollout

Advantages = Callable[[Rollout, Floats, Floats], Floats]


class Batch(NamedTuple):
    """The valid transitions of a rollout, flat: obs [B, ...], masks [B, P], the rest [B].

    PPO alone needs the old log-probs; masks are None where the environments gave none.
    """

    obs: Array
    actions: Array
    advantages: Array
    returns: Array
    old_values: Array
    old_log_probs: Array = np.empty(0, np.float32)
    masks: Bools | None = None

    def rows(self, index: Array) -> "Batch":
        """The transitions at `index`."""
        return Batch(*(None if field is None else field[index] for field in self))  # type: ignore[arg-type]


def batch_of(rollout: Rollout, policy: Policy, advantages_of: Advantages) -> Batch:
    """A rollout's transitions, with values and advantages from one forward pass.

    Args:
        rollout: What was collected.
        policy: Whose critic says V(s).
        advantages_of: Advantages, [T, N], from a rollout, V(s_t) and V(s_{t+1}), each [T, N].
    """
    shape = rollout.obs.shape[:2]
    values = policy.values(rollout.obs.reshape(-1, *rollout.obs.shape[2:])).reshape(shape)
    next_values = values[1:].copy()
    if len(rollout.final_index):
        next_values[tuple(rollout.final_index.T)] = policy.values(rollout.final_obs)
    old_values = values[:-1]
    advantages = advantages_of(rollout, old_values, next_values).astype(np.float32)
    fields = (rollout.obs[:-1], rollout.actions, advantages, advantages + old_values, old_values)
    counts = slice(None) if rollout.valid.all() else rollout.valid.ravel()

    def flat(field: Array) -> Array:
        return field.reshape(-1, *field.shape[2:])[counts]

    batch = Batch(*map(flat, fields))
    given = {"old_log_probs": rollout.log_probs, "masks": rollout.masks}
    return batch._replace(**{name: flat(rows) for name, rows in given.items() if rows is not None})


def standardize(advantages: Array, eps: float = 1e-8) -> Array:
    """(A - mean) / (deviation + eps), with the deviation of the population, shape [B]."""
    deviation = math.sqrt(variance(advantages))
    standard: Array = (advantages - mean(advantages)) / (deviation + eps)
    return standard
