"""One file that holds a run: a plain zip, read with suspicion."""

import re
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path

from upright.ground import JSON_BYTES, TOML_BYTES, TORCH_FILE, UprightError, foreign_kind, new_file
from upright.runs.checkpoint import MANIFEST, STATE, TRAINER, WEIGHTS
from upright.runs.folder import (
    CHECKPOINTS,
    COMMAND_FILE,
    EPISODES_LOG,
    METRICS_LOG,
    RUN_FILE,
    SETTINGS_FILE,
    VERDICT_FILE,
    WEIGHTS_FILE,
    checkpoint_folders,
)
from upright.runs.logs import LOG_BYTES

WEIGHTS_BYTES = 2 << 30
MEMBERS = {
    RUN_FILE: JSON_BYTES,
    SETTINGS_FILE: TOML_BYTES,
    COMMAND_FILE: TOML_BYTES,
    VERDICT_FILE: JSON_BYTES,
    METRICS_LOG: LOG_BYTES,
    EPISODES_LOG: LOG_BYTES,
    WEIGHTS_FILE: WEIGHTS_BYTES,
}
_FILES = "|".join(map(re.escape, (WEIGHTS, TRAINER, STATE, MANIFEST)))
IN_CHECKPOINT = re.compile(rf"{CHECKPOINTS}/[0-9]{{1,19}}/({_FILES})")
FOLDERS = re.compile(rf"{CHECKPOINTS}/([0-9]{{1,19}}/)?")
BUNDLE_BYTES = (2 << 30) - 1  # what a zip without its 64-bit extension can hold
DIRECTORY_BYTES = 1 << 20
MAX_MEMBERS, ENTRY_BYTES = 2000, 256
# Weights hardly shrink and text shrinks tenfold: whatever swells more than this is a bomb.
MAX_RATIO, ALWAYS_ALLOWED = 50, 64 << 20
_CHUNK = 1 << 20
_MADE_ON = (1980, 1, 1, 0, 0, 0)


def write_bundle(run: Path, out: Path) -> int:
    """Pack a run folder, without its TensorBoard events, into the new file `out`.

    Returns:
        How many older checkpoints were left out, since a bundle has an end.

    Raises:
        UprightError: There is such a file already, it cannot be written, or the run is too large.
    """
    names, left_out = _choose(run)
    with new_file(out) as temporary, zipfile.ZipFile(temporary, "x") as archive:
        for name in names:
            kind = zipfile.ZIP_STORED if name.endswith("tensors") else zipfile.ZIP_DEFLATED
            info = zipfile.ZipInfo(name, _MADE_ON)
            info.compress_type, info.external_attr = kind, 0o644 << 16
            with (run / name).open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)
    return left_out


def _choose(run: Path) -> tuple[list[str], int]:
    """The names that go into a bundle, and how many older checkpoints do not fit into it."""
    try:
        files = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
        relative = [path.relative_to(run).as_posix() for path in sorted(files)]
        names, left_out = [name for name in relative if _limit(name) is not None], 0
        if len(names) > MAX_MEMBERS or _size(run, names) > BUNDLE_BYTES:
            kept = [path.name for path in checkpoint_folders(run / CHECKPOINTS)]
            left_out = max(len(kept) - 1, 0)
            older = tuple(f"{CHECKPOINTS}/{name}/" for name in kept[1:])
            names = [name for name in names if not name.startswith(older)]
        size = _size(run, names)
    except OSError as error:
        raise UprightError(f"Cannot read {run}: {error}.", "Is it being trained?") from error
    if size > BUNDLE_BYTES:
        raise UprightError(f"{run} is larger than the {BUNDLE_BYTES:,} bytes of a bundle.")
    return names, left_out


def _size(run: Path, names: list[str]) -> int:
    return sum((run / name).stat().st_size + ENTRY_BYTES for name in names)


def _limit(name: str) -> int | None:
    """The most bytes that a member may have; None for what is no part of a bundle."""
    if IN_CHECKPOINT.fullmatch(name):
        return JSON_BYTES if name.endswith(".json") else BUNDLE_BYTES
    return MEMBERS.get(name)


