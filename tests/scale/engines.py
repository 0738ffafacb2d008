"""Engines that lose workers, and environments that end or hang the process they are in."""

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kills
import upright
from experiment.test_exactness import run_folder, started_and_ended
from probes.envs import Obs, Probe, Transition
from upright.experiment.listener import Listener
from upright.ground import Stream, derive_seed
from upright.learning.trainer import Trainer
from upright.policy.networks import Weights
from upright.runs.run import Run
from upright.scale.engine import Job, Lost, Response, Unit
from upright.scale.processes import ProcessEngine
from upright.scale.sharded import ShardedCollector
from upright.scale.shards import Shards


class Stormy:
    """Workers in this process, which answer in any order and are lost at any moment.

    Args:
        job: What the run's units have in common.
        workers: How many.
        seed: Decides the order, and who is lost when; nobody is over one unit three times.
    """

    waits = (0.0, 0.0, 0.0)

    def __init__(self, job: Job, workers: int, seed: int) -> None:
        self.workers, self._job, self._rng = workers, job, random.Random(seed)
        self._alive: dict[int, Shards] = {}
        self._given: dict[int, list[Unit]] = {}
        self._tries: dict[int, int] = {}
        self._weights: Weights = {}
        self.lost = 0

    def publish(self, weights: Weights) -> None:
        self._weights = {name: array.copy() for name, array in weights.items()}
        self._tries.clear()

    def submit(self, worker: int, unit: Unit) -> None:
        self._given.setdefault(worker, []).append(unit)

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        worker = self._rng.choice([worker for worker in sorted(self._given) if self._given[worker]])
        unit = self._given[worker].pop(0)
        shards = self._alive.setdefault(worker, Shards(self._job))
        if unit.plays:
            shards.load(self._weights)
        when = self._rng.choice(["before", "after", "never", "never"])
        if self._tries.get(unit.shard, 0) == 2:
            when = "never"
        answer = None if when == "before" else shards.do(unit)
        if when != "never" or answer is None:
            self.lost += 1
            self._tries[unit.shard] = self._tries.get(unit.shard, 0) + 1
            return worker, Lost(f"was lost {when} its unit")
        return worker, answer

    def end(self, worker: int) -> None:
        self._given.pop(worker, None)
        lost = self._alive.pop(worker, None)
        if lost is not None:
            lost.close()

    def close(self) -> None:
        for worker in list(self._alive):
            self.end(worker)


def job_of(trainer: Trainer) -> Job:
    recipe = trainer.recipe
    return Job(trainer.env, recipe.settings, recipe.seed, trainer.backend, trainer.device)


def into_a_storm(trainer: Trainer, workers: int, seed: int) -> Stormy:
    """Let a trainer collect by `Stormy`."""
    trainer.collector.close()
    engine = Stormy(job_of(trainer), workers, seed)
    trainer.collector = ShardedCollector(engine, trainer.policy, trainer.settings)
    return engine


