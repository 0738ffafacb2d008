"""Dense layers: the way forward, the way back, and first weights."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from upright.envs import Column
from upright.ground import Array

MANY = 4096


class Linear(NamedTuple):
    """x W + b and its gradients: views of a network's two vectors.

    The weight is stored with its smaller dimension first; here it is [inputs, outputs].
    """

    weight: Array
    d_weight: Array
    bias: Array | None
    d_bias: Array | None


class Lookup:
    """The product of the first layer where some of an observation's numbers are one out of n.

    Such a number stands for n of the layer's inputs, of which one is 1: its row of W is looked up,
    and its gradient scattered back, and nothing is multiplied by 0.

    Args:
        columns: Of an observation, D of them.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        counted = np.array([column.categories > 0 for column in columns])
        widths = np.array([column.categories or 1 for column in columns])
        first = np.cumsum(widths) - widths
        self.inputs = sum(column.categories or 1 for column in columns)  # beyond any int64
        self._counted, self._numbers = counted.nonzero()[0], (~counted).nonzero()[0]
        starts = np.array([column.start for column in columns])
        self._shift = (first - starts)[self._counted]
        self._weights_of_numbers = first[self._numbers]

    def product(self, obs: Array, weight: Array) -> Array:
        """X W of obs [B, D] and W [inputs, units], x being obs with its categories spread out."""
        index = self._index(obs)
        out = np.take(weight, index[:, 0], axis=0)
        for column in index.T[1:]:
            out += np.take(weight, column, axis=0)
        if len(self._numbers):
            out += obs[:, self._numbers] @ weight[self._weights_of_numbers]
        return out

    def gradient(self, obs: Array, d: Array, d_weight: Array) -> None:
        """Write x^T d into d_weight [inputs, units], d [B, units]."""
        d_weight[:] = 0.0
        for column in self._index(obs).T:
            order = np.argsort(column, kind="stable")
            met = column[order]
            first = np.flatnonzero(np.diff(met, prepend=-1))
            d_weight[met[first]] += np.add.reduceat(d[order], first)
        if len(self._numbers):
            d_weight[self._weights_of_numbers] = obs[:, self._numbers].T @ d

    def _index(self, obs: Array) -> Array:
        """Which rows of W each observation's categories are, [B, categories]."""
        return np.asarray(obs[:, self._counted].astype(np.int64) + self._shift)


