"""What a space consists of: its parts, their numbers, and which of them are pictures."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from upright.ground import Array, UprightError

Space = gym.Space[Any]
LEAST, LEAST_GREY = 3, 8  # pixels of a picture's height and width
LARGEST_SHAPE = 2**24  # numbers of a picture, or bits, that a run's record may speak of


class Column(NamedTuple):
    """One number of a row.

    Attributes:
        categories: n where it is one out of n, else 0.
        start: The first of the n.
    """

    categories: int = 0
    start: int = 0


def is_image(space: Space) -> bool:
    """Whether values are pictures: uint8 from 0 to 255, of height and width.

    Three axes are height, width and channels, or channels first; four are pictures one after the
    other, stacked; two are one of grey, and at least 8 by 8: a smaller one is rather a table.
    """
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    if len(space.shape) not in (2, 3, 4) or (space.low != 0).any() or (space.high != 255).any():
        return False
    _, channels, *sides = picture_axes(space.shape)
    return channels > 0 and min(sides) >= (LEAST_GREY if len(space.shape) == 2 else LEAST)


class PictureAxes(NamedTuple):
    """How a picture lies in its array.

    Attributes:
        channels_first: Whether its channels stand before its height and width, or there are none.
        channels: How many, over all pictures of a stack.
        height: In pixels.
        width: In pixels.
    """

    channels_first: bool
    channels: int
    height: int
    width: int


def picture_axes(shape: tuple[int, ...]) -> PictureAxes:
    """Where the channels are: the smaller one of first and last axis; of equals, the first.

    So does Stable-Baselines3. A first axis of four is of pictures one after the other.
    """
    frames = shape[0] if len(shape) == 4 else 1
    own = shape[-3:] if len(shape) > 2 else (1, *shape)
    first = own[0] <= own[2]
    channels, height, width = own if first else (own[2], own[0], own[1])
    return PictureAxes(first, frames * channels, height, width)


def parts_of(space: Space) -> list[tuple[Any, Space]]:
    """A Tuple's or a Dict's parts, by index or key, in their order."""
    named: Any = space.spaces  # type: ignore[attr-defined]
    return list(named.items() if isinstance(space, spaces.Dict) else enumerate(named))


def leaves_of(space: Space, whole: Space) -> Iterator[Space]:
    """The parts that have no parts, in order; `whole` is the space that it is a part of."""
    if isinstance(space, spaces.Tuple | spaces.Dict):
        for key, part in parts_of(space):
            if isinstance(space, spaces.Dict) and not isinstance(key, str):
                raise UprightError(
                    f"The space {space} has the key {key!r}, which is no text.",
                    "A run is recorded in JSON, where keys are texts: name the parts by texts.",
                )
            yield from leaves_of(part, whole)
        return
    if not isinstance(space, tuple(KINDS)):
        inside = "" if space is whole else f", in {whole},"
        raise UprightError(
            f"The space {space}{inside} is not supported.",
            "Supported: Box, Discrete, MultiDiscrete, MultiBinary, and Tuple and Dict of them; "
            f"{_way_out(whole)}.",
        )
    yield space


def _way_out(whole: Space) -> str:
    """What to do about a space that has a part of another kind, or is of one."""
    is_composite = isinstance(whole, spaces.Tuple | spaces.Dict)
    kept = [key for key, part in parts_of(whole) if _is_known(part)] if is_composite else []
    if not kept:
        wrappers = "gymnasium.wrappers.TransformObservation, or TransformAction"
        return f"a wrapper ({wrappers}) can make it one"
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
        return all(_is_known(part) for _, part in parts_of(space))
    return isinstance(space, tuple(KINDS))


def _box_columns(space: Any) -> Iterator[Column]:
    return iter([Column()] * math.prod(space.shape))


def _discrete_columns(space: Any) -> Iterator[Column]:
    yield Column(int(space.n), int(space.start))


def _multi_discrete_columns(space: Any) -> Iterator[Column]:
    for n, start in zip(space.nvec.ravel().tolist(), space.start.ravel().tolist(), strict=True):
        yield Column(n, start)


KINDS: dict[type[Space], Callable[[Any], Iterator[Column]]] = {
    spaces.Box: _box_columns,
    spaces.Discrete: _discrete_columns,
    spaces.MultiDiscrete: _multi_discrete_columns,
    spaces.MultiBinary: _box_columns,
}


def columns_of(leaf: Space) -> Iterator[Column]:
    """The numbers of a value without parts, in order."""
    return next(columns for kind, columns in KINDS.items() if isinstance(leaf, kind))(leaf)


def bounds_of(leaf: Space) -> tuple[Array, Array]:
    """Lower and upper bounds of a value's numbers, float64 [n]."""
    if isinstance(leaf, spaces.Box):
        return leaf.low.ravel().astype(np.float64), leaf.high.ravel().astype(np.float64)
    size = math.prod(leaf.shape or ())
    return np.full(size, -np.inf), np.full(size, np.inf)


def in_words(space: Any, value: Any) -> Any:
    """A value as it is printed: a picture by its size and how bright it is, all else as it is."""
    if isinstance(space, spaces.Dict) and isinstance(value, dict):
        return {key: in_words(space.spaces.get(key), part) for key, part in value.items()}
    if isinstance(space, spaces.Tuple) and isinstance(value, tuple):
        return tuple(map(in_words, space.spaces, value))
    if not is_image(space) or np.shape(value) != space.shape:
        return value
    return f"picture {size_of(space.shape or ())}, mean {np.mean(value):.1f}"


def size_of(picture: tuple[int, ...]) -> str:
    """The shape of a picture, such as 84x84x3."""
    return "x".join(map(str, picture))
