"""Whole trainings of many seeds: two at a time against one after the other.

    python benchmarks/many_seeds.py --seeds 16 --total-timesteps 650000

Both are `upright seeds`, whose trainings are processes with run folders of their own; they spend
the whole budget, so that both do the same work, and their weights are compared afterwards.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import machine
from asking import say
from report import Requirement, requirements_table, spread, table, write
from upright.api import load
from upright.cli.arguments import count

FASTER = 1.7  # at least, two at a time
LONG = 30.0  # seconds that a training takes at least, for the comparison to count


def train(env: str, seeds: int, timesteps: int, jobs: int, out: Path) -> float:
    """Seconds of `upright seeds`, from a new process to its end."""
    words = ["seeds", env, "--seeds", f"0-{seeds - 1}", "--jobs", str(jobs), "--until", "budget"]
    words += ["--total-timesteps", str(timesteps), "--eval-every", str(timesteps)]
    words += ["--out", str(out), "--no-media", "--quiet"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "upright", *words], check=True, stdout=sys.stderr)
    return time.perf_counter() - began


def trained(out: Path) -> tuple[dict[int, bytes], list[float]]:
    """The weights of every seed, and the seconds of training of each."""
    runs = [load(path.parent) for path in sorted(out.rglob("run.json"))]
    weights = {run.record.seed: (run.path / "policy.safetensors").read_bytes() for run in runs}
    return weights, [run.metrics()[-1]["time/time_elapsed"] for run in runs]


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--env", default="LunarLander-v3", help="default LunarLander-v3")
    add("--seeds", type=count, default=16, help="how many; default 16")
    text = "of each training; default 650000"
    add("--total-timesteps", type=count, default=650_000, metavar="N", help=text)
    add("--out", type=Path, default=Path(__file__).with_name("many_seeds.md"), help="the report")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and write the report."""
    args = read_arguments(words)
    seconds, found, alone = {}, [], []
    head = machine.head("many_seeds.py", "Many seeds, two at a time")
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            seconds[jobs] = train(args.env, args.seeds, args.total_timesteps, jobs, Path(folder))
            weights, each = trained(Path(folder))
        say(f"--jobs {jobs}: {seconds[jobs]:.1f} s")
        found.append(weights)
        alone.append(each)
    ratio = seconds[1] / seconds[2]
    rows = [
        (f"--jobs {jobs}", f"{seconds[jobs]:,.1f}", spread(each, ".1f"))
        for jobs, each in zip((1, 2), alone, strict=True)
    ]
    shortest = min(alone[0])
    promises = [
        Requirement(
            f"--jobs 2: at least {FASTER:g} times as fast", f"{ratio:.2f}", ratio >= FASTER
        ),
        Requirement(
            f"every training takes {LONG:g} s or more", f"{shortest:.1f} s", shortest >= LONG
        ),
        Requirement(
            "the same weights of every seed, to the last bit",
            f"{sum(found[0].get(seed) == data for seed, data in found[1].items())} of {args.seeds}",
            found[0] == found[1] and len(found[0]) == args.seeds,
        ),
    ]
    text = (
        f"`upright seeds {args.env} --seeds 0-{args.seeds - 1} --until budget --total-timesteps "
        f"{args.total_timesteps}`, one evaluation and its proof at the end of each. Seconds of the "
        "whole command, then of one training, median (least to greatest)."
    )
    header = ("trainings", "all of them, s", "one of them, s")
    write(args.out, [head, text, table(header, rows), requirements_table(promises)])


if __name__ == "__main__":
    main()
