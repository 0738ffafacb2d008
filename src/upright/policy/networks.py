"""Networks: observations to a distribution's parameters and values, and the way back.

`Network` is the seam: everything above it is the same for the `MLP` below, which is NumPy with
closed-form gradients, and for `TorchNetwork`, which wraps a module of PyTorch.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from upright.ground import Array, UprightError, memory_bytes
from upright.policy.layers import Linear, Lookup, Stack, initialize

Weights = dict[str, Array]
FREE = "free_params"
# Weights of a policy, where a system does not say how much memory it has; else so many bytes each,
# as measured while they are drawn: a training of them takes half as much.
LARGEST_POLICY, WEIGHT_BYTES = 2**31, 40
# So many numbers of observations are looked at together where nothing is learned: what a module
# makes of pictures on the way can be twenty times as much.
TOGETHER = 2**22


def refuse_weights(weights: int) -> None:
    """Refuse a policy that is too large for the machine.

    Raises:
        MemoryError: It has more weights than there is room for.
    """
    memory = memory_bytes()
    most = LARGEST_POLICY if memory is None else memory // WEIGHT_BYTES
    if weights > most:
        raise MemoryError(f"{weights:,} weights, and this machine has memory for {most:,}")


def without_room(error: Exception) -> UprightError:
    """What to say of a policy that there is no memory for; `error` said so first."""
    return UprightError(
        f"No policy can have these sizes: {error}.",
        "Say smaller hidden_sizes, or make the environment's spaces smaller.",
    )


class Network(Protocol):
    """pi's parameters and V(s) from observations; its weights and their gradient are one vector.

    Attributes:
        flat: Every weight, one after the other, [weights]; an optimiser writes into it.
        grad: The derivative of the loss with respect to each, [weights]; `backward` fills it.
        weights: The same weights by name, views of `flat`.
        gradients: Likewise, of `grad`.
        spans: Which part of `flat` is the torso, the actor and the critic, by name; may be empty.
        device: Where the arithmetic is done, "cpu" or "cuda".
        torch_version: PyTorch's, where it does the arithmetic; else empty.
    """

    flat: Array
    grad: Array
    weights: Weights
    gradients: Weights
    spans: dict[str, slice]
    device: str
    torch_version: str

    def forward(self, obs: Array) -> tuple[Array, Array]:
        """The parameters [B, P] and the critic's output [B] of obs [B, ...]; remembers the way."""

    def backward(self, d_params: Array, d_values: Array) -> None:
        """Fill `grad` from the loss's derivatives with respect to what `forward` last returned."""

    def params(self, obs: Array) -> Array:
        """The parameters alone, [B, P], to act on; nothing is remembered."""

    def values(self, obs: Array) -> Array:
        """The critic's output alone, [B]; nothing is remembered."""

    def written(self) -> None:
        """`flat` was written into."""


