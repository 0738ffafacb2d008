"""Writes a run folder, and stops with a clear sentence where the disk does."""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import tomli_w
from safetensors.numpy import save as save_arrays

from upright.checkpoint import (
    SCHEMA,
    discard,
    save_checkpoint,
    sha256,
    sweep,
    versions,
    weights_bytes,
)
from upright.errors import UprightError
from upright.events import EventLog
from upright.files import as_json, checkpoints, write_atomically, write_json, write_synced
from upright.folders import EPISODES, METRICS
from upright.lock import RunLock
from upright.policy import Weights
from upright.reading import read_bytes
from upright.recipe import Recipe
from upright.rollout import Episode
from upright.state import State
from upright.trainer import PoisonedError
from upright.verdict import Verdict

LOG_BYTES = 16 << 30


def _appended(path: Path) -> BinaryIO:
    """A log opened to be appended to; what is no file is refused, since a pipe would wait."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(errno.EINVAL, f"{path.name} is not a regular file")
    return path.open("ab")


class RunWriter:
    """Writes into one run folder, which is locked while it does.

    Args:
        path: The folder.
        lock: Held on it, and released by `close`.
        info: What run.json says.
        keep: The newest checkpoints that are kept, beside the best.

    Raises:
        UprightError: The folder cannot be written.
    """

    def __init__(self, path: Path, lock: RunLock, info: dict[str, Any], keep: int) -> None:
        self.path, self._lock, self._info, self._keep = path, lock, info, keep
        self._background = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[None] | None = None
        self._means: dict[str, float] = {}
        self._saved = ""
        with self._writing():
            self._logs: dict[str, BinaryIO] = {}
            with ExitStack() as opened:
                for name in (METRICS, EPISODES):
                    self._logs[name] = opened.enter_context(_appended(path / name))
                opened.pop_all()
            self._lengths = {name: (path / name).stat().st_size for name in self._logs}
        self._events = EventLog(path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one sentence what the disk refused, and what is safe."""
        try:
            yield
        except OSError as error:
            gone = not self.path.exists()
            reason = "the folder is gone" if gone else error.strerror or str(error)
            newest = next(iter(checkpoints(self.path / "checkpoints")), None)
            safe = "no checkpoint yet" if newest is None else f"the newest checkpoint is {newest}"
            raise UprightError(
                f"Cannot write into {self.path}: {reason}; {safe}.",
                "Start it again." if gone else "Mend that, then `upright resume` goes on.",
            ) from error

    def update(self, **changes: Any) -> None:
        """Change what run.json says."""
        self._info |= changes
        with self._writing():
            write_json(self.path / "run.json", self._info)

    def recipe(self, recipe: Recipe, command: str) -> None:
        """Replace the settings, of a run that goes on with another budget."""
        with self._writing():
            write_atomically(self.path / "settings.toml", tomli_w.dumps(recipe.flat()))
            write_atomically(self.path / "command.txt", f"{command}\n")

    def row(self, row: dict[str, Any], episodes: Iterable[Episode] = ()) -> None:
        """Append one object to metrics.jsonl, its numbers to the events, its episodes to theirs."""
        if self._pending is not None and self._pending.done():
            self.settle()
        timesteps = row["time/total_timesteps"]
        lines = [
            json.dumps(
                {
                    "timesteps": timesteps,
                    "iteration": row["iteration"],
                    "env": episode.env_index,
                    "return": episode.episode_return,
                    "length": episode.length,
                }
            )
            + "\n"
            for episode in episodes
        ]
        with self._writing():
            self._append(METRICS, json.dumps(row, allow_nan=False) + "\n")
            self._append(EPISODES, "".join(lines))
            self._events.add(row)

    def _append(self, name: str, text: str) -> None:
        data = text.encode()
        self._logs[name].write(data)
        self._logs[name].flush()
        self._lengths[name] += len(data)

    def checkpoint(
        self, timesteps: int, weights: Weights, state: State, mean: float | None
    ) -> None:
        """Write a checkpoint beside the training; what goes wrong is raised by the next call.

        Args:
            timesteps: Names the folder.
            weights: The policy's; copied before this returns.
            state: Shares no memory with what goes on training.
            mean: The mean return, where the policy of this moment was evaluated.
        """
        self.settle()
        name = f"{timesteps:09d}"
        if name == self._saved:
            return
        self._saved = name
        if mean is not None:
            self._means[name] = mean
        own = {f"{log}_bytes": length for log, length in self._lengths.items()}
        whole = State.joined({"run": state, "log": State({**own, "mean": self._means.get(name)})})
        copied = {each: tensor.detach().cpu().clone() for each, tensor in weights.items()}
        self._pending = self._background.submit(self._save, name, copied, whole)

    def _save(self, name: str, weights: Weights, state: State) -> None:
        for log in self._logs.values():
            os.fsync(log.fileno())
        save_checkpoint(self.path / "checkpoints" / name, weights, state)
        self._prune()

    def _prune(self) -> None:
        present = list(checkpoints(self.path / "checkpoints"))
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
        if self._pending is None:
            return
        try:
            with self._writing():
                self._pending.result()
        except UprightError:
            self._pending = None
            raise
        self._pending = None

    def continue_from(
        self, name: str, log: State, rows: list[dict[str, Any]], means: dict[str, float]
    ) -> None:
        """Cut what was logged after a checkpoint, and hand the events what was logged before.

        Args:
            name: The checkpoint's; empty where the run begins again.
            log: What the checkpoint says of the logs.
            rows: The metrics up to there.
            means: The mean returns of the checkpoints whose policies were evaluated, by name.
        """
        with self._writing():
            (self.path / "checkpoints").mkdir(exist_ok=True)  # an empty one gets lost in copies
            sweep(self.path / "checkpoints")
            for path in checkpoints(self.path / "checkpoints"):
                if not name or int(path.name) > int(name):  # none of them was whole
                    discard(path)
            for each, file in self._logs.items():
                file.close()
                length = log.count(f"{each}_bytes")
                data = read_bytes(self.path / each, LOG_BYTES)
                if len(data) < length:
                    length = data.rfind(b"\n") + 1
                if len(data) != length:
                    write_atomically(self.path / each, data[:length])
                self._logs[each] = (self.path / each).open("ab")
                self._lengths[each] = min(length, len(data))
        self._means, self._saved = dict(means), name
        self._events = EventLog(self.path, rows)

    def verdict(self, verdict: Verdict) -> None:
        """The proven (or best) policy, then what was found of it."""
        digest = self.weights(verdict.candidate.weights)
        record = {
            "schema": SCHEMA,
            "env": self._info["env"],
            "solved": verdict.solved,
            "threshold": verdict.proof.threshold,
            "mean": verdict.proof.mean,
            "interval": list(verdict.proof.interval),
            "timesteps": verdict.candidate.timesteps,
            "weights_sha256": digest,
            "versions": versions(),
            "selection": verdict.candidate.selection.as_dict(),
            "proof": verdict.proof.as_dict(),
        }
        with self._writing():
            write_json(self.path / "evaluation.json", record)

    def weights(self, weights: Weights) -> str:
        """Write policy.safetensors; its SHA-256."""
        data = weights_bytes(weights)
        with self._writing():
            write_atomically(self.path / "policy.safetensors", data)
        return sha256(data)

    def unjudged(self, weights: Weights) -> None:
        """Write policy.safetensors, but never beside a verdict on other weights."""
        if not (self.path / "evaluation.json").exists():
            self.weights(weights)

    def failure(self, error: PoisonedError) -> Path:
        """Keep the rollout that stopped the training; the folder it went to."""
        number, base = 1, self.path / "failures" / f"iteration-{error.iteration:06d}"
        folder = base
        with self._writing():
            while folder.exists():
                number += 1
                folder = base.with_name(f"{base.name}-{number}")
            folder.mkdir(parents=True)
            rollout = error.rollout
            names = ("obs", "actions", "rewards", "terminated", "truncated", "valid")
            arrays = {name: getattr(rollout, name).copy() for name in (*names, "final_obs")}
            arrays["final_index"] = rollout.final_index.copy()
            write_synced(folder / "rollout.safetensors", save_arrays(arrays))
            write_synced(
                folder / "what.json",
                as_json({"iteration": error.iteration, "message": error.message}),
            )
        return folder

    def end_events(self) -> None:
        """Write the events that wait; no row comes after this."""
        with self._writing():
            self._events.close()

    def close(self) -> None:
        """Flush and end the files that were appended to, and let others in.

        Raises:
            UprightError: The disk refused what was left to write.
        """
        self._background.shutdown()  # a checkpoint that was begun becomes whole
        try:
            self.settle()
            sweep(self.path / "checkpoints")
            with self._writing():
                for file in self._logs.values():
                    file.close()
                self._events.close()
        finally:
            for file in self._logs.values():
                with suppress(OSError):
                    file.close()
            self._lock.release()
