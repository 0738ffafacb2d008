"""Workers that are killed or frozen: what is seen, what it costs, and whether anything is lost.

    python benchmarks/faults.py --engines process,ray

Ray (extra ray) is begun for this machine alone, where it is asked for. Parts: collects (one of two
workers is struck in the middle of every collect, and each rollout is compared with that of a
process that nobody disturbs), training (a whole training, of which a worker is killed in every
iteration at a moment that chance draws, against the same one in one process).
"""

import argparse
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

import machine
import upright
from asking import say, some_of
from report import Requirement, requirements_table, spread, table, write
from scale import HERE, OVERHEAD_MS, SHARDS, STEPS, WIDTH, Bench, Who
from upright.cli.arguments import count
from upright.learning import Iteration, Trainer
from upright.rollout import Rollout
from upright.runs import Metric

PARTS = ("collects", "training")
HUNG_AFTER = 5.0  # seconds
FAULTS = {"killed (SIGKILL)": signal.SIGKILL, "frozen (SIGSTOP)": signal.SIGSTOP}
LONG = 60.0  # seconds for which a worker is killed in every iteration, at least
CLOCK = (Metric.FPS, Metric.SECONDS)
LATEST = 0.08  # seconds after an iteration's beginning: about what a collect takes


def victims(who: Who) -> list[psutil.Process]:
    """The processes of the workers that are there, and not frozen."""
    name = "ray::RayWorker" if who.engine == "ray" else "spawn_main"
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            # Ray's kill does not reach an actor that is frozen; it stays until Ray ends.
            if name in " ".join(each.cmdline()) and each.status() != psutil.STATUS_STOPPED:
                found.append(each)
    return sorted(found, key=lambda each: each.pid)


def same(one: Rollout, other: Rollout) -> bool:
    """Whether two rollouts are, to the last bit."""
    ours, theirs = one.arrays(), other.arrays()
    alike = all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    return alike and one.episodes == other.episodes


def collects_section(env: str, laps: int, engines: Sequence[str]) -> str:
    """Workers that are killed or stopped, each time in one collect; the report on it."""
    rows = [_faults(env, laps, Who(engine, 2), what) for engine in engines for what in FAULTS]
    text = (
        f"{env}, {SHARDS} shards, 2 workers, of which one is struck in the middle of every "
        f"collect; --env-timeout {HUNG_AFTER:g}. What is lost: every rollout is compared, to the "
        "last bit, with that of a process that nobody disturbs."
    )
    header = ("one of", "is", 'the run says "its process ..."', "s that it cost", "lost")
    return "\n\n".join(["## In the middle of a collect", text, table(header, rows)])


def _faults(env: str, laps: int, who: Who, what: str) -> tuple[str, ...]:
    """One kind of fault, again and again; its row."""
    with (
        closing(Bench(env, HERE, STEPS)) as calm,
        closing(Bench(env, who, STEPS, HUNG_AFTER)) as struck,
    ):
        usual = float(np.median([_struck(struck, who, None)[0] for _ in range(5)]))
        for _ in range(5):
            calm.collect()
        cost, said, lost = [], set(), 0
        for _ in range(laps):
            seconds, rollout = _struck(struck, who, FAULTS[what])
            cost.append(seconds - usual)
            said |= {note.partition("its process ")[2].split(".")[0] for note in rollout.notes}
            lost += not same(rollout, calm.collect())
    say(f"{who}, {what}: {spread(cost, '.2f')} s")
    nothing = "nothing" if not lost else f"{lost} rollouts were OTHERS"
    return str(who), what, "; ".join(sorted(said)), spread(cost, ".2f"), nothing


def _struck(bench: Bench, who: Who, how: signal.Signals | None) -> tuple[float, Rollout]:
    """One collect, and its seconds, in which a worker gets a signal after a few milliseconds."""
    victim = 0 if how is None else victims(who)[0].pid
    began = time.perf_counter()
    if how is not None:
        signal.signal(signal.SIGALRM, lambda *_: os.kill(victim, how))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
    rollout = bench.collect()
    signal.setitimer(signal.ITIMER_REAL, 0.0)  # it may have been over before
    return time.perf_counter() - began, rollout


