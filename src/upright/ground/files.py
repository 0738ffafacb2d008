"""Writing that is either whole or absent."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from upright.ground.errors import UprightError


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a temporary file beside `path`, flush it to the disk, rename it, flush the folder."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write_synced(temporary, data)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes | str) -> None:
    """Write a file that was not there, atomically.

    Raises:
        UprightError: There is one of that name already, or it cannot be written.
    """
    with new_file(path) as temporary:
        write_synced(temporary, data)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """The name of a hidden file to write, which becomes `path` where all goes well, or is deleted.

    Raises:
        UprightError: There is one of that name already, or it cannot be written.
    """
    refuse_taken(path)
    # A name that is short, since the file's own may be as long as a name can be.
    temporary = path.with_name(f".{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        yield temporary
        _move_new(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise UprightError(
            f"Cannot write {path}: {error.strerror or error}.", "Choose another file."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def hidden_folder(parent: Path, files: Mapping[str, bytes | Path]) -> Iterator[Path]:
    """A folder in `parent` with these files, on the disk as a whole; it goes unless it is renamed.

    Args:
        parent: Where it is.
        files: By relative path, written in this order: their bytes, or what to copy.

    Raises:
        OSError: The disk is full, read-only or gone; nothing is left then.
    """
    hidden = parent / f".{secrets.token_hex(6)}.tmp"
    hidden.mkdir()
    try:
        for name, content in files.items():
            for folder in reversed((hidden / name).relative_to(hidden).parents[:-1]):
                (hidden / folder).mkdir(exist_ok=True)  # and no parent, if it was deleted meanwhile
            if isinstance(content, Path):
                shutil.copyfile(content, hidden / name)
                with (hidden / name).open("rb+") as copied:
                    os.fsync(copied.fileno())
            else:
                write_synced(hidden / name, content)
        for folder in (*hidden.rglob("*"), hidden):
            if folder.is_dir():
                sync_folder(folder)
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _move_new(temporary: Path, path: Path) -> None:
    """Give a file a name that nobody has taken meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        refuse_taken(path)
    except OSError:  # a disk without links
        refuse_taken(path)
        temporary.replace(path)


def refuse_taken(path: Path) -> None:
    """Refuse a name that is taken, or whose folder is not there, before any work is done for it.

    Raises:
        UprightError: It is.
    """
    if path.exists() or path.is_symlink():
        raise UprightError(f"{path} exists already.", "Choose another file, or move that one.")
    if not path.parent.is_dir():
        raise UprightError(f"There is no folder {path.parent}.", "Make it, or choose another file.")


def ending_of(path: Path, possible: tuple[str, ...]) -> str:
    """How a file's name ends, in small letters.

    Raises:
        UprightError: In none of the possible ways.
    """
    ending = path.suffix.lower()
    if ending not in possible:
        kinds = " and no ".join(possible)
        raise UprightError(f"{path} is no {kinds}.", f"Name it {path.stem or 'file'}{possible[0]}.")
    return ending


def free_name(path: Path) -> Path:
    """The path, or the first of name-2, name-3 ... that is not taken."""
    number, found = 1, path
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def write_synced(path: Path, data: bytes | str) -> None:
    """Write a new file and flush it to the disk; what was there gives way, even a link."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())


def write_secret(path: Path, text: str) -> None:
    """Write a new file that nobody else may read, from its first moment on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_json(value: Any) -> bytes:
    """Strict JSON: a number that is not finite is an error, not a word of its own."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
