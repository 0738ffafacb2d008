"""Trainings that are killed at a random moment, resumed, and compared with undisturbed ones.

Run as a script it is a server: it has imported everything once, and forks a child for each line
of JSON that it reads, so that a kill costs no import.
"""

import errno
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from safetensors.numpy import load_file

import upright
from support import untimed
from upright.envs import BACKENDS, make_env
from upright.ground.errors import UprightError
from upright.policy.catalogue import is_supported
from upright.runs.folder import checkpoint_folders
from upright.settings.hyperparameters import SETTINGS

KILLED = -signal.SIGKILL
CANDIDATES = (
    "CartPole-v1",
    "MountainCar-v0",
    "Pendulum-v1",
    "MountainCarContinuous-v0",
    "FrozenLake-v1",
    "Taxi-v4",
    "Blackjack-v1",
)
SMALL: dict[str, dict[str, Any]] = {
    "reinforce": {"num_envs": 4, "num_episodes": 4},
    "actor-critic": {"num_envs": 4, "num_steps": 16},
    "ppo": {"num_envs": 4, "num_steps": 32, "num_epochs": 2},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "schedules": {"learning_rate": "0.01:0.001", "clip_range": "0.3:0.1"},
    "normalize_obs": {"normalize_obs": True},
    "normalize_rewards": {"normalize_rewards": True, "reward_scale": 0.5, "clip_rewards": 2.0},
    "shared_network": {"shared_network": True},
    "separate_optimizers": {"separate_optimizers": True},
    "baseline": {"baseline": True},
    "minibatches": {"minibatch_size": 24},
    "whole episodes": {"num_steps": 0},
    "target_kl": {"target_kl": 0.001, "num_epochs": 4},
    # Matrix products of few columns take other paths, which see how an array lies in memory.
    "narrow": {"hidden_sizes": (4,)},
    "linear": {"hidden_sizes": ()},
    "single steps": {"num_steps": 1},
}
INTERVALS = (1, 77, 256)


def small(algo: str) -> dict[str, Any]:
    return SMALL.get(algo, {"num_envs": 4})


def algorithms() -> list[str]:
    return list(SETTINGS)


def backends() -> list[str]:
    """Those whose runs go on as if they had never been stopped."""
    return sorted(name for name, each in BACKENDS.items() if each.exact("CartPole-v1"))


def options(algo: str) -> dict[str, dict[str, Any]]:
    """The options that say something to this algorithm."""
    known = SETTINGS[algo].model_fields
    fitting = {
        name: {key: value for key, value in changes.items() if key in known}
        for name, changes in OPTIONS.items()
    }
    return {name: each for name, each in fitting.items() if each or name == "plain"}


def environments(backend: str) -> list[str]:
    """The candidates that can be trained this way."""
    return [name for name in CANDIDATES if _can_be_trained(name) and BACKENDS[backend].can(name)]


def _can_be_trained(name: str) -> bool:
    try:
        env = make_env(name)
    except UprightError:
        return False
    env.close()
    return is_supported(env.observation_space, env.action_space)


@dataclass(frozen=True)
class Case:
    """One training; `arguments` are those of `upright.train`."""

    env: str
    algo: str
    arguments: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, env: str, algo: str, backend: str, option: str, interval: int, timesteps: int = 4000
    ) -> Self:
        every = timesteps // 3 if env == "CartPole-v1" else timesteps
        fixed = {
            "preset": "default",
            "seed": 3,
            "backend": backend,
            "until": "budget",
            "total_timesteps": timesteps,
            "eval_every": every,
            "checkpoint_every": interval,
            "keep": 3,
        }
        return cls(env, algo, fixed | small(algo) | options(algo)[option])

    def also(self, **arguments: Any) -> Self:
        """The same with more arguments."""
        return type(self)(self.env, self.algo, self.arguments | arguments)

    def training(self, out: Path) -> dict[str, Any]:
        return {"env": self.env, "algo": self.algo, "out": str(out), **self.arguments}

    def words(self, out: Path) -> list[str]:
        """The same as a command line."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in self.arguments.items()]
        return ["train", self.env, "--algo", self.algo, "--out", str(out), *flags]

    def folder(self, out: Path) -> Path:
        return out / self.env / f"{self.algo}-s{self.arguments['seed']}"


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: 0, 2 for an UprightError, 1 for any other, or minus the signal's number.
        seconds: Since the run folder was there.
        error: What it raised.
        operations: What it wrote with, in order.
    """

    status: int
    seconds: float
    error: str = ""
    operations: tuple[str, ...] = ()


class Death(BaseException):
    """What a dead process does from now on: nothing."""


