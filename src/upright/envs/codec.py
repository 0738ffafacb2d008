"""Spaces and rows: what an environment shows, and what it takes, as arrays with a row each.

A row of a Box, a Discrete, a MultiDiscrete or a MultiBinary is the value itself, in its own shape.
A row of a Tuple or a Dict is one vector: its parts' numbers one after the other, in the order of
`gymnasium.spaces.flatten`, save that a number out of n stays one number where flatten has n.
Where some of the parts are pictures, the row is one vector of bytes: those of the numbers, as
float32, and after them the pictures, so that a pixel is kept in one byte and not in four.
"""

import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from gymnasium import spaces

from upright.envs.parts import (
    LARGEST_SHAPE,
    Space,
    bounds_of,
    columns_of,
    is_image,
    leaves_of,
    parts_of,
)
from upright.ground import Array, UprightError

LARGEST_CATEGORY = 2**24  # in a row of float32, beyond which whole numbers are not all there
FLOAT_BYTES = 4


class Codec:
    """A space's values as rows, one or many at a time.

    Args:
        space: A Box, Discrete, MultiDiscrete or MultiBinary, or a Tuple or Dict of such, nested.

    Attributes:
        shape: A row's.
        dtype: A row's: float32, int64 where it counts, uint8 where pictures are in it.
        columns: Its numbers, in order, without the pictures.
        pictures: The shapes of its pictures, in order.

    Raises:
        UprightError: The space is of another kind, or has no number at all, or too large a picture.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.is_composite = isinstance(space, spaces.Tuple | spaces.Dict)
        leaves = tuple(leaves_of(space, space))
        self._pictured = [is_image(leaf) for leaf in leaves]
        self._numbered = [leaf for leaf in leaves if not is_image(leaf)]
        self.pictures = tuple(tuple(leaf.shape or ()) for leaf in leaves if is_image(leaf))
        numbers = (columns_of(leaf) for leaf in self._numbered)
        self.columns = tuple(column for columns in numbers for column in columns)
        self._number_bytes = FLOAT_BYTES * len(self.columns)
        if not self.columns and not self.pictures:
            raise UprightError(f"The space {space} has no number in it.")
        if any(math.prod(shape) > LARGEST_SHAPE for shape in self.pictures):
            raise UprightError(
                f"A picture in {space} has more than {LARGEST_SHAPE:,} pixels.",
                "gymnasium.wrappers:ResizeObservation makes a picture smaller.",
            )
        if self.is_composite:
            pixels = sum(map(math.prod, self.pictures))
            size = self._number_bytes + pixels if pixels else len(self.columns)
            self.shape: tuple[int, ...] = (size,)
            self.dtype: np.dtype[Any] = np.dtype(np.uint8 if pixels else np.float32)
            if any(c.start + c.categories > LARGEST_CATEGORY for c in self.columns):
                raise UprightError(
                    f"The space {space} counts beyond {LARGEST_CATEGORY:,}.",
                    "A Discrete of that size has to stand alone.",
                )
        else:
            self.shape, self.dtype = tuple(space.shape or ()), _row_dtype(space)
        self._is_its_row = isinstance(space, spaces.Box) and space.dtype == self.dtype

    def fits(self, other: "Codec") -> bool:
        """Whether both have the same rows."""
        mine, its = ((each.shape, each.columns, each.pictures) for each in (self, other))
        return mine == its

    @property
    def row_space(self) -> Space:
        """A space whose values are the rows."""
        if not self.is_composite:
            return self.space
        if self.pictures:
            return spaces.Box(0, 255, self.shape, np.uint8)
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
            _refuse_other_pixels(self.space, np.asarray(batch))
            return np.ascontiguousarray(batch, self.dtype)
        return self._rows(batch, (len(_first_leaf(batch)),))

    def holds(self, value: Any) -> bool:
        """Whether it has the structure of one value, not of several."""
        try:
            self.row(value)
        except (ValueError, TypeError):
            return False
        return True

    def numbers(self, rows: Array) -> Array:
        """What of rows [..., *shape] is no picture: [..., columns]; all of it where none is.

        It is a view: what is written into it is written into rows.
        """
        if not self.pictures:
            return rows
        if not self.is_composite:
            return np.empty((*rows.shape[: rows.ndim - len(self.shape)], 0), np.float32)
        return rows[..., : self._number_bytes].view(np.float32)

    def pictures_of(self, rows: Array) -> list[Array]:
        """The pictures in rows [..., *shape], uint8 [..., *its shape] each; views."""
        if not self.is_composite:
            return [rows] if self.pictures else []
        found, start = [], self._number_bytes
        for shape in self.pictures:
            end = start + math.prod(shape)
            found.append(rows[..., start:end].reshape(*rows.shape[:-1], *shape))
            start = end
        return found

    def within(self, rows: Array) -> bool:
        """Whether every number of rows [N, *shape] that is one out of n is one of them."""
        flat = self.numbers(rows).reshape(len(rows), -1)
        counted = [(at, column) for at, column in enumerate(self.columns) if column.categories]
        return all(
            ((flat[:, at] >= column.start) & (flat[:, at] < column.start + column.categories)).all()
            for at, column in counted
        )

    def bounds(self) -> tuple[Array, Array]:
        """The least and the greatest of every number of a Box; infinite for others.

        They are of the shape of `numbers` of one row.
        """
        found = [bounds_of(leaf) for leaf in self._numbered]
        if self.pictures:
            found.append((np.empty(0), np.empty(0)))
        low, high = (np.concatenate(bound) for bound in zip(*found, strict=True))
        shape = (-1,) if self.pictures else self.shape
        return low.reshape(shape), high.reshape(shape)

    def value(self, row: Array) -> Any:
        """The value of the space that a row stands for."""
        return self._given(row, ())

    def values(self, rows: Array) -> Any:
        """N values, batched as Gymnasium's vector environments take them, of rows [N, *shape]."""
        return self._given(rows, rows.shape[:1])

    def _given(self, rows: Array, lead: tuple[int, ...]) -> Any:
        if self._is_its_row and rows.dtype == self.dtype:  # most actions are, and each step asks
            space: Any = self.space
            return np.minimum(np.maximum(rows, space.low), space.high)
        return _decoded(self.space, self._split(rows, lead), lead)

    def _rows(self, value: Any, lead: tuple[int, ...]) -> Array:
        parts = list(_encoded(self.space, value, lead))
        if not self.is_composite:
            return parts[0].astype(self.dtype, copy=False).reshape((*lead, *self.shape))
        if not self.pictures:
            return np.concatenate([part.astype(np.float32) for part in parts], axis=-1)
        row = np.empty((*lead, *self.shape), np.uint8)
        numbers = self._split(row, lead)
        for into, part in zip(numbers, parts, strict=True):
            into[...] = part
        return row

    def _split(self, rows: Array, lead: tuple[int, ...]) -> Iterator[Array]:
        """The numbers of each part that has no parts, or its pixels, [*lead, n]; views."""
        pictures = (each.reshape((*lead, -1)) for each in self.pictures_of(rows))
        numbers, start = self.numbers(rows).reshape((*lead, -1)), 0
        sizes = (math.prod(leaf.shape or ()) for leaf in self._numbered)
        for pictured in self._pictured:
            if pictured:
                yield next(pictures)
                continue
            end = start + next(sizes)
            yield numbers[..., start:end]
            start = end