class Stack:
    """Linear layers with an activation between them: [B, sizes[0]] -> [B, sizes[-1]].

        forward   h = phi(x W + b)
        backward  dW = x^T d,  db = sum d,  dx = d W^T,  d = dh * phi'

    phi' is read from the output: 1 - h^2 for tanh, h > 0 for relu. What an activation gives lies
    in memory that the next forward pass overwrites; what comes out of a linear layer is new.

    Args:
        layers: The layers.
        activation: "tanh" or "relu".
        activate_last: Whether what comes out is activated too.
        lookup: How the first layer meets observations that hold categories.
    """

    def __init__(
        self,
        layers: Sequence[Linear],
        activation: str,
        activate_last: bool,
        lookup: Lookup | None = None,
    ) -> None:
        self.layers, self.lookup = layers, lookup
        self.activation, self.activate_last = activation, activate_last
        self._hidden: list[Array] = []
        self._derivatives: list[Array] = []
        self._inputs: list[Array] = []
        self._zeros = np.zeros(0)

    def apply(self, x: Array) -> Array:
        """The function of x, remembering nothing."""
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            if index == 0 and self.lookup is not None:
                x = self.lookup.product(x, layer.weight)
            else:
                x = x.dot(layer.weight)
            if layer.bias is not None:
                x += layer.bias
            if index < last or self.activate_last:
                self._activate(x)
        return x

    def forward(self, x: Array) -> Array:
        """The function of x, remembering what `backward` needs."""
        self._inputs, last = [x], len(self.layers) - 1
        hidden = self._memory(self._hidden, len(x))
        for index, layer in enumerate(self.layers):
            inner = index < last or self.activate_last
            if index == 0 and self.lookup is not None:
                x = self.lookup.product(x, layer.weight)
            else:
                x = np.dot(x, layer.weight, out=hidden[index] if inner else None)
            if layer.bias is not None:
                x += layer.bias
            if inner:
                self._activate(x)
            self._inputs.append(x)
        return x

    def backward(self, d: Array, to_input: bool = False) -> Array | None:
        """Write the layers' gradients; d x, if it is asked for. Once after a forward pass.

        Args:
            d: The loss's derivatives with respect to what came out, [B, sizes[-1]]; overwritten.
            to_input: Whether those with respect to x are wanted.
        """
        last, ones = len(self.layers) - 1, np.ones(len(d), d.dtype)
        room = self._memory(self._derivatives, len(d))
        for index in range(last, -1, -1):
            layer, h, x = self.layers[index], self._inputs.pop(), self._inputs[-1]
            if index < last or self.activate_last:
                d *= self._slope(h)
            if index == 0 and self.lookup is not None:
                self.lookup.gradient(x, d, layer.d_weight)
            elif layer.d_weight.flags.c_contiguous:
                np.dot(x.T, d, out=layer.d_weight)
            else:
                np.dot(d.T, x, out=layer.d_weight.T)
            if layer.d_bias is not None:
                np.dot(ones, d, out=layer.d_bias)
            if index or to_input:
                d = np.dot(d, layer.weight.T, out=room[index - 1] if index else None)
        return d if to_input else None

    def _activate(self, x: Array) -> None:
        """Phi of x, in the place of x."""
        if self.activation == "tanh":
            tanh(x)
            return
        if self._zeros.size < x.size:
            self._zeros = np.zeros(x.size, x.dtype)
        np.maximum(x, self._zeros[: x.size].reshape(x.shape), out=x)  # a single 0 is 3 times slower

    def _slope(self, h: Array) -> Array:
        """The slope where phi gave h, in the place of h: nobody needs that any more."""
        if self.activation == "tanh":
            np.multiply(h, h, out=h)
            return np.subtract(1.0, h, out=h)
        return np.greater(h, 0.0)

    def _memory(self, room: list[Array], rows: int) -> list[Array]:
        """Room for what is between the layers, [rows, units] each; `room` grows to it."""
        if not room or len(room[0]) < rows:
            inner = self.layers if self.activate_last else self.layers[:-1]
            room[:] = [
                np.empty((rows, layer.weight.shape[1]), layer.weight.dtype) for layer in inner
            ]
        return [each[:rows] for each in room]


def tanh(x: Array) -> None:
    """Tanh x = 1 - 2 / (1 + exp 2x), in the place of x.

    For many numbers that takes two thirds of the time of NumPy's own, to one unit in the last
    place of 1; for few, NumPy's own is faster.
    """
    if x.size < MANY:
        np.tanh(x, out=x)
        return
    with np.errstate(over="ignore"):  # 2 / infinity is 0, as it should be
        np.add(x, x, out=x)
        np.exp(x, out=x)
        np.add(x, 1.0, out=x)
        np.divide(-2.0, x, out=x)
        np.add(x, 1.0, out=x)


def initialize(layer: Linear, how: str, gain: float, rng: np.random.Generator) -> None:
    """First weights of a layer, "orthogonal" with this gain and no biases, or "uniform"."""
    if how == "orthogonal":
        layer.weight[:] = gain * _orthogonal(layer.weight.shape, rng)
        if layer.bias is not None:
            layer.bias[:] = 0.0
        return
    bound = layer.weight.shape[0] ** -0.5
    for part in (layer.weight, layer.bias):
        if part is not None:
            part[:] = rng.uniform(-bound, bound, part.shape)


def _orthogonal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A matrix whose rows or columns, whichever are fewer, are orthonormal; all alike probable.

    The signs of R's diagonal are moved into Q (Mezzadri, 2007).
    """
    normal = rng.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diag(r))
    return q if shape[0] >= shape[1] else q.T
