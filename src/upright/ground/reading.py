"""Reading files that a stranger may have written: strict, bounded, and nothing in them runs.

Every reader refuses links, devices and files above a stated size before it reads them.
"""

import json
import math
import os
import re
import stat
from collections import Counter
from pathlib import Path
from typing import Any

from upright.ground.errors import UprightError

JSON_BYTES = 4 << 20
TOML_BYTES = 64 << 10
HEADER_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_TENSORS = 4096
MAX_NAME = 256
MAX_DIMENSIONS = 8

DTYPES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}
# It always matches from a quote on, closed or not: no start is tried twice.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
TORCH_FILE = "a file of torch.save, which holds a pickle that can run any code"
_BRACKETS = re.compile(r"[\[\]{}]")
_CONVERT = "Upright opens safetensors, JSON and TOML only; save the weights as safetensors instead."


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises:
        UprightError: It is missing, larger, a link, or no regular file.
    """
    descriptor = _open(path)
    try:
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UprightError(f"{path} is not a regular file.")
            if status.st_size > limit:
                raise _too_large(path, status.st_size, limit, file.read(512))
            data = file.read(status.st_size + 1)
    except OSError as error:
        raise UprightError(f"Cannot read {path}: {error.strerror}.") from error
    if len(data) > status.st_size:
        raise UprightError(f"{path} grew while it was read.")
    return data


def _open(path: Path) -> int:
    """A descriptor of the file, never by way of a link and never waiting for one that writes."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink():
            raise UprightError(f"{path} is a link, and links are not followed.", "Copy the file.")
        return os.open(path, flags)
    except OSError as error:
        raise UprightError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UprightError(f"Cannot read {str(path)!r}: {error}.") from error


def _too_large(path: Path, size: int, limit: int, start: bytes) -> UprightError:
    kind = foreign_kind(start)
    if kind:
        return UprightError(f"{path} is {kind}.", _CONVERT)
    return UprightError(f"{path} has {size:,} bytes, more than the {limit:,} that are allowed.")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        UprightError: The file is missing or too large, or is not a strict JSON object.
    """
    return parse_json(read_bytes(path, JSON_BYTES), str(path))


def parse_json(data: bytes, name: str) -> dict[str, Any]:
    """Strict JSON: an object, no key twice, every number finite, brackets at most `MAX_DEPTH` deep.

    Raises:
        UprightError: It is something else; the message calls it `name`.
    """
    try:
        text = data.decode("utf-8")
        _refuse_depth(text)
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError) as error:
        raise UprightError(f"{name} is not valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise UprightError(f"{name} does not hold a JSON object.")
    return value


def _refuse_depth(text: str) -> None:
    """Refuse deep nesting before a parser recurses into it."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError(f"its brackets are more than {MAX_DEPTH} deep")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:MAX_NAME]!r} stands there twice")
    return table


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


Header = dict[str, tuple[str, tuple[int, ...]]]


def read_tensors(path: Path, limit: int, expected: Header | None = None) -> bytes:
    """The bytes of a safetensors file whose header is in order.

    Args:
        path: The file.
        limit: At most so many bytes.
        expected: dtype and shape of every tensor that must be there, and of no other.

    Raises:
        UprightError: The file is missing, foreign, too large, torn, or holds something else.
    """
    data = read_bytes(path, limit)
    header = parse_header(data, str(path))
    if expected is not None and header != expected:
        raise UprightError(
            f"{path} does not hold the tensors that its settings describe: "
            f"{_difference(header, expected)}."
        )
    return data


def _difference(found: Header, expected: Header) -> str:
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            one, other = (
                "nothing" if entry is None else f"{entry[0]} {list(entry[1])}"
                for entry in (found.get(name), expected.get(name))
            )
            return f"{name[:MAX_NAME]!r} is {one} there and should be {other}"
    return "nothing"


def parse_header(data: bytes, name: str) -> Header:
    """Type and shape of each tensor in the bytes of a safetensors file.

    The tensors must fill the file without holes or overlaps, as the format demands.

    Raises:
        UprightError: The bytes are not such a file.
    """
    try:
        return _parse_header(data)
    except (UprightError, ValueError) as error:
        kind = foreign_kind(data[:512])  # asked last: a header's length may look like a pickle
        if kind:
            raise UprightError(f"{name} is {kind}.", _CONVERT) from error
        reason = error.message if isinstance(error, UprightError) else str(error)
        raise UprightError(f"{name} is not a safetensors file: {reason.rstrip('.')}.") from error


def _parse_header(data: bytes) -> Header:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("it is torn, or was never one")
    if length > HEADER_BYTES:
        raise ValueError(f"its header has {length:,} bytes, at most {HEADER_BYTES:,} are allowed")
    table = parse_json(data[8 : 8 + length], "its header")
    table.pop("__metadata__", None)
    if len(table) > MAX_TENSORS:
        raise ValueError(f"it has {len(table):,} tensors, at most {MAX_TENSORS:,} are allowed")
    header: Header = {}
    spans = []
    for name, entry in table.items():
        dtype, shape, span = _entry(name, entry)
        header[name] = (dtype, shape)
        spans.append(span)
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise ValueError("its tensors overlap or leave holes")
        position = end
    if position != len(data) - 8 - length:
        raise ValueError("its tensors do not fill it; it is torn, or something was appended")
    return header


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has {len(name):,} characters, at most {MAX_NAME} are allowed")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"the entry of {name!r} is incomplete")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"{name!r} is of no known type")
    numbers = [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [-1]
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError(f"{name!r} has a shape or an offset that is no count")
    if len(shape) > MAX_DIMENSIONS or len(offsets) != 2:
        raise ValueError(f"{name!r} has too many dimensions or offsets")
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPES[dtype]:
        raise ValueError(f"the shape of {name!r} does not fit its bytes")
    return dtype, tuple(shape), (begin, end)


def foreign_kind(start: bytes) -> str:
    """What a file that is none of ours is, judged by its first bytes; empty where not known."""
    if re.match(rb"\x80[\x02-\x05]", start):
        return "a Python pickle, which can run any code when it is opened"
    if start.startswith(b"PK\x03\x04"):
        if b"data.pkl" in start:
            return TORCH_FILE
        return "a zip archive, perhaps one of torch.save or of Stable-Baselines3"
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        return "a compressed archive"
    if start[257:262] == b"ustar":
        return "a tar archive"
    if start.startswith(b"\x89HDF"):
        return "an HDF5 file"
    return ""
