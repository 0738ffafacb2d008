"""Weights and training state on disk: safetensors and JSON, atomic, hashed; never pickle."""

import hashlib
import os
import platform
import shutil
from pathlib import Path

import gymnasium
import numpy
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

import upright
from upright.errors import UprightError
from upright.files import as_json, checkpoints, sync_folder, write_synced
from upright.policy import Policy, Weights
from upright.reading import (
    DTYPES,
    HEADER_BYTES,
    JSON_BYTES,
    Header,
    parse_header,
    parse_json,
    read_bytes,
    read_json,
    read_tensors,
)
from upright.state import State

SCHEMA = 2
READABLE = (1, 2)
WEIGHTS, TRAINER, STATE, MANIFEST = (
    "policy.safetensors",
    "trainer.safetensors",
    "state.json",
    "manifest.json",
)
# What a checkpoint may hold besides a few copies of the weights: the episodes under way.
EPISODE_BYTES = 1 << 30
_NEVER_NEGATIVE = ("normalizer.variance", "normalizer.count")
_TYPE_NAMES = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


def weights_bytes(weights: Weights) -> bytes:
    """A policy's weights as the bytes of a safetensors file."""
    return save_tensors({name: tensor.cpu().contiguous() for name, tensor in weights.items()})


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def header_of(policy: Policy) -> Header:
    """Dtype and shape of each of a policy's weights, as a safetensors file names them."""
    return {
        name: (_TYPE_NAMES[tensor.dtype], tuple(tensor.shape))
        for name, tensor in policy.state_dict().items()
    }


def _size_of(header: Header) -> int:
    """The most bytes that a safetensors file with these tensors has."""
    sizes = (int(numpy.prod(shape, dtype=object)) * DTYPES[kind] for kind, shape in header.values())
    return sum(sizes) + HEADER_BYTES + 8


def load_weights(path: Path, policy: Policy) -> str:
    """Read weights into a policy of the same shapes, or into its outline; their SHA-256.

    Raises:
        UprightError: The file is missing, torn, foreign, or holds other tensors than the policy
            has, or numbers that are not finite.
    """
    expected = header_of(policy)
    data = read_tensors(path, _size_of(expected), expected)
    policy.load_state_dict(_weights(data, path), assign=policy.device.type == "meta")
    return sha256(data)


def _weights(data: bytes, path: Path) -> Weights:
    try:
        weights: Weights = load_tensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UprightError(f"{path} is not a safetensors file: {error}.") from error
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise UprightError(
                f"{path} holds numbers that are not finite, in {name}.",
                "A policy with such weights cannot act; use an earlier checkpoint.",
            )
        if name in _NEVER_NEGATIVE and bool((tensor < 0).any()):
            raise UprightError(f"{path} holds negative numbers in {name}, which has none.")
    return weights


