"""A whole policy as a module of PyTorch; loaded when it is asked for."""

import copy

import torch
from torch import Tensor, nn

from upright.envs import Codec
from upright.policy.networks import MLP, Network
from upright.policy.normalizer import RunningNormalizer
from upright.policy.torch_cnn import TorchCNN, split
from upright.policy.torch_mlp import TorchMLP, vectors
from upright.policy.torch_network import TorchNetwork


class TorchPolicy(nn.Module):
    """A whole policy as a module: obs [B, ...] -> (params [B, P], values [B] in return units).

    Args:
        network: Whose weights are copied.
        normalizer: Likewise; or none.
        value_scale: Return per unit of the critic's output.
        codec: Of an observation; obs are its rows.
    """

    def __init__(
        self,
        network: Network,
        normalizer: RunningNormalizer | None,
        value_scale: float,
        codec: Codec,
    ) -> None:
        super().__init__()
        if isinstance(network, MLP):
            self.network: nn.Module = TorchMLP(network)
        else:
            assert isinstance(network, TorchNetwork)
            self.network = copy.deepcopy(network.module).cpu()
        self.normalizer = None if normalizer is None else _Standard(normalizer)
        self.value_scale, self._codec = value_scale, codec
        own_rows = not isinstance(self.network, TorchMLP) and not codec.is_composite
        self._takes_rows = not codec.pictures or own_rows

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The distribution's parameters and V(s)."""
        if not self._takes_rows:
            return self.of_parts(*split(obs, self._codec))
        params, values = self.network(obs if self.normalizer is None else self.normalizer(obs))
        return params, values * self.value_scale

    def of_parts(self, numbers: Tensor | None, pictures: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Likewise, of numbers [B, D], if any, and pictures [B, ...], where there are pictures."""
        if numbers is not None and self.normalizer is not None:
            numbers = self.normalizer(numbers)
        if isinstance(self.network, TorchCNN):
            params, values = self.network.of_parts(numbers, pictures)
        else:
            pixels = [each.flatten(1).to(torch.float32) / 255.0 for each in pictures]
            parts = pixels if numbers is None else [numbers, *pixels]
            params, values = self.network(torch.cat(parts, dim=1))
        return params, values * self.value_scale


class _Standard(nn.Module):
    """A `RunningNormalizer` that learns no more."""

    mean: Tensor
    deviation: Tensor
    counted: Tensor

    def __init__(self, normalizer: RunningNormalizer) -> None:
        super().__init__()
        mean, deviation = normalizer.moments()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
        self.register_buffer("counted", torch.from_numpy(normalizer.counted))
        self._clip, self._all_counted = normalizer.clip, bool(normalizer.counted.all())

    def forward(self, obs: Tensor) -> Tensor:
        if self._all_counted:
            return obs
        flat = vectors(obs)
        standard = ((flat - self.mean) / self.deviation).clamp(-self._clip, self._clip)
        return torch.where(self.counted, flat, standard).reshape(obs.shape)
