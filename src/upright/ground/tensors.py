"""Reading safetensors that a stranger may have written: what the format allows, and no more of it.

The library refuses overlaps, holes, appended bytes, shapes that do not fit, and deep brackets.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from upright.ground.arrays import Array
from upright.ground.errors import UprightError
from upright.ground.reading import CONVERT, MAX_NAME, foreign_kind, parse_json
from upright.ground.text import shortened

HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
Layout = dict[str, tuple[str, tuple[int, ...]]]


def parse_tensors(data: bytes, name: str, expected: Layout | None = None) -> dict[str, Array]:
    """The arrays in the bytes of a safetensors file.

    The format itself demands that they fill the file, without holes and overlaps.

    Args:
        data: The bytes.
        name: What a message calls them.
        expected: dtype and shape of every tensor that must be there, and of no other.

    Raises:
        UprightError: The bytes are foreign, torn, or hold something else.
    """
    try:
        _refuse_header(data)
        arrays = load(data)
    except (UprightError, SafetensorError, KeyError, TypeError, ValueError) as error:
        kind = foreign_kind(data[:512])  # asked last: a header's length may look like a pickle
        if kind:
            raise UprightError(f"{name} is {kind}.", CONVERT) from error
        reason = error.message if isinstance(error, UprightError) else str(error)
        said = shortened(reason.removeprefix("Error while deserializing: ").rstrip("."), 200)
        raise UprightError(f"{name} is not a safetensors file: {said}.") from error
    if expected is not None and (found := layout_of(arrays)) != expected:
        raise UprightError(
            f"{name} does not hold the tensors that its settings describe: "
            f"{_difference(found, expected)}."
        )
    return arrays


def layout_of(arrays: Mapping[str, Any]) -> Layout:
    """Type and shape of arrays, by name."""
    return {name: (str(array.dtype), tuple(array.shape)) for name, array in arrays.items()}


def most_bytes(layout: Layout) -> int:
    """The most that a safetensors file of these tensors has."""
    sizes = (math.prod(shape) * np.dtype(kind).itemsize for kind, shape in layout.values())
    return sum(sizes) + HEADER_BYTES + 8


def _difference(found: Layout, expected: Layout) -> str:
    names = sorted({*found, *expected})
    name = next(name for name in names if found.get(name) != expected.get(name))
    one, other = (
        "nothing" if entry is None else f"{entry[0]} {list(entry[1])}"
        for entry in (found.get(name), expected.get(name))
    )
    return f"{name[:MAX_NAME]!r} is {one} there and should be {other}"


def _refuse_header(data: bytes) -> None:
    """Refuse what the format allows, and no file of ours has."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("it is torn, or was never one")
    if length > HEADER_BYTES:
        raise ValueError(f"its header has {length:,} bytes, at most {HEADER_BYTES:,} are allowed")
    names = parse_json(data[8 : 8 + length], "its header").keys()
    if len(names) > MAX_TENSORS:
        raise ValueError(f"it has {len(names):,} tensors, at most {MAX_TENSORS:,} are allowed")
    longest = max(map(len, names), default=0)
    if longest > MAX_NAME:
        raise ValueError(f"a name has {longest:,} characters, at most {MAX_NAME} are allowed")
