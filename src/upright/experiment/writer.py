"""Writes a run folder, and stops with a clear sentence where the disk does."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from safetensors.numpy import save as save_arrays

from upright.experiment.events import EventLog
from upright.ground import (
    RunLock,
    UprightError,
    as_json,
    free_name,
    sha256,
    write_atomically,
    write_synced,
)
from upright.judging import Verdict
from upright.learning import PoisonedError
from upright.policy import Weights, weights_bytes
from upright.rollout import Episode
from upright.runs import (
    CHECKPOINTS,
    EPISODES_LOG,
    METRICS_LOG,
    PICTURES,
    RUN_FILE,
    VERDICT_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    EpisodeRow,
    LogMarks,
    Metric,
    RunRecord,
    VerdictRecord,
    checkpoint_folders,
    discard,
    recorded_mean,
    sweep,
)


class RunWriter:
    """Writes into one run folder, which is locked while it does.

    Args:
        path: The folder.
        lock: Held on it, and released by `close`.
        record: What run.json says.
        keep: The newest checkpoints that are kept, beside the best.

    Raises:
        UprightError: The folder cannot be written.
    """

    def __init__(self, path: Path, lock: RunLock, record: RunRecord, keep: int) -> None:
        self.path, self._lock, self._record, self._keep = path, lock, record, keep
        self._checkpoints = path / CHECKPOINTS
        self._background = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[None] | None = None
        self._means: dict[str, float] = {}
        self._saved = -1
        with self._writing(), ExitStack() as opened:
            self._metrics = opened.enter_context(_appended(path / METRICS_LOG))
            self._episodes = opened.enter_context(_appended(path / EPISODES_LOG))
            opened.pop_all()
        self._events = EventLog(path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one sentence what the disk refused, and what is safe."""
        try:
            yield
        except OSError as error:
            gone = not self.path.exists()
            reason = "the folder is gone" if gone else error.strerror or str(error)
            newest = next(checkpoint_folders(self._checkpoints), None)
            safe = "no checkpoint yet" if newest is None else f"the newest checkpoint is {newest}"
            raise UprightError(
                f"Cannot write into {self.path}: {reason}; {safe}.",
                "Start it again." if gone else "Mend that, then `upright resume` goes on.",
            ) from error

    def update(self, **changes: Any) -> RunRecord:
        """Change what run.json says; all that it says then."""
        self._record = self._record.changed(**changes)
        self.replace({RUN_FILE: self._record.data()})
        return self._record

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Write these files, each in the place of the one of its name."""
        with self._writing():
            for name, data in files.items():
                write_atomically(self.path / name, data)

    def row(self, row: dict[str, Any], episodes: Iterable[Episode] = ()) -> None:
        """Append one object to metrics.jsonl, its numbers to the events, its episodes to theirs."""
        if self._pending is not None and self._pending.done():
            self.settle()
        at = (row[Metric.TIMESTEPS], row[Metric.ITERATION])
        lines = [json.dumps(EpisodeRow.written(episode, *at)) + "\n" for episode in episodes]
        with self._writing():
            self._metrics.write((json.dumps(row, allow_nan=False) + "\n").encode())
            self._metrics.flush()
            self._episodes.write("".join(lines).encode())
            self._episodes.flush()
            self._events.add(row)

    def checkpoint(self, checkpoint: Checkpoint, mean: float | None) -> None:
        """Write a checkpoint beside the training; what goes wrong is raised by the next call.

        Args:
            checkpoint: Its weights are copied before this returns.
            mean: The mean return, where the policy of this moment was evaluated.
        """
        self.settle()
        if checkpoint.timesteps == self._saved:
            return
        self._saved = checkpoint.timesteps
        if mean is not None:
            self._means[checkpoint.name] = mean
        weights = {name: each.copy() for name, each in checkpoint.weights.items()}
        log = LogMarks.at(
            self._metrics.tell(), self._episodes.tell(), self._means.get(checkpoint.name)
        )
        whole = replace(checkpoint, weights=weights, log=log)
        self._pending = self._background.submit(self._save, whole)

    def _save(self, checkpoint: Checkpoint) -> None:
        for log in (self._metrics, self._episodes):
            os.fsync(log.fileno())
        checkpoint.save(self._checkpoints)
        self._prune()

    def _prune(self) -> None:
        present = list(checkpoint_folders(self._checkpoints))
        known = [path for path in present if path.name in self._means]
        best = max(known, key=lambda path: self._means[path.name], default=None)
        for path in present[self._keep :]:
            if path != best:
                discard(path)

    def settle(self) -> None:
        """Wait until the checkpoint that is being written is whole.

        Raises:
            UprightError: It could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            with self._writing():
                pending.result()

    def continue_from(self, checkpoint: Checkpoint | None, rows: list[dict[str, Any]]) -> None:
        """Cut what was written after a checkpoint, and hand the events what was logged before.

        Args:
            checkpoint: Where the run goes on; None where it begins again.
            rows: The metrics up to there.
        """
        marks = LogMarks.none() if checkpoint is None else checkpoint.log
        self._saved = -1 if checkpoint is None else checkpoint.timesteps
        with self._writing():
            self._checkpoints.mkdir(exist_ok=True)  # an empty one gets lost in copies
            sweep(self._checkpoints)
            for path in checkpoint_folders(self._checkpoints):
                if int(path.name) > self._saved:  # none of them was whole
                    discard(path)
                elif (mean := recorded_mean(path)) is not None:
                    self._means[path.name] = mean
            _cut(self._metrics, marks.metrics_bytes)
            _cut(self._episodes, marks.episodes_bytes)
            for name in PICTURES:  # they are of the run as it was
                (self.path / name).unlink(missing_ok=True)
            self._events = EventLog(self.path, rows)

    def verdict(self, verdict: Verdict, env: str, versions: dict[str, str]) -> None:
        """The proven (or best) policy, then what was found of it in the environment `env`."""
        weights = weights_bytes(verdict.candidate.weights)
        record = VerdictRecord.of_verdict(verdict, env, sha256(weights), versions)
        self.replace({WEIGHTS_FILE: weights, VERDICT_FILE: record.data()})

    def unjudged(self, weights: Weights) -> None:
        """Write policy.safetensors, but never beside a verdict on other weights."""
        if not (self.path / VERDICT_FILE).exists():
            self.replace({WEIGHTS_FILE: weights_bytes(weights)})

    def failure(self, error: PoisonedError) -> Path:
        """Keep the rollout that stopped the training; the folder it went to."""
        folder = free_name(self.path / "failures" / f"iteration-{error.iteration:06d}")
        with self._writing():
            folder.mkdir(parents=True)
            write_synced(folder / "rollout.safetensors", save_arrays(error.rollout.arrays()))
            what = {"iteration": error.iteration, "message": error.message}
            write_synced(folder / "what.json", as_json(what))
        return folder

    def close(self) -> None:
        """Flush and end the files that were appended to, and let others in.

        Raises:
            UprightError: The disk refused what was left to write.
        """
        self._background.shutdown()  # a checkpoint that was begun becomes whole
        with self._writing(), ExitStack() as opened:
            opened.callback(self._lock.release)
            for file in (self._events, self._episodes, self._metrics):
                opened.callback(file.close)
            self.settle()
            sweep(self._checkpoints)


def _appended(path: Path) -> BinaryIO:
    """A log opened to be appended to; what is no file is refused, since a pipe would wait."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(errno.EINVAL, f"{path.name} is not a regular file")
    return path.open("ab+")


def _cut(file: BinaryIO, length: int) -> None:
    """Cut a log to this length, or to its last whole line where it is shorter than that."""
    if file.seek(0, os.SEEK_END) < length:
        file.seek(0)
        length = file.read().rfind(b"\n") + 1
    file.truncate(length)
    os.fsync(file.fileno())
    file.seek(0, os.SEEK_END)
