"""Spaces and rows: what an environment shows, and what it takes, as arrays with a row each.

A row of a Box, a Discrete, a MultiDiscrete or a MultiBinary is the value itself, in its own shape.
A row of a Tuple or a Dict is one vector: its parts' numbers one after the other, in the order of
`gymnasium.spaces.flatten`, save that a number out of n stays one number where flatten has n.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from upright.ground import Array, UprightError

Space = gym.Space[Any]
LARGEST_CATEGORY = 2**24  # in a row of float32, beyond which whole numbers are not all there


class Column(NamedTuple):
    """One number of a row.

    Attributes:
        categories: n where it is one out of n, else 0.
        start: The first of the n.
    """

    categories: int = 0
    start: int = 0


class Codec:
    """A space's values as rows, one or many at a time.

    Args:
        space: A Box, Discrete, MultiDiscrete or MultiBinary, or a Tuple or Dict of such, nested.

    Attributes:
        shape: A row's.
        dtype: A row's: float32, int64 where it counts, uint8 where it is a picture.
        columns: Its numbers, in order.

    Raises:
        UprightError: The space is of another kind, or has no number at all.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.is_composite = isinstance(space, spaces.Tuple | spaces.Dict)
        self.columns = tuple(_columns(space, space))
        if not self.columns:
            raise UprightError(f"The space {space} has no number in it.")
        if self.is_composite:
            self.shape: tuple[int, ...] = (len(self.columns),)
            self.dtype: np.dtype[Any] = np.dtype(np.float32)
            if any(c.start + c.categories > LARGEST_CATEGORY for c in self.columns):
                raise UprightError(
                    f"The space {space} counts beyond {LARGEST_CATEGORY:,}.",
                    "A Discrete of that size has to stand alone.",
                )
        else:
            self.shape, self.dtype = tuple(space.shape or ()), _row_dtype(space)

    def fits(self, other: "Codec") -> bool:
        """Whether both have the same rows."""
        return (self.shape, self.columns) == (other.shape, other.columns)

    @property
    def row_space(self) -> Space:
        """A space whose values are the rows."""
        if not self.is_composite:
            return self.space
        return spaces.Box(-np.inf, np.inf, self.shape, np.float32)

    def row(self, value: Any) -> Array:
        """The row of one value of the space, [*shape].

        Raises:
            ValueError: It is no value of the space's structure, in words.
        """
        return self._rows(value, ())

    def rows(self, batch: Any) -> Array:
        """The rows [N, *shape] of N values, batched as Gymnasium's vector environments do.

        They lie in rows in memory, as in a checkpoint: a product's last bit can see it.

        Raises:
            ValueError: They are none, in words.
        """
        if not self.is_composite:
            if np.shape(batch)[1:] != self.shape or np.ndim(batch) == 0:
                raise ValueError(f"shape {np.shape(batch)} where a batch of {self.space} should be")
            return np.ascontiguousarray(batch, self.dtype)
        return self._rows(batch, (len(_first_leaf(batch)),))

    def holds(self, value: Any) -> bool:
        """Whether it has the structure of one value, not of several."""
        try:
            self.row(value)
        except (ValueError, TypeError):
            return False
        return True

    def within(self, rows: Array) -> bool:
        """Whether every number of rows [N, *shape] that is one out of n is one of them."""
        flat = rows.reshape(len(rows), -1)
        counted = [(at, column) for at, column in enumerate(self.columns) if column.categories]
        return all(
            ((flat[:, at] >= column.start) & (flat[:, at] < column.start + column.categories)).all()
            for at, column in counted
        )

    def bounds(self) -> tuple[Array, Array]:
        """The least and the greatest of every number of a Box, [*shape]; infinite for others."""
        low, high = (np.concatenate(bound) for bound in zip(*_bounds(self.space), strict=True))
        return low.reshape(self.shape), high.reshape(self.shape)

    def value(self, row: Array) -> Any:
        """The value of the space that a row stands for."""
        return _decoded(self.space, row, ())

    def values(self, rows: Array) -> Any:
        """N values, batched as Gymnasium's vector environments take them, of rows [N, *shape]."""
        return _decoded(self.space, rows, rows.shape[:1])

    def _rows(self, value: Any, lead: tuple[int, ...]) -> Array:
        parts = [part.astype(self.dtype, copy=False) for part in _encoded(self.space, value, lead)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return whole.reshape((*lead, *self.shape))


def _row_dtype(space: Space) -> np.dtype[Any]:
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return np.dtype(np.int64)
    if isinstance(space, spaces.MultiBinary):
        return np.dtype(np.int8)
    return np.dtype(np.uint8 if is_image(space) else np.float32)


def is_image(space: Space) -> bool:
    """Whether values are pictures: uint8 with height, width and channels, in any order."""
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def _parts(space: Space) -> list[tuple[Any, Space]]:
    """A Tuple's or a Dict's parts, by index or key, in their order."""
    named: Any = space.spaces  # type: ignore[attr-defined]
    return list(named.items() if isinstance(space, spaces.Dict) else enumerate(named))


def _box_columns(space: Any, whole: Space) -> Iterator[Column]:
    return iter([Column()] * math.prod(space.shape))


def _discrete_columns(space: Any, whole: Space) -> Iterator[Column]:
    yield Column(int(space.n), int(space.start))


def _multi_discrete_columns(space: Any, whole: Space) -> Iterator[Column]:
    for n, start in zip(space.nvec.ravel().tolist(), space.start.ravel().tolist(), strict=True):
        yield Column(n, start)


def _part_columns(space: Any, whole: Space) -> Iterator[Column]:
    for _, part in _parts(space):
        yield from _columns(part, whole)


KINDS: dict[type[Space], Callable[[Any, Space], Iterator[Column]]] = {
    spaces.Box: _box_columns,
    spaces.Discrete: _discrete_columns,
    spaces.MultiDiscrete: _multi_discrete_columns,
    spaces.MultiBinary: _box_columns,
    spaces.Tuple: _part_columns,
    spaces.Dict: _part_columns,
}


def _columns(space: Space, whole: Space) -> Iterator[Column]:
    """The numbers of a value, in order; `whole` is the space that it is a part of."""
    kind = next((kind for kind in KINDS if isinstance(space, kind)), None)
    if kind is None:
        inside = "" if space is whole else f", in {whole},"
        raise UprightError(
            f"The space {space}{inside} is not supported.",
            "Supported: Box, Discrete, MultiDiscrete, MultiBinary, and Tuple and Dict of them; "
            f"{_way_out(whole)}.",
        )
    return KINDS[kind](space, whole)


def _way_out(whole: Space) -> str:
    """What to do about a space that has a part of another kind, or is of one."""
    is_composite = isinstance(whole, spaces.Tuple | spaces.Dict)
    kept = [key for key, part in _parts(whole) if _is_known(part)] if is_composite else []
    if not kept:
        return "a wrapper (gymnasium.wrappers.TransformObservation) can make it one"
    leaves_out = (
        f"gymnasium.wrappers:FilterObservation(filter_keys={json.dumps(kept, default=str)})"
    )
    return (
        f"of an observation, --wrapper '{leaves_out}' keeps the others, and the package that has "
        "the environment may have a better wrapper"
    )


def _is_known(space: Space) -> bool:
    """Whether a space has only parts of known kinds."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        return all(_is_known(part) for _, part in _parts(space))
    return isinstance(space, tuple(KINDS))


def _encoded(space: Space, value: Any, lead: tuple[int, ...]) -> Iterator[Array]:
    """The numbers of a value's parts, each [*lead, n]."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        kind: Any = dict if isinstance(space, spaces.Dict) else tuple
        parts = _parts(space)
        if not isinstance(value, kind) or len(value) != len(parts):
            raise ValueError(f"{type(value).__name__} where {space} should be")
        for key, part in parts:
            if kind is dict and key not in value:
                raise ValueError(f"it has no {key!r}")
            yield from _encoded(part, value[key], lead)
        return
    found = np.asarray(value)
    shape = (*lead, *(space.shape or ()))
    if found.shape != shape or found.dtype.kind not in "biuf":
        raise ValueError(f"{found.dtype} of shape {found.shape} where {space} should be")
    if not isinstance(space, spaces.Box) and not lead and not space.contains(_as_own(space, found)):
        raise ValueError(f"{value!r} is not in {space}")
    yield found.reshape((*lead, -1))


def _as_own(space: Space, found: Array) -> Any:
    """The same numbers in the space's type, where they are whole."""
    own = found.astype(space.dtype)
    return own if np.array_equal(own, found) else found


def _decoded(space: Space, row: Array, lead: tuple[int, ...]) -> Any:
    """The value, or values, of numbers [*lead, n]."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        values, start = [], 0
        for _, part in _parts(space):
            end = start + len(tuple(_columns(part, part)))
            values.append(_decoded(part, row[..., start:end], lead))
            start = end
        if isinstance(space, spaces.Tuple):
            return tuple(values)
        return dict(zip(space.spaces, values, strict=True))
    if isinstance(space, spaces.Discrete) and not lead:
        return int(row.reshape(()))
    given = row.reshape((*lead, *(space.shape or ())))
    if isinstance(space, spaces.Box) and given.dtype == space.dtype:  # most are, and each step asks
        return np.minimum(np.maximum(given, space.low), space.high)
    with np.errstate(invalid="ignore"):  # what is beyond a bound is put on it
        value = given.astype(space.dtype)
    if isinstance(space, spaces.Box):  # float32 may round to just beyond a bound of its own type
        value = np.where(given >= space.high, space.high, value)
        value = np.where(given <= space.low, space.low, value).astype(space.dtype)
    return value


def _bounds(space: Space) -> Iterator[tuple[Array, Array]]:
    """Lower and upper bounds of a value's parts, float64 [n]."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        for _, part in _parts(space):
            yield from _bounds(part)
    elif isinstance(space, spaces.Box):
        yield space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    else:
        size = len(tuple(_columns(space, space)))
        yield np.full(size, -np.inf), np.full(size, np.inf)


def _first_leaf(batch: Any) -> Any:
    while isinstance(batch, dict | tuple):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return batch