class Strikes:
    """Kills workers a moment after some of their units were sent.

    Args:
        monkeypatch: Takes it back.
        at: Which units, counted over all workers from 0.
        seed: Decides the moments.
        how: The signal.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        at: set[int],
        seed: int = 0,
        how: signal.Signals = signal.SIGKILL,
    ) -> None:
        rng, submit, self.sent, self.struck = random.Random(seed), ProcessEngine.submit, 0, 0

        def striking(engine: ProcessEngine, worker: int, unit: Unit) -> None:
            submit(engine, worker, unit)
            if self.sent in at:
                for each in workers_of_this():  # it may have ended just now, of an earlier strike
                    if each.name == f"upright-worker-{worker}":
                        after = rng.uniform(0.0, 0.05)
                        threading.Timer(after, self._strike, (each.pid, how)).start()
            self.sent += 1

        monkeypatch.setattr(ProcessEngine, "submit", striking)

    def _strike(self, pid: int, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
            self.struck += 1


def workers_of_this() -> list[Any]:
    """The worker processes that this process has."""
    return [
        each for each in multiprocessing.active_children() if each.name.startswith("upright-worker")
    ]


def differing(one: Path, other: Path) -> list[str]:
    """What two runs do not have in common, save who their workers were last."""
    ours, theirs = (
        [line for line in _lines(run) if not line.startswith(("workers", "engine", "ray_address"))]
        for run in (one, other)
    )
    assert ours == theirs
    return [name for name in kills.differences(one, other) if name != "settings.toml"]


def _lines(run: Path) -> list[str]:
    return (run / "settings.toml").read_text().splitlines()


def seed_of(env: int, width: int, episode: int = 0) -> int:
    """The seed of an environment's episode in the run 0 in shards of this width."""
    return derive_seed(derive_seed(0, Stream.TRAINING, env // width), env % width, episode)


class Bad(Probe):
    """Five steps; does something else in the third step of environment 5's first episode."""

    episode = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Obs, dict[str, Any]]:
        self.is_bad = seed == seed_of(5, 2, self.episode)
        return super().reset(seed=seed)

    def step(self, action: int) -> Transition:
        self.now += 1
        if self.is_bad and self.now == 3:
            self.misbehave()
        obs = np.array([0.0, min(self.now, 1)], np.float32)
        return obs, 1.0, self.now == 5, False, {}

    def misbehave(self) -> None:
        """Nothing, here."""


class Raises(Bad):
    def misbehave(self) -> None:
        raise ValueError("a bug of mine")


class Exits(Bad):
    def misbehave(self) -> None:
        os._exit(3)


class Hangs(Bad):
    def misbehave(self) -> None:
        time.sleep(1000)


class Unmade(Bad):
    """Cannot be made in a worker."""

    def __init__(self) -> None:
        super().__init__()
        if multiprocessing.parent_process():
            self.end()

    def end(self) -> None:
        raise OSError("no licence here")


class DiesWhileMade(Unmade):
    def end(self) -> None:
        os._exit(3)


class HangsWhileMade(Unmade):
    def end(self) -> None:
        time.sleep(1000)


class HangsInClose(Bad):
    def close(self) -> None:
        if multiprocessing.parent_process():
            time.sleep(1000)


class HangsOnce(Bad):
    """Hangs the first worker that comes there; a file remembers."""

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note

    def misbehave(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.note, os.O_CREAT | os.O_EXCL))
            time.sleep(1000)


class ExitsWhile(Bad):
    """Ends its process in a later iteration, as long as a file is there."""

    episode = 12

    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note

    def misbehave(self) -> None:
        if Path(self.note).exists():
            os._exit(3)


def own_module(space: Any, num_params: int) -> Any:
    """A network of the user's own, in a module that others can import."""
    from torch import nn

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.actor, self.critic = nn.Linear(4, num_params), nn.Linear(4, 1)

        def forward(self, obs: Any) -> Any:
            return self.actor(obs), self.critic(obs).squeeze(-1)

    return Own()


def interrupt_of_the_whole_group(out: Path, *words: str) -> None:
    """As Ctrl-C in a terminal: the iteration is finished, and nobody is lost or says more."""
    command = [
        "train", "CartPole-v1", "--preset", "default", "--num-envs", "8", "--shards", "4",
        "--workers", "2", "--until", "budget", "--out", str(out), "--no-media",
        "--total-timesteps", "10000000",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "upright", *command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    log = out / "CartPole-v1" / "ppo-s0" / "metrics.jsonl"
    for _ in range(1000):
        if log.exists() and log.stat().st_size > 2000:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "was lost" not in said
    assert "Traceback" not in said


def ended_twice(out: Path, **chosen: Any) -> Path:
    """The folder of a run that was killed with two workers, and then stopped with none."""

    def train(listener: Listener) -> Run:
        return upright.train("CartPole-v1", "ppo", out=out, listener=listener, workers=2, **chosen)

    started_and_ended(train, 3, "abruptly")
    folder = run_folder(out)
    started_and_ended(
        lambda listener: upright.resume(folder, listener=listener, workers=0), 2, "SIGTERM"
    )
    return folder