class MLP:
    """A torso (or none) under an actor and a critic (or none), dense layers with tanh or relu.

    Args:
        inputs: Numbers in one observation.
        num_params: P, what the distribution needs.
        hidden_sizes: Units of the hidden layers; of the torso where it is shared, else of both.
        activation: "tanh" or "relu".
        bias: Whether layers have biases.
        shared: Whether actor and critic share the hidden layers.
        critic: Whether there is one; where there is none, values are 0.
        free_params: How many of the P are weights of their own, the same for every observation.
        lookup: How observations that hold categories meet the first layer; it has as many inputs.
        dtype: Of weights and arithmetic.

    Raises:
        UprightError: The sizes are beyond any memory.

    Example:
        >>> network = MLP(inputs=4, num_params=2, hidden_sizes=[64, 64])
        >>> network.initialize("orthogonal", np.random.default_rng(0))
        >>> params, values = network.forward(np.zeros((8, 4), np.float32))
        >>> params.shape, values.shape, network.flat.shape
        ((8, 2), (8,), (9155,))
    """

    device, torch_version = "cpu", ""

    def __init__(
        self,
        inputs: int,
        num_params: int,
        hidden_sizes: Sequence[int],
        activation: str = "tanh",
        bias: bool = True,
        shared: bool = False,
        critic: bool = True,
        free_params: int = 0,
        lookup: Lookup | None = None,
        dtype: Any = np.float32,
    ) -> None:
        torso = [inputs, *hidden_sizes] if shared else [inputs]
        head = torso[-1:] if shared else [inputs, *hidden_sizes]
        options = (activation, bias, shared, critic, free_params, lookup, dtype)
        self._described = (inputs, num_params, hidden_sizes, *options)
        sizes = {"torso": torso, "actor": [*head, num_params - free_params]}
        if critic:
            sizes["critic"] = [*head, 1]
        shapes = dict(_shapes(sizes, bias, free_params))
        total = sum(map(math.prod, shapes.values()))
        try:
            refuse_weights(total)
            self.flat, self.grad = np.empty(total, dtype), np.zeros(total, dtype)
        except MemoryError as error:
            raise without_room(error) from error
        self.weights, self.gradients = (views(flat, shapes) for flat in (self.flat, self.grad))
        self.spans = _spans(shapes)
        self.torso, self.actor, self.critic = (
            Stack(
                self._layers(name, sizes.get(name, [])),
                activation,
                name == "torso",
                None if shared and hidden_sizes and name != "torso" else lookup,
            )
            for name in ("torso", "actor", "critic")
        )
        self.num_params, self._has_critic, self._free = num_params, critic, free_params

    def __deepcopy__(self, memo: dict[int, Any]) -> "MLP":
        """The same weights, its layers views of vectors of its own."""
        other = MLP(*self._described)
        other.flat[:] = self.flat
        return other

    def initialize(self, how: str, rng: np.random.Generator, free: float = 0.0) -> None:
        """First weights.

        Args:
            how: "orthogonal" (Saxe et al., 2014; gain sqrt(2), 0.01 for the actor's last layer and
                1 for the critic's; zero biases) or "uniform" (U(-1/sqrt(fan_in), 1/sqrt(fan_in)),
                weights and biases, as PyTorch does by itself).
            rng: Source of randomness.
            free: What the parameters that are weights of their own begin at.
        """
        for stack, last_gain in ((self.torso, 2.0**0.5), (self.actor, 0.01), (self.critic, 1.0)):
            for layer in stack.layers:
                gain = last_gain if layer is stack.layers[-1] else 2.0**0.5
                initialize(layer, how, gain, rng)
        if self._free:
            self.weights[FREE][:] = free

    def forward(self, obs: Array) -> tuple[Array, Array]:
        """As in `Network`; obs [B, inputs]."""
        features = self.torso.forward(obs) if self.torso.layers else obs
        params = self._with_free(self.actor.forward(features))
        if not self._has_critic:
            return params, np.zeros(len(obs), params.dtype)
        return params, self.critic.forward(features)[:, 0]

    def backward(self, d_params: Array, d_values: Array) -> None:
        """As in `Network`; d_params [B, P], d_values [B]."""
        shared = bool(self.torso.layers)
        if self._free:
            d_params[:, -self._free :].sum(axis=0, out=self.gradients[FREE])
            d_params = d_params[:, : -self._free]
        d = self.actor.backward(d_params.copy(), shared)
        if self._has_critic:
            d_critic = self.critic.backward(d_values[:, None].copy(), shared)
            d = d if d is None else d + d_critic
        if d is not None:
            self.torso.backward(d)

    def params(self, obs: Array) -> Array:
        """As in `Network`; obs [B, inputs]."""
        return self._with_free(self.actor.apply(self.torso.apply(obs)))

    def values(self, obs: Array) -> Array:
        """As in `Network`; obs [B, inputs]."""
        if not self._has_critic:
            return np.zeros(len(obs), self.flat.dtype)
        return self.critic.apply(self.torso.apply(obs))[:, 0]

    def written(self) -> None:
        """Nothing to do: the layers are views of `flat`."""

    def _with_free(self, params: Array) -> Array:
        if not self._free:
            return params
        whole = np.empty((len(params), self.num_params), params.dtype)
        whole[:, : -self._free], whole[:, -self._free :] = params, self.weights[FREE]
        return whole

    def _layers(self, name: str, sizes: Sequence[int]) -> list[Linear]:
        layers = []
        for index, (inputs, outputs) in enumerate(pairwise(sizes)):
            key = f"{name}.{2 * index}."
            weight, d_weight = self.weights[key + "weight"], self.gradients[key + "weight"]
            if inputs >= outputs:
                weight, d_weight = weight.T, d_weight.T
            bias, d_bias = self.weights.get(key + "bias"), self.gradients.get(key + "bias")
            layers.append(Linear(weight, d_weight, bias, d_bias))
        return layers


def portions(obs: Array) -> Iterator[Array]:
    """Observations [B, ...], so many at a time that what a network makes of them has room."""
    most = max(1, TOGETHER * len(obs) // max(1, obs.size))
    for start in range(0, len(obs), most):
        yield obs[start : start + most]


def _shapes(
    sizes: dict[str, list[int]], bias: bool, free_params: int
) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Name and shape of each weight, in the order of `flat`."""
    for name, units in sizes.items():
        for index, (inputs, outputs) in enumerate(pairwise(units)):
            yield f"{name}.{2 * index}.weight", tuple(sorted((inputs, outputs)))
            if bias:
                yield f"{name}.{2 * index}.bias", (outputs,)
        if name == "actor" and free_params:
            yield FREE, (free_params,)


def views(flat: Array, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Parts of a flat vector by name, each of its shape."""
    parts, start = {}, 0
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        parts[name] = flat[start:end].reshape(shape)
        start = end
    return parts


def _spans(shapes: dict[str, tuple[int, ...]]) -> dict[str, slice]:
    """Where in a flat vector the torso, the actor and the critic are."""
    spans: dict[str, slice] = {}
    start = 0
    for name, shape in shapes.items():
        owner = "actor" if name == FREE else name.partition(".")[0]
        end = start + math.prod(shape)
        spans[owner] = slice(spans[owner].start if owner in spans else start, end)
        start = end
    return spans
