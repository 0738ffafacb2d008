"""A checkpoint on disk: safetensors and JSON, atomic, hashed; never pickle."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.numpy import save as save_arrays

from upright.ground import (
    JSON_BYTES,
    State,
    UprightError,
    as_json,
    hidden_folder,
    layout_of,
    most_bytes,
    parse_tensors,
    read_bytes,
    sha256,
    sync_folder,
)
from upright.policy import Policy, Weights, parse_weights, weights_bytes
from upright.runs.folder import WEIGHTS_FILE
from upright.runs.manifest import FileRecord, LogMarks, Manifest, StateRecord
from upright.runs.records import SCHEMA

WEIGHTS, TRAINER, STATE = WEIGHTS_FILE, "trainer.safetensors", "state.json"
MANIFEST = "manifest.json"
# What a checkpoint may hold besides a few copies of the weights: the episodes under way.
EPISODE_BYTES = 1 << 30


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on exactly where it stood.

    Attributes:
        timesteps: The transitions that were behind it.
        weights: The policy's.
        experiment: State of what the run measures of itself.
        trainer: State of the trainer.
        judge: State of the judge.
        log: How far the logs were.
    """

    timesteps: int
    weights: Weights
    experiment: State
    trainer: State
    judge: State
    log: LogMarks = field(default_factory=LogMarks.none)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.timesteps:09d}"

    def save(self, parent: Path) -> None:
        """Write its folder; it is whole once its manifest is there, and it appears at once.

        A folder of its name that is there already gives way if it is torn, and stays if it is
        whole.

        Args:
            parent: The folder that it goes into, which must exist.

        Raises:
            OSError: The disk is full, read-only or gone; nothing of that name appeared then.
        """
        run = State.joined(
            {"experiment": self.experiment, "trainer": self.trainer, "judge": self.judge}
        )
        whole = State.joined({"run": run})
        record = {"schema": SCHEMA, "state": whole.values | {"log": self.log.table()}}
        files = {
            WEIGHTS: weights_bytes(self.weights),
            TRAINER: save_arrays(whole.arrays),
            STATE: as_json(record),
        }
        entries = {
            name: FileRecord(bytes=len(data), sha256=sha256(data)) for name, data in files.items()
        }
        files[MANIFEST] = Manifest(schema=SCHEMA, files=entries).data()
        folder = parent / self.name
        with hidden_folder(parent, files) as written:
            if folder.exists():
                if is_whole(folder):
                    return
                discard(folder)
            written.rename(folder)
        sync_folder(parent)


def read_checkpoint(folder: Path, policy: Policy) -> Checkpoint:
    """A checkpoint that is whole; `policy`, or its outline, lends the weights their shapes.

    Raises:
        UprightError: It is torn, was changed, or does not fit the policy.
    """
    expected = layout_of(policy.weights)
    files = _verified(folder, most_bytes(expected))
    weights = parse_weights(files[WEIGHTS], folder / WEIGHTS, expected)
    arrays = parse_tensors(files[TRAINER], str(folder / TRAINER))
    record = StateRecord.parse(files[STATE], folder / STATE)
    run = State({"run": record.state.run.table()}, arrays).part("run")
    return Checkpoint(
        timesteps=int(folder.name),
        weights=weights,
        experiment=run.part("experiment"),
        trainer=run.part("trainer"),
        judge=run.part("judge"),
        log=record.state.log,
    )


def is_whole(folder: Path, policy: Policy | None = None) -> bool:
    """Whether the files of a checkpoint are the ones that its manifest describes.

    Args:
        folder: The checkpoint.
        policy: Whose weights it should be about as large as; to be given for a stranger's folder.
    """
    with suppress(UprightError):
        _verified(folder, 1 << 50 if policy is None else most_bytes(layout_of(policy.weights)))
        return True
    return False


def _verified(folder: Path, weights: int) -> dict[str, bytes]:
    """The bytes of the files that the manifest vouches for; the weights have so many at most."""
    limits = {WEIGHTS: weights, TRAINER: 8 * weights + EPISODE_BYTES, STATE: JSON_BYTES}
    entries = Manifest.read(folder / MANIFEST).files
    if entries.keys() != limits.keys():
        raise UprightError(f"{folder / MANIFEST} does not list the files of a checkpoint.")
    files = {name: read_bytes(folder / name, limit) for name, limit in limits.items()}
    for name, data in files.items():
        if (entries[name].size, entries[name].sha256) != (len(data), sha256(data)):
            raise UprightError(f"{folder / name} is not the file that its manifest describes.")
    return files


def choose_checkpoint(folders: dict[int, Path], name: str, run: str) -> Path:
    """The one of a run's whole checkpoints that is called "first", "last" or by its timesteps.

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


def recorded_mean(folder: Path) -> float | None:
    """The mean return of a checkpoint's policy, if it was evaluated at that moment."""
    with suppress(UprightError):
        return StateRecord.read(folder / STATE).state.log.mean
    return None


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