def _row_dtype(space: Space) -> np.dtype[Any]:
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return np.dtype(np.int64)
    if isinstance(space, spaces.MultiBinary):
        return np.dtype(np.int8)
    return np.dtype(np.uint8 if is_image(space) else np.float32)


def _encoded(space: Space, value: Any, lead: tuple[int, ...]) -> Iterator[Array]:
    """The numbers of a value's parts, each [*lead, n]."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        kind: Any = dict if isinstance(space, spaces.Dict) else tuple
        parts = parts_of(space)
        if not isinstance(value, kind):
            raise ValueError(f"{type(value).__name__} where {space} should be")
        given = value.keys() if kind is dict else range(len(value))
        if len(given) != len(parts) or any(key not in given for key, _ in parts):
            raise ValueError(_difference(given, [key for key, _ in parts]))
        for key, part in parts:
            yield from _encoded(part, value[key], lead)
        return
    found = np.asarray(value)
    shape = (*lead, *(space.shape or ()))
    if found.shape != shape or found.dtype.kind not in "biuf":
        raise ValueError(f"{found.dtype} of shape {found.shape} where {space} should be")
    if not isinstance(space, spaces.Box) and not lead and not space.contains(_as_own(space, found)):
        raise ValueError(f"{value!r} is not in {space}")
    _refuse_other_pixels(space, found)
    yield found.reshape((*lead, -1))


def _difference(given: Collection[Any], own: list[Any]) -> str:
    """The first part, by key or index, that a value lacks, or else has beyond its space's."""
    lacking = [key for key in own if key not in given]
    spare = [key for key in given if key not in own]
    if lacking:
        return f"it has no part {lacking[0]!r}"
    return f"it has a part {spare[0]!r}, which its space has not"


def _refuse_other_pixels(space: Space, found: Array) -> None:
    """Refuse what is no picture's, or pictures', bytes; asked of every observation."""
    if found.dtype == space.dtype or not is_image(space):
        return
    if _as_own(space, found).dtype != space.dtype:
        raise ValueError(f"{found.dtype} that are no bytes where {space} should be")


def _as_own(space: Space, found: Array) -> Array:
    """The same numbers in the space's type, where they are whole."""
    if found.dtype == space.dtype:
        return found
    with np.errstate(invalid="ignore"):  # they are compared
        own = found.astype(space.dtype)
    return own if np.array_equal(own, found) else found


def _decoded(space: Space, parts: Iterator[Array], lead: tuple[int, ...]) -> Any:
    """The value, or values, of the numbers [*lead, n] of its parts, in order."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        values = [_decoded(part, parts, lead) for _, part in parts_of(space)]
        if isinstance(space, spaces.Tuple):
            return tuple(values)
        return dict(zip(space.spaces, values, strict=True))
    row = next(parts)
    if isinstance(space, spaces.Discrete) and not lead:
        return int(row.reshape(()))
    given = row.reshape((*lead, *(space.shape or ())))
    with np.errstate(invalid="ignore"):  # what is beyond a bound is put on it
        value = given.astype(space.dtype)
    if isinstance(space, spaces.Box):  # float32 may round to just beyond a bound of its own type
        value = np.where(given >= space.high, space.high, value)
        value = np.where(given <= space.low, space.low, value).astype(space.dtype)
    return value


def _first_leaf(batch: Any) -> Any:
    while isinstance(batch, dict | tuple):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return batch
