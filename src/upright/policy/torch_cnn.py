"""A convolutional network over pictures, and numbers beside them; loaded when it is needed."""

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from upright.envs import Codec, picture_axes
from upright.policy.networks import refuse_weights, without_room
from upright.policy.torch_mlp import OneHots, answered
from upright.policy.torch_network import TorchNetwork, drawn_from
from upright.settings import Settings

CHANNELS, UNITS = (32, 64, 64), 512
# Kernel, stride and padding along an axis with room for them, from 36 pixels on.
PUBLISHED = ((8, 4, 0), (4, 2, 0), (3, 1, 0))
ROOMY, FEW = 36, 4


class TorchCNN(nn.Module):
    """Pictures and numbers -> (params [B, P], values [B]).

    Each picture goes through three convolutions of 32, 64 and 64 channels and a dense layer of 512
    units, all with relu, which actor and critic share (Mnih et al., "Human-level control through
    deep reinforcement learning", 2015). What comes out, and the numbers beside it, go through the
    `hidden_sizes`, shared or not, as they do in an `MLP`. Pixels are bytes, divided by 255.

    Along an axis of 36 pixels or more the kernels are the published ones: 8, 4 and 3 pixels wide,
    at every 4th, 2nd and every place. Along a shorter one, where those do not fit, all three are 3
    wide with a border of zeros, at every 2nd place while more than 4 pixels are left, else at
    every one: 7 pixels become 4, and 20 become 10, 5 and 3.

    Args:
        codec: Of an observation in which there are pictures.
        num_params: P.
        free_params: How many of them are weights of their own, the same for every observation.
        settings: The hidden layers.

    Raises:
        MemoryError: So many weights are beyond any memory.
    """

    def __init__(self, codec: Codec, num_params: int, free_params: int, settings: Settings) -> None:
        super().__init__()
        self._codec = codec
        columns, hidden = codec.columns, settings.hidden_sizes
        seen = sum(column.categories or 1 for column in columns) + UNITS * len(codec.pictures)
        weights = sum(map(math.prod, pairwise([seen, *hidden, num_params])))
        weights += UNITS * sum(map(_features, codec.pictures))
        refuse_weights(weights)
        self.eyes = nn.ModuleList([_Eye(shape, settings.bias) for shape in codec.pictures])
        counted = any(column.categories for column in columns)
        self.spread = OneHots(columns) if counted else None
        torso = [seen, *hidden] if settings.shared_network else [seen]
        head = torso[-1:] if settings.shared_network else [seen, *hidden]
        self.torso = _dense(torso, settings, activate_last=True)
        self.actor = _dense([*head, num_params - free_params], settings)
        self.critic = _dense([*head, 1], settings) if settings.has_critic else None
        free = torch.full((free_params,), settings.log_std_init)
        self.free_params = nn.Parameter(free) if free_params else None

    @torch.no_grad()
    def initialize(self) -> None:
        """Orthogonal first weights, as `MLP.initialize` says; the others are PyTorch's own."""
        layers = [each for each in self.modules() if isinstance(each, nn.Linear | nn.Conv2d)]
        gains = {self.actor[-1]: 0.01, self.critic and self.critic[-1]: 1.0}
        for layer in layers:
            nn.init.orthogonal_(layer.weight, gains.get(layer, 2.0**0.5))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The parameters [B, P] and the critic's output [B] of rows, as `Codec` has them."""
        return self.of_parts(*split(rows, self._codec))

    def of_parts(self, numbers: Tensor | None, pictures: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Likewise, of what rows consist of: numbers [B, D], if any, and pictures [B, ...]."""
        seen = [eye(picture) for eye, picture in zip(self.eyes, pictures, strict=True)]
        if numbers is not None:
            seen.append(numbers if self.spread is None else self.spread(numbers))
        return answered(self, self.torso(torch.cat(seen, dim=1)))


class _Eye(nn.Module):
    """What is seen in a picture: uint8 [B, *shape] -> float32 [B, 512]."""

    def __init__(self, shape: tuple[int, ...], bias: bool) -> None:
        super().__init__()
        axes = picture_axes(shape)
        self._channels_last, self._channels = not axes.channels_first, axes.channels
        layers: list[nn.Module] = []
        channels = [axes.channels, *CHANNELS]
        for (inputs, outputs), steps in zip(pairwise(channels), _steps(shape), strict=True):
            kernel, stride, padding = zip(*steps, strict=True)
            layers += [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias), nn.ReLU()]
        dense = nn.Linear(_features(shape), UNITS, bias=bias)
        self.layers = nn.Sequential(*layers, nn.Flatten(), dense, nn.ReLU())

    def forward(self, picture: Tensor) -> Tensor:
        if self._channels_last:
            picture = picture.movedim(-1, -3)
        pixels = picture.reshape(-1, self._channels, *picture.shape[-2:]) / 255.0
        return cast(Tensor, self.layers(pixels))


def _steps(shape: tuple[int, ...]) -> list[tuple[tuple[int, int, int], ...]]:
    """Of each layer (kernel, stride, padding) along height and width."""
    axes = picture_axes(shape)
    return list(zip(*(_along(length) for length in (axes.height, axes.width)), strict=True))


def _along(length: int) -> list[tuple[int, int, int]]:
    """Of each layer (kernel, stride, padding) along an axis of so many pixels."""
    if length >= ROOMY:
        return list(PUBLISHED)
    found = []
    for _ in CHANNELS:
        found.append((3, 2 if length > FEW else 1, 1))
        length = _left(length, found[-1])
    return found


def _left(length: int, step: tuple[int, int, int]) -> int:
    """Pixels along an axis after a layer."""
    kernel, stride, padding = step
    left: int = (length + 2 * padding - kernel) // stride + 1
    return left


def _features(shape: tuple[int, ...]) -> int:
    """Numbers that the convolutions make of one picture."""
    axes = picture_axes(shape)
    sides = [axes.height, axes.width]
    for steps in _steps(shape):
        sides = [_left(length, step) for length, step in zip(sides, steps, strict=True)]
    return CHANNELS[-1] * math.prod(sides)


def _dense(sizes: list[int], settings: Settings, activate_last: bool = False) -> nn.Sequential:
    """Linear layers of these sizes, the activation between them."""
    activation = nn.Tanh if settings.activation == "tanh" else nn.ReLU
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        parts += [nn.Linear(inputs, outputs, bias=settings.bias), activation()]
    return nn.Sequential(*(parts if activate_last else parts[:-1]))


def split(rows: Tensor, codec: Codec) -> tuple[Tensor | None, list[Tensor]]:
    """What rows [B, ...] with pictures consist of, as `Codec.numbers` and `Codec.pictures_of`."""
    if not codec.is_composite:
        return None, [rows]
    at = rows.shape[1] - sum(map(math.prod, codec.pictures))
    lying = torch.contiguous_format  # a copy, in rows, which begins where a float32 may
    numbers = rows[:, :at].clone(memory_format=lying).view(torch.float32) if at else None
    found = []
    for shape in codec.pictures:
        found.append(rows[:, at : at + math.prod(shape)].reshape(-1, *shape))
        at += math.prod(shape)
    return numbers, found


def picture_network(
    codec: Codec,
    num_params: int,
    free_params: int,
    settings: Settings,
    device: str,
    seed: int | None,
) -> TorchNetwork:
    """A `TorchCNN` as a network.

    Args:
        codec: Of an observation in which there are pictures.
        num_params: P.
        free_params: How many of them are the same for every observation.
        settings: The hidden layers, and the first weights.
        device: "cpu" or "cuda".
        seed: Of the first weights; None where others are loaded.

    Raises:
        UprightError: The sizes are beyond any memory.
    """
    with drawn_from(seed):
        try:
            module = TorchCNN(codec, num_params, free_params, settings)
            if seed is not None and settings.initialization == "orthogonal":
                module.initialize()
        except (RuntimeError, MemoryError) as error:
            raise without_room(error) from error
    return TorchNetwork(module, num_params, device)
