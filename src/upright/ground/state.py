"""What an object needs to go on exactly where it stood: JSON values and arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from upright.ground.errors import UprightError

_T = TypeVar("_T")


@dataclass(frozen=True)
class State:
    """A snapshot that shares no memory with what it was taken of.

    Attributes:
        values: JSON values.
        arrays: Numbers and flags by name; dots separate the levels.
    """

    values: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Mapping[str, "State"]) -> "State":
        """Several states as one, each under its name."""
        values = {name: part.values for name, part in parts.items()}
        arrays = {
            f"{name}.{inner}": array
            for name, part in parts.items()
            for inner, array in part.arrays.items()
        }
        return cls(values, arrays)

    def part(self, name: str) -> "State":
        """The state that was joined under `name`.

        Raises:
            UprightError: There is none.
        """
        prefix = f"{name}."
        arrays = {
            inner.removeprefix(prefix): array
            for inner, array in self.arrays.items()
            if inner.startswith(prefix)
        }
        return State(self.value(name, dict), arrays)

    def same_as(self, other: "State") -> bool:
        """Whether both hold the same values, and the same arrays to the last bit."""
        if self is other:
            return True
        if self.values != other.values or self.arrays.keys() != other.arrays.keys():
            return False
        pairs = ((array, other.arrays[name]) for name, array in self.arrays.items())
        return all(
            (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
            for one, two in pairs
        )

    def value(self, name: str, kind: type[_T]) -> _T:
        """The JSON value under `name`; an integer passes for a float.

        Raises:
            UprightError: It is missing or of another type.
        """
        value = self.values.get(name)
        if kind is float and type(value) is int and abs(value) < 2**53:
            value = float(value)
        if type(value) is not kind:
            raise UprightError(f"The recorded state has no valid '{name}'.")
        return value

    def count(self, name: str) -> int:
        """The integer of at least 0 under `name`.

        Raises:
            UprightError: It is missing, or something else.
        """
        value = self.value(name, int)
        if not 0 <= value < 2**63:
            raise UprightError(f"The recorded state has no valid '{name}'.")
        return value

    def array(self, name: str, shape: tuple[int | None, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The array under `name`; None in `shape` stands for any length.

        Raises:
            UprightError: It is missing, or has another shape or type.
        """
        array = self.arrays.get(name)
        if array is not None and array.dtype == np.dtype(dtype) and array.ndim == len(shape):
            lengths = zip(shape, array.shape, strict=True)
            if all(wanted in (None, found) for wanted, found in lengths):
                return array
        held = "nothing" if array is None else f"{array.dtype} {list(array.shape)}"
        wanted_shape = ["any" if length is None else length for length in shape]
        raise UprightError(
            f"The recorded state holds {held} as '{name}', not {np.dtype(dtype)} {wanted_shape}."
        )


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """A NumPy generator's state as JSON values."""
    return dict(rng.bit_generator.state)


def restore_generator(rng: np.random.Generator, state: dict[str, Any]) -> None:
    """Set a generator to a state that `generator_state` recorded.

    Raises:
        UprightError: It is the state of no such generator.
    """
    try:
        words = [*state["state"].values(), state["has_uint32"], state["uinteger"]]
        if not all(type(word) is int and 0 <= word < 2**128 for word in words):
            raise ValueError("it holds no valid integers")
        rng.bit_generator.state = state
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise UprightError(f"The recorded random generator is not valid: {error}.") from error
