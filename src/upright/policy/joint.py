"""Actions of several parts, each with a distribution of its own."""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from upright.ground import Array
from upright.policy.distribution import Distribution, Evaluated


class Joint:
    """pi(a|s) is the product of the parts' pi(a_i|s); an action's row is theirs, one after another.

    Log-probs and entropies add up, so each part's derivatives are its own. The parameters are those
    of every part that depend on the observation, then those of every part that do not.

    Args:
        parts: The distributions.
        shape: Of one action in a row.
        dtype: Likewise.
    """

    def __init__(
        self, parts: Sequence[Distribution], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.parts, self.shape, self.dtype = tuple(parts), shape, dtype
        self.num_params = sum(part.num_params for part in parts)
        self.free_params = sum(part.free_params for part in parts)
        self._bound = _spans(part.num_params - part.free_params for part in parts)
        own = self.num_params - self.free_params
        self._free = _spans((part.free_params for part in parts), own)
        self._rows = _spans(math.prod(part.shape) for part in parts)

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """The parts' noise, side by side."""
        return np.concatenate([part.noise(rng, shape) for part in self.parts], axis=-1)

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions, `[N, *shape]`."""
        drawn, start = [], 0
        for part, own in self._each(params):
            width = part.num_params - part.free_params
            share = noise[..., start : start + width] if isinstance(noise, np.ndarray) else noise
            drawn.append(part.sample(own, share))
            start += width
        return self._joined(drawn)

    def bounded(self, actions: Array) -> Array:
        """Each part between its own bounds, `[N, *shape]`."""
        rows = zip(self.parts, self._split(actions), strict=True)
        return self._joined([part.bounded(row) for part, row in rows])

    def probabilities(self, params: Array) -> None:
        """None: there are too many actions."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """The sums of the parts' log-probs and entropies."""
        said = [
            part.evaluate(own, row)
            for (part, own), row in zip(self._each(params), self._split(actions), strict=True)
        ]
        log_probs = np.add.reduce([each.log_probs for each in said])
        entropy = np.add.reduce([each.entropy for each in said])
        return Evaluated(log_probs, entropy, [each.memory for each in said])

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """The parts' own, each in its place."""
        found = [
            part.gradient(each, d_log_probs, d_entropy)
            for part, each in zip(self.parts, memory, strict=True)
        ]
        whole = np.empty((len(d_log_probs), self.num_params), found[0].dtype)
        for part, bound, free, own in zip(self.parts, self._bound, self._free, found, strict=True):
            width = part.num_params - part.free_params
            whole[:, bound], whole[:, free] = own[:, :width], own[:, width:]
        return whole

    def _each(self, params: Array) -> Iterator[tuple[Distribution, Array]]:
        """Every part, with its own parameters [B, its P]."""
        for part, bound, free in zip(self.parts, self._bound, self._free, strict=True):
            own = params[:, bound]
            yield part, np.hstack([own, params[:, free]]) if part.free_params else own

    def _split(self, actions: Array) -> Iterator[Array]:
        """Every part's own actions, [N, *its shape]."""
        flat = actions.reshape(len(actions), -1)
        for part, span in zip(self.parts, self._rows, strict=True):
            yield flat[:, span].reshape(-1, *part.shape).astype(part.dtype, copy=False)

    def _joined(self, rows: Sequence[Array]) -> Array:
        flat = [row.reshape(len(row), -1).astype(self.dtype, copy=False) for row in rows]
        return np.concatenate(flat, axis=1).reshape(-1, *self.shape)


def pieces(distribution: Distribution) -> Iterator[Distribution]:
    """The parts that have none themselves, in the order of a row; its own only one elsewhere.

    Their parameters that depend on the observation stand in the same order, the first of all.
    """
    if isinstance(distribution, Joint):
        for part in distribution.parts:
            yield from pieces(part)
    else:
        yield distribution


def _spans(widths: "Iterator[int]", start: int = 0) -> list[slice]:
    return [slice(*ends) for ends in pairwise(accumulate(widths, initial=start))]