class Striker(upright.experiment.Listener):
    """Kills one of a training's workers in every iteration, at a moment that chance draws.

    Args:
        who: Whose workers.

    Attributes:
        kills: How many it killed.
        losses: How many lost workers the training told of.
    """

    def __init__(self, who: Who) -> None:
        self._who, self._chance = who, random.Random(0)
        self.kills = self.losses = 0

    def started(self, trainer: Trainer, folder: Path) -> None:
        """The first collect comes next."""
        self._strike_soon()

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """The next one."""
        self._timer.join()
        self._strike_soon()

    def noted(self, notes: Sequence[str]) -> None:
        """What it says of them."""
        self.losses += sum(" was lost over " in note for note in notes)

    def _strike_soon(self) -> None:
        self._timer = threading.Timer(self._chance.uniform(0.0, LATEST), self._strike)
        self._timer.daemon = True
        self._timer.start()

    def _strike(self) -> None:
        there = victims(self._who)
        if there:
            with suppress(psutil.Error):
                self._chance.choice(there).kill()
                self.kills += 1


class Trained(NamedTuple):
    """A whole training.

    Attributes:
        weights: The file's bytes.
        rows: Its metrics, but for what a clock says.
        seconds: From its first collect to its end, evaluations apart.
    """

    weights: bytes
    rows: list[dict[str, Any]]
    seconds: float


def train(env: str, who: Who, iterations: int, listener: upright.experiment.Listener) -> Trained:
    """So many iterations with these workers."""
    timesteps = iterations * SHARDS * WIDTH * STEPS
    how: dict[str, Any] = {
        "shards": SHARDS,
        "num_envs": SHARDS * WIDTH,
        "num_steps": STEPS,
        "total_timesteps": timesteps,
        "eval_every": timesteps,
        "until": "budget",
        "workers": who.workers,
        "engine": who.engine,
    }
    with tempfile.TemporaryDirectory() as out:
        run = upright.train(env, "ppo", seed=0, out=out, media=False, listener=listener, **how)
        rows = [
            {name: value for name, value in row.items() if name not in CLOCK}
            for row in run.metrics()
        ]
        weights = (run.path / "policy.safetensors").read_bytes()
        return Trained(weights, rows, run.info["train_seconds"])


def training_section(env: str, iterations: int, engines: Sequence[str]) -> str:
    """A whole training with a kill in every iteration; the report on it."""
    nobody = upright.experiment.Listener()
    rows, promises = [], []
    alone = train(env, HERE, iterations, nobody)
    for who in (Who(engine, 2) for engine in engines):
        calm, striker = train(env, who, iterations, nobody), Striker(who)
        struck = train(env, who, iterations, striker)
        say(f"{who}: {striker.kills} kills, {striker.losses} losses, {struck.seconds:.1f} s")
        each = (struck.seconds - calm.seconds) / max(1, striker.losses)
        numbers = (f"{striker.kills}", f"{striker.losses}", f"{calm.seconds:.1f}")
        rows.append((str(who), *numbers, f"{struck.seconds:.1f}", f"{each:.2f}"))
        for other, how in ((calm, "undisturbed"), (struck, "struck")):
            is_same = (other.weights, other.rows) == (alone.weights, alone.rows)
            promise = f"{who}, {how}: weights and metrics as in one process, to the last bit"
            promises.append(Requirement(promise, "the same" if is_same else "OTHERS", is_same))
        promise = f"{who}: killed once an iteration, for {LONG:g} s or more"
        met = striker.kills >= iterations and struck.seconds >= LONG
        found = f"{striker.kills} in {iterations} iterations, {struck.seconds:.1f} s"
        promises.append(Requirement(promise, found, met))
    text = (
        f"{env}, PPO, {SHARDS} shards, {iterations} iterations of {SHARDS * WIDTH * STEPS:,} "
        f"timesteps; in each of them one of 2 workers is killed, 0 to {1000 * LATEST:g} ms after "
        "its beginning. Seconds are of training, evaluations apart."
    )
    header = ("workers", "killed", "the run tells of", "undisturbed, s", "struck, s", "s a loss")
    parts = ["## A whole training, a worker killed in every iteration", text]
    return "\n\n".join([*parts, table(header, rows), requirements_table(promises)])


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", type=some_of(PARTS), default=[*PARTS], help="default: all, comma-separated")
    text = "process, ray or both, comma-separated; default process"
    add("--engines", type=some_of(OVERHEAD_MS, "engine"), default=["process"], help=text)
    add("--env", default="LunarLander-v3", help="default LunarLander-v3")
    add("--laps", type=count, default=5, help="workers struck of each kind; default 5")
    add("--iterations", type=count, default=150, help="of the training; default 150")
    add("--out", type=Path, default=Path(__file__).with_name("faults.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments(words)
    parts = [machine.head("faults.py", "Workers that are lost")]
    if "collects" in args.parts:
        parts.append(collects_section(args.env, args.laps, args.engines))
    if "training" in args.parts:
        parts.append(training_section(args.env, args.iterations, args.engines))
    write(args.out, parts)


if __name__ == "__main__":
    main()
