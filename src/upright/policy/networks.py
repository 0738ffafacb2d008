"""Networks and their first weights. A new kind of observation is a new row in `ENCODERS`."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from upright.ground import Array, UprightError

ArrayFunction = Callable[[Array], Array]


class Activation(nn.Module):
    """An elementwise function that exists for tensors and for arrays alike."""

    TABLE: ClassVar[dict[str, tuple[Callable[[Tensor], Tensor], ArrayFunction]]] = {
        "tanh": (torch.tanh, np.tanh),
        "relu": (torch.relu, lambda x: np.maximum(x, 0.0)),
    }

    def __init__(self, name: str) -> None:
        super().__init__()
        self.on_tensor, self.on_array = self.TABLE[name]

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`, any shape."""
        return self.on_tensor(x)

    def array_function(self) -> ArrayFunction:
        """The same function on NumPy arrays."""
        return self.on_array


class Linear(nn.Module):
    """x W + b, [..., in_features] -> [..., out_features], with weights that nothing has set yet.

    The weight's smaller dimension is stored first. Its gradient is then a product with few rows and
    many columns, which takes a sixth of the time of one with many rows and few columns (512
    observations of 4 numbers into 128 units, on a CPU).
    """

    bias: nn.Parameter | None

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = nn.Parameter(torch.empty(sorted((in_features, out_features))))
        self.register_parameter("bias", nn.Parameter(torch.empty(out_features)) if bias else None)

    def forward(self, x: Tensor) -> Tensor:
        """The affine function of x."""
        weight = self.weight if self.out_features <= self.in_features else self.weight.t()
        return functional.linear(x, weight, self.bias)

    def array_function(self) -> ArrayFunction:
        """The same function on NumPy arrays, over views of the current weights."""
        weight = self.weight.detach().numpy()
        if self.out_features <= self.in_features:
            weight = weight.T
        if self.bias is None:
            return lambda x: x.dot(weight)
        bias = self.bias.detach().numpy()
        return lambda x: x.dot(weight) + bias


class MLP(nn.Sequential):
    """Linear layers with an activation between them: [B, sizes[0]] -> [B, sizes[-1]].

    Args:
        sizes: Units of input, hidden layers and output.
        activation: "tanh" or "relu".
        bias: Whether the layers have biases.
        activate_last: Whether the activation also follows the last layer.
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, bias: bool = True, activate_last: bool = False
    ) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [Linear(inputs, outputs, bias), Activation(activation)]
        super().__init__(*(layers if activate_last else layers[:-1]))

    def linear_layers(self) -> list[Linear]:
        """The layers that have weights, first to last."""
        return [layer for layer in self if isinstance(layer, Linear)]

    def array_function(self) -> ArrayFunction:
        """The same function on NumPy arrays, over views of the current weights.

        At a handful of rows NumPy's calls cost less than half of PyTorch's, and acting makes one
        at every step.
        """
        stages = [
            layer.array_function() for layer in self if isinstance(layer, Linear | Activation)
        ]

        def apply(x: Array) -> Array:
            for stage in stages:
                x = stage(x)
            return x

        return apply


def initialize(network: MLP, how: str, last_gain: float, generator: torch.Generator) -> None:
    """First weights of a network.

    Args:
        network: Its weights are overwritten.
        how: "orthogonal" (Saxe et al., 2014; gain sqrt(2), zero biases) or "uniform"
            (U(-1/sqrt(fan_in), 1/sqrt(fan_in)), weights and biases, as PyTorch does by itself).
        last_gain: Gain of the last layer where orthogonal.
        generator: Source of randomness.
    """
    layers = network.linear_layers()
    for layer in layers:
        if how == "orthogonal":
            gain = last_gain if layer is layers[-1] else 2.0**0.5
            nn.init.orthogonal_(layer.weight, gain, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        else:
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)


def _vector_size(space: gym.spaces.Box) -> int:
    if len(space.shape) != 1 or not space.shape[0]:
        raise UprightError(
            f"The observation space {space} is not supported yet.",
            "Supported: Box with one dimension, of at least one number; a FlattenObservation "
            "wrapper makes it one.",
        )
    return int(space.shape[0])


ENCODERS: dict[type[gym.Space[Any]], Callable[[Any], int]] = {gym.spaces.Box: _vector_size}


def observation_size(space: gym.Space[Any]) -> int:
    """How many numbers the network sees of one observation.

    Raises:
        UprightError: The kind of space has no row in `ENCODERS`.
    """
    size = ENCODERS.get(type(space))
    if size is None:
        raise UprightError(
            f"The observation space {space} is not supported yet.",
            "Supported: Box with one dimension.",
        )
    return size(space)
