"""Writing that is either whole or absent."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a temporary file beside `path`, flush it to the disk, rename it, flush the folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write_synced(temporary, data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk; what was there gives way, even a link."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write `as_json` atomically."""
    write_atomically(path, as_json(value))


def as_json(value: Any) -> bytes:
    """Strict JSON: a number that is not finite is an error, not a word of its own."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