def save_checkpoint(folder: Path, weights: Weights, state: State) -> None:
    """Write a checkpoint folder; it is whole once its manifest is there, and it appears at once.

    A folder of that name that is there already gives way if it is torn, and stays if it is whole.

    Args:
        folder: Where it goes; the folder above it must exist.
        weights: The policy's.
        state: Everything else that a run needs to go on.

    Raises:
        OSError: The disk is full, read-only or gone; nothing of that name appeared then.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        files = {
            WEIGHTS: weights_bytes(weights),
            TRAINER: save_arrays(state.arrays),
            STATE: as_json({"schema": SCHEMA, "state": state.values}),
        }
        for name, data in files.items():
            write_synced(temporary / name, data)
        entries = {
            name: {"bytes": len(data), "sha256": sha256(data)} for name, data in files.items()
        }
        write_synced(temporary / MANIFEST, as_json({"schema": SCHEMA, "files": entries}))
        sync_folder(temporary)
        if folder.exists():
            if is_whole(folder):
                shutil.rmtree(temporary, ignore_errors=True)
                return
            discard(folder)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def is_whole(folder: Path, policy: Policy | None = None) -> bool:
    """Whether the files of a checkpoint are the ones that its manifest describes.

    Args:
        folder: The checkpoint.
        policy: Whose weights it should be about as large as; to be given for a stranger's folder.
    """
    limits = dict.fromkeys((WEIGHTS, TRAINER, STATE), 1 << 50)
    try:
        _verified(folder, limits if policy is None else _limits(_size_of(header_of(policy))))
    except UprightError:
        return False
    return True


def whole_checkpoints(parent: Path, policy: Policy) -> dict[int, Path]:
    """The whole ones of the checkpoint folders in `parent`, by their timesteps."""
    found = checkpoints(parent)
    return {int(folder.name): folder for folder in found if is_whole(folder, policy)}


def choose_checkpoint(folders: dict[int, Path], name: str, run: str) -> Path:
    """The checkpoint that is called "first", "last" or by its timesteps.

    Args:
        folders: What `whole_checkpoints` found.
        name: What it is called.
        run: What the run is called.

    Raises:
        UprightError: There is none of that name.
    """
    if not folders:
        raise UprightError(f"{run} has no whole checkpoint.", "'best' and 0 (untrained) need none.")
    ends = {"first": min(folders), "last": max(folders)}
    is_number = name.isascii() and name.isdigit() and len(name) < 20
    timesteps = ends.get(name, int(name) if is_number else None)
    if timesteps not in folders:
        there = ", ".join(map(str, sorted(folders)))
        raise UprightError(
            f"{run} has no checkpoint {name!r}.",
            f"There are first, last, best, 0 (untrained) and {there}.",
        )
    return folders[timesteps]


def _limits(weights: int) -> dict[str, int]:
    """The most bytes that each file of a checkpoint may have, whose weights have so many."""
    return {WEIGHTS: weights, TRAINER: 8 * weights + EPISODE_BYTES, STATE: JSON_BYTES}


def sweep(parent: Path) -> None:
    """Delete what a process left in `parent` when it died while it wrote or deleted."""
    for path in parent.glob(".*"):
        if path.suffix in (".tmp", ".old") and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def discard(folder: Path) -> None:
    """Delete a checkpoint, under another name first, so that it is never there in part."""
    doomed = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def read_checkpoint(folder: Path, policy: Policy) -> tuple[Weights, State]:
    """A checkpoint that is whole; `policy`, or its outline, lends the weights their shapes.

    Raises:
        UprightError: It is torn, was changed, or does not fit the policy.
    """
    expected = header_of(policy)
    files = _verified(folder, _limits(_size_of(expected)))
    if parse_header(files[WEIGHTS], str(folder / WEIGHTS)) != expected:
        raise UprightError(f"{folder} does not hold the weights that its settings describe.")
    parse_header(files[TRAINER], str(folder / TRAINER))
    record = parse_json(files[STATE], str(folder / STATE))
    if record.get("schema") != SCHEMA:
        raise UprightError(
            f"{folder} has schema {record.get('schema')!r}; schema {SCHEMA} can be resumed.",
            "`upright train --config` repeats the run from its settings.toml.",
        )
    try:
        arrays = load_arrays(files[TRAINER])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UprightError(f"{folder / TRAINER} cannot be read: {error}.") from error
    state = State(
        {"state": record.get("state")}, {f"state.{name}": a for name, a in arrays.items()}
    )
    return _weights(files[WEIGHTS], folder / WEIGHTS), state.part("state")


def recorded_mean(folder: Path) -> float | None:
    """The mean return of a checkpoint's policy, if it was evaluated at that moment."""
    try:
        state = read_json(folder / STATE).get("state")
        mean = state["log"]["mean"] if isinstance(state, dict) else None
    except (KeyError, TypeError, UprightError):
        return None
    return mean if type(mean) is float else None


def _verified(folder: Path, limits: dict[str, int]) -> dict[str, bytes]:
    """The bytes of the files that the manifest vouches for."""
    manifest = read_json(folder / MANIFEST)
    entries = manifest.get("files")
    if not isinstance(entries, dict) or entries.keys() != limits.keys():
        raise UprightError(f"{folder / MANIFEST} does not list the files of a checkpoint.")
    files = {}
    for name, limit in limits.items():
        files[name] = read_bytes(folder / name, limit)
        if entries[name] != {"bytes": len(files[name]), "sha256": sha256(files[name])}:
            raise UprightError(f"{folder / name} is not the file that its manifest describes.")
    return files


def versions() -> dict[str, str]:
    """What the last bit of a run's numbers depends on besides its settings."""
    return {
        "upright": upright.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "gymnasium": gymnasium.__version__,
        "cpu": f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores",
    }


def _cpu_model() -> str:
    """The processor's name; matrix libraries choose their kernels by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
