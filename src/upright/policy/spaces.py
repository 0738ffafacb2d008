"""Spaces as JSON, so that a policy can be rebuilt without making its environment."""

from typing import Any

import gymnasium as gym
import numpy as np

from upright.ground import UprightError, shortened

_INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_DTYPES = ("bool", "float16", "float32", "float64", *_INTEGERS)


def space_to_json(space: gym.Space[Any]) -> dict[str, Any]:
    """A Box or a Discrete as JSON values; infinite bounds become None.

    Raises:
        UprightError: Another kind of space.
    """
    if isinstance(space, gym.spaces.Box):
        bounds = {"low": _finite(space.low), "high": _finite(space.high)}
        return {"type": "Box", "dtype": str(space.dtype)} | bounds
    if isinstance(space, gym.spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    raise UprightError(f"The space {space} cannot be recorded.")


def space_from_json(record: dict[str, Any]) -> gym.Space[Any]:
    """The space that `space_to_json` recorded.

    Raises:
        UprightError: The record is not one.
    """
    try:
        if not isinstance(record, dict):
            raise TypeError("it is no table")
        if record["type"] == "Discrete" and {type(record["n"]), type(record["start"])} == {int}:
            return gym.spaces.Discrete(record["n"], start=record["start"])
        if record["type"] == "Box":
            if record["dtype"] not in _DTYPES:
                raise ValueError("its type is unknown")
            dtype = np.dtype(record["dtype"])
            low = _bounds(record["low"], -np.inf, dtype)
            high = _bounds(record["high"], np.inf, dtype)
            return gym.spaces.Box(low, high, dtype=dtype.type)
    except (AssertionError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _refused(record, "is not valid") from error
    raise _refused(record, "is of no kind that is supported")


def _refused(record: object, why: str) -> UprightError:
    return UprightError(f"The recorded space {shortened(repr(record), 200)} {why}.")


def _finite(bound: Any) -> Any:
    bound = np.asarray(bound, dtype=object)
    bound[~np.isfinite(bound.astype(np.float64))] = None
    return bound.tolist()


def _bounds(record: Any, infinite: float, dtype: Any) -> Any:
    bound = np.array(record, dtype=object)
    bound[bound == None] = infinite  # noqa: E711
    return bound.astype(dtype)
