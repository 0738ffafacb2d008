"""How fast Upright solves CartPole, beside Stable-Baselines3 and the lesson, in one run.

    python benchmarks/time_to_solve.py --seeds 10

Parts: ppo, actor-critic, reinforce (in this process, against Stable-Baselines3), cold (the whole
command against its imports) and lesson (the lesson presets against the lesson's loops); `default`
is the algorithm that the environment's preset names. The report is written anew each time.
"""

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path

import cold
import lesson_speed
import machine
import peers
import solving
from asking import say, some_of
from report import write
from upright.cli.arguments import count
from upright.cli.arguments import seed as first_seed
from upright.settings import SETTINGS, presets_of

ENV = "CartPole-v1"
ALGOS = tuple(SETTINGS)
PARTS = (*ALGOS, "cold", "lesson")


def parse_parts(text: str) -> list[str]:
    """The parts that were asked for, in the report's order."""
    default = presets_of(ENV).default_algorithm
    asked = {default if part == "default" else part for part in some_of((*PARTS, "default"))(text)}
    return [part for part in PARTS if part in asked]


def in_process(algos: Sequence[str], seeds: Sequence[int]) -> str:
    """Stable-Baselines3 and Upright's algorithms in turn, seed by seed; the report on it.

    The peer is evaluated as often as the most often evaluated of all algorithms, asked for or not.
    """
    ours: dict[solving.Contender, list[solving.Solve]] = {
        solving.contender(ENV, algo): [] for algo in algos
    }
    every = min(solving.contender(ENV, algo).every for algo in ALGOS)
    theirs: list[solving.Solve] = []
    say("warming up")
    peers.warm_up(ENV)
    for who in ours:
        solving.warm_up(ENV, who.algo)
    for seed in seeds:
        gc.collect()
        theirs.append(peers.solve(ENV, seed, every))
        say(str(theirs[-1]))
        for who, runs in ours.items():
            gc.collect()
            runs.append(solving.solve(ENV, who, seed))
            say(str(runs[-1]))
    return solving.section(ENV, theirs, every, ours)


def lessons(seeds: Sequence[int]) -> str:
    """Both lessons; the report on them."""
    results = {}
    for algo in lesson_speed.EPISODES:
        say(f"lesson: {algo}")
        results[algo] = lesson_speed.measure(algo, seeds)
    return lesson_speed.section(results)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=count, default=10, help="how many seeds; default 10")
    add("--first-seed", type=first_seed, default=0, help="the first of them; default 0")
    add("--parts", type=parse_parts, default=[*PARTS], help="default: all, comma-separated")
    add("--cold-runs", type=count, default=7, help="turns of the cold command; default 7")
    add("--lesson-repeats", type=count, default=5, help="seeds of each lesson; default 5")
    add("--out", type=Path, default=Path(__file__).with_name("results.md"), help="the report")
    return parser.parse_args()


def main() -> None:
    """Measure what was asked for, and write the report."""
    args = read_arguments()
    first = args.first_seed
    seeds = range(first, first + args.seeds)
    sections = [machine.head("time_to_solve.py", "Time to solve", machine.span(seeds))]
    algos = [part for part in args.parts if part in ALGOS]
    if algos:
        sections.append(in_process(algos, seeds))
    if "cold" in args.parts:
        say("cold command")
        turns = cold.measure(ENV, range(first, first + args.cold_runs))
        sections.append(cold.section(ENV, turns))
    if "lesson" in args.parts:
        sections.append(lessons(range(first, first + args.lesson_repeats)))
    write(args.out, sections)


if __name__ == "__main__":
    main()
