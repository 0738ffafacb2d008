"""Reading files that a stranger may have written: strict, bounded, and nothing in them runs.

Every reader refuses links, devices and files above a stated size before it reads them.
"""

import json
import math
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from upright.ground.errors import UprightError

JSON_BYTES = 4 << 20
TOML_BYTES = 64 << 10
MAX_DEPTH = 32
MAX_NAME = 256

# It always matches from a quote on, closed or not: no start is tried twice.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
TORCH_FILE = "a file of torch.save, which holds a pickle that can run any code"
_FOREIGN = {
    rb"\x80[\x02-\x05]": "a Python pickle, which can run any code when it is opened",
    rb"PK\x03\x04.*data\.pkl": TORCH_FILE,
    rb"PK\x03\x04": "a zip archive, perhaps one of torch.save or of Stable-Baselines3",
    rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf": "a compressed archive",
    rb".{257}ustar": "a tar archive",
    rb"\x89HDF": "an HDF5 file",
}
_BRACKETS = re.compile(r"[\[\]{}]")
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
CONVERT = "Upright opens safetensors, JSON and TOML only; save the weights as safetensors instead."


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes.

    Raises:
        UprightError: It is missing, larger, a link, or no regular file.
    """
    with regular_file(path) as (file, size):
        if size > limit:
            raise _too_large(path, size, limit, file.read(512))
        data = file.read(size + 1)
    if len(data) > size:
        raise UprightError(f"{path} grew while it was read.")
    return data


@contextmanager
def regular_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file, open to be read, and its size in bytes.

    Raises:
        UprightError: It is missing, a link, or no regular file, or cannot be read.
    """
    descriptor = _open(path)
    try:
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UprightError(f"{path} is not a regular file.")
            yield file, status.st_size
    except OSError as error:
        raise UprightError(f"Cannot read {path}: {error.strerror}.") from error


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
        return UprightError(f"{path} is {kind}.", CONVERT)
    return UprightError(f"{path} has {size:,} bytes, more than the {limit:,} that are allowed.")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        UprightError: The file is missing or too large, or is not a strict JSON object.
    """
    return parse_json(read_bytes(path, JSON_BYTES), str(path))


def parse_json(data: bytes, name: str) -> dict[str, Any]:
    """Strict JSON: an object, no key twice, every number finite, brackets at most `MAX_DEPTH` deep.

    Every text can be written: it holds no half of a surrogate pair.

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
        if _HALF.search(text):
            _refuse_halves(value)
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


def _refuse_halves(value: object) -> None:
    """Refuse half of a surrogate pair: no file, terminal or model of pydantic's takes it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"\\u{ord(half):04x} is half a character") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def foreign_kind(start: bytes) -> str:
    """What a file that is none of ours is, judged by its first bytes; empty where not known."""
    return next((kind for first, kind in _FOREIGN.items() if re.match(first, start, re.DOTALL)), "")