def unpack(bundle: Path) -> Path:
    """Extract a bundle into a new temporary folder, which the caller deletes.

    Raises:
        UprightError: The file is no bundle, or is one that no `write_bundle` wrote.
    """
    _refuse_what_is_no_zip(bundle)
    folder = Path(tempfile.mkdtemp(prefix="upright-"))
    try:
        with zipfile.ZipFile(bundle) as archive:
            _extract(archive, bundle, folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, UprightError) or not isinstance(error, Exception):
            raise
        # zipfile raises a dozen kinds on damaged files
        raise UprightError(f"{bundle} is not a bundle that can be read: {error}.") from error
    return folder


def _refuse_what_is_no_zip(bundle: Path) -> None:
    """Judge a file by its first and last bytes, before a library looks into it."""
    try:
        status = bundle.stat()
        if not stat.S_ISREG(status.st_mode):  # asked first: opening a pipe waits for its other end
            raise UprightError(f"{bundle} is not a regular file.")
        with bundle.open("rb") as file:
            start, size = file.read(512), status.st_size
            file.seek(max(0, size - 42))
            end = file.read(42)
    except OSError as error:
        raise UprightError(f"Cannot read {bundle}: {error.strerror}.") from error
    if not start.startswith(b"PK\x03\x04"):
        kind = foreign_kind(start) or "neither a run folder nor a bundle"
        raise UprightError(f"{bundle} is {kind}.", "`upright runs` lists the runs that there are.")
    if size > BUNDLE_BYTES:
        raise UprightError(f"{bundle} has more than the {BUNDLE_BYTES:,} bytes of a bundle.")
    record = end[-22:]
    count = int.from_bytes(record[10:12], "little")
    listed = int.from_bytes(record[12:16], "little")
    plain = record.startswith(b"PK\x05\x06") and record[20:22] == b"\0\0"
    if b"data.pkl" in start:
        raise UprightError(f"{bundle} is {foreign_kind(start)}.", _HINT)
    if not plain or end[:4] == b"PK\x06\x07":
        raise UprightError(f"{bundle} is torn, or no plain zip.", "Copy it again.")
    if count > MAX_MEMBERS or listed > DIRECTORY_BYTES:
        raise UprightError(f"{bundle} lists more files than a bundle can have.")


def _extract(archive: zipfile.ZipFile, bundle: Path, folder: Path) -> None:
    members = [info for info in archive.infolist() if not FOLDERS.fullmatch(info.filename)]
    names = {info.filename for info in members}
    if RUN_FILE not in names:
        raise UprightError(f"{bundle} is {_kind_of_zip(names)}.", _HINT)
    if len(names) < len(members):
        raise UprightError(f"{bundle} holds a file twice.")
    for info in members:
        _check(info, bundle)
    packed = sum(info.compress_size for info in members)
    unpacked = sum(info.file_size for info in members)
    size = bundle.stat().st_size
    if packed > size or unpacked > ALWAYS_ALLOWED + MAX_RATIO * size:
        raise UprightError(f"{bundle} would swell to {unpacked:,} bytes, which no bundle does.")
    for info in members:
        target = folder / info.filename
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, target.open("xb") as file:
            shutil.copyfileobj(source, file, _CHUNK)  # no more than it says: zipfile ends there


_HINT = (
    "Upright opens what `upright bundle` wrote; weights of other tools are to be saved as "
    "safetensors."
)


def _kind_of_zip(names: set[str]) -> str:
    if any(name.endswith("data.pkl") for name in names):
        return TORCH_FILE
    if any(name.endswith(".pth") for name in names):
        return "a model of Stable-Baselines3, which holds pickles that can run any code"
    return "a zip, but not a bundle of a run"


def _check(info: zipfile.ZipInfo, bundle: Path) -> None:
    """Refuse a member whose name, kind, size or packing is not one of a bundle's."""
    limit, shown = _limit(info.filename), info.filename[:80]
    if limit is None or info.orig_filename != info.filename:
        raise UprightError(f"{bundle} holds {shown!r}, which is no part of a run.")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UprightError(f"{bundle} holds a link, {shown!r}.")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UprightError(f"{bundle} holds {shown!r} encrypted or packed in an unknown way.")
    if info.file_size > limit:
        raise UprightError(
            f"{bundle} holds {shown!r} with {info.file_size:,} bytes; {limit:,} are allowed."
        )


def refuse_links(folder: Path) -> None:
    """Refuse a run folder with a link in it, before anything is written there.

    Raises:
        UprightError: It holds one.
    """
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise UprightError(
                f"{path} is a link, and a run that holds links is not written into.",
                "Replace it by what it points to.",
            )
