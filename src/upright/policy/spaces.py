"""Spaces as JSON, so that a policy can be rebuilt without making its environment."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs import LARGEST_SHAPE, is_image
from upright.ground import UprightError, shortened

_INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_NONE = (AssertionError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
_DTYPES = ("bool", "float16", "float32", "float64", *_INTEGERS)


def space_to_json(space: gym.Space[Any]) -> dict[str, Any]:
    """A space that a policy can have, as JSON values; infinite bounds become None.

    Raises:
        UprightError: Another kind of space.
    """
    if is_image(space):  # a bound for each pixel would be a long file
        shape = [int(side) for side in space.shape or ()]
        return {"type": "Box", "dtype": "uint8", "low": 0, "high": 255, "shape": shape}
    if isinstance(space, gym.spaces.Box):
        bounds = {"low": _finite(space.low), "high": _finite(space.high)}
        return {"type": "Box", "dtype": str(space.dtype)} | bounds
    if isinstance(space, gym.spaces.Discrete):
        kind = {} if space.dtype == np.int64 else {"dtype": str(space.dtype)}
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)} | kind
    if isinstance(space, gym.spaces.MultiDiscrete):
        numbers = {"nvec": space.nvec.tolist(), "start": space.start.tolist()}
        return {"type": "MultiDiscrete", "dtype": str(space.dtype)} | numbers
    if isinstance(space, gym.spaces.MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else [*space.n]}
    if isinstance(space, gym.spaces.Tuple):
        return {"type": "Tuple", "spaces": [space_to_json(part) for part in space.spaces]}
    if isinstance(space, gym.spaces.Dict):
        parts = [[key, space_to_json(part)] for key, part in space.spaces.items()]
        return {"type": "Dict", "spaces": parts}
    raise UprightError(f"The space {space} cannot be recorded.")


def space_from_json(record: dict[str, Any]) -> gym.Space[Any]:
    """The space that `space_to_json` recorded.

    Raises:
        UprightError: The record is not one.
    """
    try:
        if not isinstance(record, dict):
            raise TypeError("it is no table")
        if read := _READERS.get(record["type"]):
            return read(record)
    except _NONE as error:
        raise _refused(record, "is not valid") from error
    raise _refused(record, "is of no kind that is supported")


def _discrete(record: dict[str, Any]) -> gym.Space[Any]:
    if {type(record["n"]), type(record["start"])} != {int}:
        raise TypeError("its numbers are not whole")
    kind = {"dtype": _dtype(record).type} if "dtype" in record else {}
    return gym.spaces.Discrete(record["n"], start=record["start"], **kind)


def _box(record: dict[str, Any]) -> gym.Space[Any]:
    dtype = _dtype(record)
    if "shape" in record:
        return gym.spaces.Box(record["low"], record["high"], _shape(record["shape"]), dtype.type)
    low = _bounds(record["low"], -np.inf, dtype)
    high = _bounds(record["high"], np.inf, dtype)
    return gym.spaces.Box(low, high, dtype=dtype.type)


def _multi_discrete(record: dict[str, Any]) -> gym.Space[Any]:
    dtype = _dtype(record)
    nvec, start = (np.array(record[name]) for name in ("nvec", "start"))
    if nvec.dtype != np.int64 or start.dtype != np.int64:
        raise TypeError("its numbers are not whole")
    return gym.spaces.MultiDiscrete(nvec, dtype=dtype.type, start=start)


def _multi_binary(record: dict[str, Any]) -> gym.Space[Any]:
    n = record["n"]
    _shape([n] if isinstance(n, int) else n)
    return gym.spaces.MultiBinary(n)


def _shape(given: Iterable[int]) -> tuple[int, ...]:
    sides = tuple(given)
    if (
        {type(side) for side in sides} != {int}
        or min(sides) < 1
        or math.prod(sides) > LARGEST_SHAPE
    ):
        raise ValueError("its shape is none")
    return sides


def _tuple(record: dict[str, Any]) -> gym.Space[Any]:
    return gym.spaces.Tuple([space_from_json(part) for part in record["spaces"]])


def _dict(record: dict[str, Any]) -> gym.Space[Any]:
    parts = [(str(key), space_from_json(part)) for key, part in record["spaces"]]
    return gym.spaces.Dict(OrderedDict(parts))  # a plain dict would be sorted


_READERS: dict[Any, Callable[[dict[str, Any]], gym.Space[Any]]] = {
    "Discrete": _discrete,
    "Box": _box,
    "MultiDiscrete": _multi_discrete,
    "MultiBinary": _multi_binary,
    "Tuple": _tuple,
    "Dict": _dict,
}


def _dtype(record: dict[str, Any]) -> Any:
    if record["dtype"] not in _DTYPES:
        raise ValueError("its type is unknown")
    return np.dtype(record["dtype"])


def _refused(record: object, why: str) -> UprightError:
    try:
        shown = shortened(repr(record), 200)
    except RecursionError:
        shown = "of so many parts within parts"
    return UprightError(f"The recorded space {shown} {why}.")


def _finite(bound: Any) -> Any:
    bound = np.asarray(bound, dtype=object)
    bound[~np.isfinite(bound.astype(np.float64))] = None
    return bound.tolist()


def _bounds(record: Any, infinite: float, dtype: Any) -> Any:
    bound = np.array(record, dtype=object)
    bound[bound == None] = infinite  # noqa: E711
    return bound.astype(dtype)
