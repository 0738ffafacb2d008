"""What checkpoints cost: CartPole's full budget with and without them, and a large policy.

    python benchmarks/checkpoint_cost.py [--runs N] [--seed S]

The two kinds of training alternate, so that whatever else the machine does falls on both.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine
import upright
from report import Ratios, spread, table
from upright.classes import Trainer
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.experiment import Experiment, Listener
from upright.runs import read_checkpoint

ENV, ALGO = "CartPole-v1", "ppo"
NEVER = 10**12
LARGE: dict[str, Any] = {
    "hidden_sizes": (2230, 2230),
    "num_envs": 8,
    "num_steps": 32,
    "num_epochs": 1,
}


class Spent(Listener):
    """Sums what the training's own thread spends on checkpoints."""

    seconds = 0.0
    checkpoints = 0


@contextmanager
def watched() -> Iterator[Spent]:
    """Time every call that makes a checkpoint, waiting for the one before included."""
    spent = Spent()

    real_save = Experiment._save

    def save(self: Experiment) -> None:
        began = time.perf_counter()
        real_save(self)
        spent.seconds += time.perf_counter() - began
        spent.checkpoints += 1

    Experiment._save = save  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        Experiment._save = real_save  # type: ignore[method-assign]


def train(seed: int, **settings: Any) -> float:
    """Seconds of training, evaluations apart."""
    with tempfile.TemporaryDirectory() as out:
        run = upright.train(ENV, ALGO, seed=seed, until="budget", out=out, media=False, **settings)
        return float(run.info["train_seconds"])


def full_budget(runs: int, seed: int) -> str:
    """The tuned preset to the end of its budget, with checkpoints as by default and with one."""
    train(seed)
    rows, direct = [], []
    for number in range(seed, seed + runs):
        with watched() as spent:
            with_them = train(number)
        direct.append(100.0 * spent.seconds / with_them)
        rows.append((with_them, train(number, checkpoint_every=NEVER)))
    with_all, without = zip(*rows, strict=True)
    ratios = Ratios.between(with_all, without)
    return table(
        ("CartPole-v1, ppo, 200,000 steps", "median (least to greatest)"),
        [
            ("seconds with 20 checkpoints", spread(with_all, ".3f")),
            ("seconds with one at the end", spread(without, ".3f")),
            ("ratio, pair by pair", spread(ratios.pairs, ".4f")),
            ("the training thread's part in making them, % of its seconds", spread(direct, ".2f")),
        ],
    )


def large_policy() -> str:
    """One checkpoint of a policy with about ten million parameters."""
    trainer = Trainer(ENV, ALGO, preset="default", **LARGE)
    next(trainer)
    parameters = trainer.policy.network.flat.size
    trainer.close()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out, watched() as spent:
        run = upright.train(
            ENV, ALGO, preset="default", until="budget", out=out, eval_every=NEVER, media=False,
            total_timesteps=2560, checkpoint_every=256, keep=2, **LARGE,
        )  # fmt: skip
        seconds, sizes = time.perf_counter() - began, []
        newest = max((run.path / "checkpoints").iterdir())
        sizes = [path.stat().st_size for path in newest.iterdir()]
        opening = time.perf_counter()
        read_checkpoint(Path(newest), run.outline())
        opening = time.perf_counter() - opening
    return table(
        (f"{parameters:,} parameters", "measured"),
        [
            ("bytes of a checkpoint", f"{sum(sizes):,}"),
            ("training thread, per checkpoint", f"{spent.seconds / spent.checkpoints:.3f} s"),
            ("of all seconds, at one checkpoint every 256 steps", f"{spent.seconds / seconds:.1%}"),
            ("reading one back, hashes and all", f"{opening:.3f} s"),
        ],
    )


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=count, default=10)
    parser.add_argument("--seed", type=first_seed, default=400)
    args = parser.parse_args()
    print(f"{machine.cpu_model()}, load {machine.load_average()}\n")
    print(full_budget(args.runs, args.seed), end="\n\n")
    print(large_policy())


if __name__ == "__main__":
    main()