class Faults:
    """While it is entered, writing below a folder goes wrong at one operation.

    Operations are opening for writing, write, flush, fsync, mkdir, rename, unlink and rmdir, in
    the order in which they are called.

    Args:
        root: Operations elsewhere are left alone.
        kind: "none", "refused" (EIO once), "full" (ENOSPC from then on for all that needs room),
            "torn" (half of what is written, then EIO), "killed" and "torn and killed" (SIGKILL to
            this process), "dead" and "torn and dead" (`Death` at every operation from then on).
        at: Which operation, counted from 0.
    """

    NAMES = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")
    FREEING = ("unlink", "rmdir", "rename", "replace")

    def __init__(self, root: Path, kind: str, at: int) -> None:
        self._root, self.kind, self._at = str(root), kind, at
        self.operations: list[str] = []
        self._lock = threading.Lock()
        self._open, self._originals = io.open, {name: getattr(os, name) for name in self.NAMES}

    def __enter__(self) -> Self:
        io.open = self._opened  # type: ignore[assignment]
        for name in self.NAMES:
            setattr(os, name, self._counted(name))
        return self

    def __exit__(self, *raised: object) -> None:
        io.open = self._open
        for name, original in self._originals.items():
            setattr(os, name, original)

    def strike(self, name: str, tear: Callable[[], object] = lambda: None) -> None:
        """Count an operation; raise or die where it is the one."""
        with self._lock:
            number = len(self.operations)
            self.operations.append(name)
        if self.kind == "none" or number < self._at:
            return
        if self.kind == "full" and name not in self.FREEING:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if number == self._at and self.kind.startswith("torn"):
            tear()
        if number == self._at and self.kind.endswith("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind.endswith("dead"):
            raise Death
        if number == self._at and self.kind in ("refused", "torn"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _counted(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def call(place: Any, *others: Any, **options: Any) -> Any:
            if self._is_below(place, options):
                self.strike(name)
            return original(place, *others, **options)

        return call

    def _is_below(self, place: Any, options: dict[str, Any]) -> bool:
        if isinstance(place, int):
            place = Path(f"/proc/self/fd/{place}").readlink()
        elif options.get("dir_fd") is not None:
            place = Path(f"/proc/self/fd/{options['dir_fd']}").readlink()
        return os.fsdecode(place).startswith(self._root)

    def _opened(self, file: Any, mode: str = "r", *others: Any, **options: Any) -> Any:
        writes = set(mode) & set("wxa+")
        if isinstance(file, int) or not writes or not self._is_below(file, {}):
            return self._open(file, mode, *others, **options)
        self.strike("open")
        return Written(self._open(file, mode, *others, **options), self)


class Written:
    """A file whose writes and flushes are operations."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def write(self, data: Any) -> Any:
        def tear() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        self._faults.strike("write", tear)
        return self._file.write(data)

    def flush(self) -> None:
        self._faults.strike("flush")
        self._file.flush()


class Server:
    """Forks trainings and kills them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(
        self,
        call: str,
        arguments: dict[str, Any],
        watch: Path,
        kill_after: float = -1.0,
        fault: tuple[str, int] | None = None,
    ) -> Ended:
        """Run a call of `upright` in a child, and perhaps kill it.

        Args:
            call: train or resume.
            arguments: Its keywords.
            watch: The run folder.
            kill_after: Seconds after that is there; a negative number lets the child live.
            fault: A kind of `Faults`, and the operation that it strikes.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "call": call,
            "arguments": arguments,
            "watch": str(watch),
            "kill_after": kill_after,
            "fault": fault,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def train(
        self, case: Case, out: Path, kill_after: float = -1.0, fault: tuple[str, int] | None = None
    ) -> Ended:
        return self.ask("train", case.training(out), case.folder(out), kill_after, fault)

    def resume(
        self, folder: Path, kill_after: float = -1.0, fault: tuple[str, int] | None = None
    ) -> Ended:
        return self.ask("resume", {"path": str(folder)}, folder, kill_after, fault)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def moment(rng: random.Random, seconds: float) -> float:
    """A moment of a training of so many seconds; its beginning and its end more often."""
    kind = rng.random()
    if kind < 0.2:
        return rng.uniform(0.0, 0.1 * seconds)
    if kind < 0.4:
        return rng.uniform(0.9 * seconds, seconds)
    return rng.uniform(0.0, seconds)


def undisturbed(server: Server, case: Case, out: Path) -> float:
    """Train without a kill; its seconds."""
    ended = server.train(case, out)
    assert ended.status == 0, ended.error
    return ended.seconds


def killed_and_resumed(
    server: Server, case: Case, out: Path, rng: random.Random, seconds: float, kills: int
) -> int:
    """Train until it was killed so many times, and then to the end; how many kills came in time."""
    span = seconds * min(1.0, 2.0 / kills)
    ended = server.train(case, out, moment(rng, span))
    struck = int(ended.status == KILLED)
    while ended.status == KILLED and struck < kills:
        ended = server.resume(case.folder(out), moment(rng, span))
        struck += ended.status == KILLED
    assert ended.status in (0, KILLED), ended.error
    if ended.status == KILLED:
        ended = server.resume(case.folder(out))
        assert ended.status == 0, ended.error
    return struck


def differences(one: Path, other: Path) -> list[str]:
    """What two finished runs do not have in common, save what a clock decides."""
    files = ("policy.safetensors", "evaluation.json", "episodes.jsonl", "settings.toml")
    found = [name for name in files if (one / name).read_bytes() != (other / name).read_bytes()]
    if rows(one) != rows(other):
        found.append("metrics.jsonl")
    if scalars(one) != scalars(other):
        found.append("events")
    found += [f"checkpoints/{name}" for name in _differing_checkpoints(one, other)]
    found += [path.name for path in leftovers(other)]
    return found


def rows(folder: Path) -> list[dict[str, Any]]:
    return [untimed(row) for row in upright.load(folder).metrics()]


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """All scalars of all events files, save the clock's; none may be there twice."""
    found: dict[tuple[str, int], float] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for tag, step, value in _values(path):
            assert (tag, step) not in found, f"{tag} at {step} is there twice"
            found[tag, step] = value
    return {key: value for key, value in found.items() if key[0] in untimed({key[0]: 0.0})}


def _values(path: Path) -> Iterator[tuple[str, int, float]]:
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    for event in LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            yield value.tag, event.step, value.simple_value


def _differing_checkpoints(one: Path, other: Path) -> list[str]:
    ours, theirs = (
        {path.name: path for path in checkpoint_folders(run / "checkpoints")}
        for run in (one, other)
    )
    both = ours.keys() & theirs.keys()
    assert max(ours) in both
    return [
        f"{name}: {'; '.join(found)}"
        for name in sorted(both)
        if (found := _differing_parts(ours[name], theirs[name]))
    ]


def _differing_parts(one: Path, other: Path) -> list[str]:
    found = []
    for name in ("policy.safetensors", "trainer.safetensors"):
        if (one / name).read_bytes() != (other / name).read_bytes():
            ours, theirs = load_file(one / name), load_file(other / name)
            found += [f"{name}: {key}" for key in ours if not _same(ours[key], theirs.get(key))]
            found.append(name)
    if _timeless(one / "state.json") != _timeless(other / "state.json"):
        found.append("state.json")
    return found


def _same(one: np.ndarray, other: np.ndarray | None) -> bool:
    return other is not None and one.tobytes() == other.tobytes()


def _timeless(path: Path) -> Any:
    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: clean(each)
                for key, each in value.items()
                if key != "seconds" and not key.endswith("_bytes")
            }
        return value

    return clean(json.loads(path.read_text()))


def leftovers(folder: Path) -> list[Path]:
    """What should not be in the folder of a run that is finished: temporary names."""
    return [path for path in folder.rglob(".*") if path.name != ".lock"]


def _serve() -> None:
    for line in sys.stdin:
        ended = _forked(**json.loads(line))
        print(json.dumps(ended), flush=True)


def _forked(
    call: str, arguments: dict[str, Any], watch: str, kill_after: float, fault: list[Any] | None
) -> dict[str, Any]:
    said = tempfile.TemporaryFile()  # noqa: SIM115  what a child says may be more than a pipe holds
    child = os.fork()
    if child == 0:
        _live(call, arguments, watch, fault or ["none", -1], said.fileno())
    began, status, reaped = 0.0, 0, 0
    while not reaped:
        if not began and Path(watch).exists():
            began = time.monotonic()
        if began and 0.0 <= kill_after <= time.monotonic() - began:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.0005)
        reaped, status = os.waitpid(child, os.WNOHANG)
    seconds = time.monotonic() - began
    with said:
        said.seek(0)
        told = {} if os.WIFSIGNALED(status) else json.loads(said.read())
    return {"status": os.waitstatus_to_exitcode(status), "seconds": seconds, **told}


def _live(
    call: str, arguments: dict[str, Any], watch: str, fault: list[Any], saying: int
) -> NoReturn:
    code, error = 0, ""
    faults = Faults(Path(watch).parent.parent, *fault)
    try:
        with faults:
            getattr(upright, call)(**arguments)
    except UprightError as raised:
        code, error = 2, str(raised)
    except BaseException:
        code, error = 1, traceback.format_exc()[-4096:]
    told = {"error": error, "operations": faults.operations}
    os.write(saying, json.dumps(told).encode())
    os._exit(code)


if __name__ == "__main__":
    _serve()
