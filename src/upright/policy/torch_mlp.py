"""The dense network as a module of PyTorch, and on another device; loaded when it is needed."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from upright.envs import Column
from upright.policy.layers import Stack
from upright.policy.networks import FREE, MLP
from upright.policy.torch_network import TorchNetwork


class TorchMLP(nn.Module):
    """What an `MLP` computes, as a module of `nn.Linear`: obs [B, ...] -> (params, values)."""

    def __init__(self, mlp: MLP) -> None:
        super().__init__()
        lookup = mlp.actor.lookup or mlp.torso.lookup
        self.spread = None if lookup is None else OneHots(lookup.columns)
        self.torso, self.actor = _sequential(mlp.torso), _sequential(mlp.actor)
        self.critic = _sequential(mlp.critic) if mlp.critic.layers else None
        free = mlp.weights.get(FREE)
        self.free_params = None if free is None else nn.Parameter(torch.tensor(free))

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The parameters [B, P] and the critic's output [B]."""
        flat = vectors(obs)
        spread = flat.to(torch.float32) if self.spread is None else self.spread(flat)
        return answered(self, self.torso(spread))


class Heads(Protocol):
    """What a module answers with: an actor, and perhaps a critic and parameters of its own."""

    actor: nn.Sequential
    critic: nn.Sequential | None
    free_params: nn.Parameter | None


def answered(heads: Heads, features: Tensor) -> tuple[Tensor, Tensor]:
    """The parameters [B, P] and the critic's output [B], 0 without one, of features [B, D]."""
    params: Tensor = heads.actor(features)
    if heads.free_params is not None:
        params = torch.cat([params, heads.free_params.expand(params.shape[0], -1)], dim=1)
    if heads.critic is None:
        return params, features.new_zeros(features.shape[0])
    return params, heads.critic(features)[:, 0]


class OneHots(nn.Module):
    """What `Lookup` spares: each number that is one out of n as n numbers, of which one is 1."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = columns

    def forward(self, obs: Tensor) -> Tensor:
        """Numbers [B, D] spread out, [B, inputs]."""
        numbers = obs.float()
        parts = [
            nn.functional.one_hot(obs[:, at].long() - start, n).float() if n else numbers[:, [at]]
            for at, (n, start) in enumerate(self._columns)
        ]
        return torch.cat(parts, dim=1)


def vectors(obs: Tensor) -> Tensor:
    """A vector for each observation, [B, D] of obs [B, ...]."""
    return obs[:, None] if obs.ndim == 1 else obs.flatten(1)


def _sequential(stack: Stack) -> nn.Sequential:
    """Layers of `nn.Linear` with the stack's weights, its activation between them."""
    activation, parts = (nn.Tanh if stack.activation == "tanh" else nn.ReLU), []
    for layer in stack.layers:
        inputs, outputs = layer.weight.shape
        linear = nn.Linear(inputs, outputs, bias=layer.bias is not None)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weight.T))
            if layer.bias is not None:
                linear.bias.copy_(torch.tensor(layer.bias))
        parts += [linear, activation()]
    return nn.Sequential(*(parts if stack.activate_last else parts[:-1]))


def on_device(mlp: MLP, device: str) -> TorchNetwork:
    """The same network, its arithmetic done elsewhere; it shares the flat vectors."""
    return TorchNetwork(TorchMLP(mlp), mlp.num_params, device, like=mlp)
