"""Train several seeds of one recipe, and say what they come to.

Every training is a process and leaves a run folder of its own, as `upright train --seed` would.
The first Ctrl-C lets every training write its checkpoint and ends. The same command picks up: what
is finished is read, what was stopped or killed goes on from its checkpoint, what is missing begins.
A seed that has a run of the same settings below --out never gets a second one. Exit code 1 if a
training failed, 2 if all did.
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from upright.cli.arguments import announce, columns, plain, print_json, within
from upright.cli.verbs.train import add_training, recipe_of_words
from upright.ground import Interrupted, how_many

if TYPE_CHECKING:
    from upright.study import SeedRow, SeedRuns

HEADER_OF_SEEDS = ("seed", "run", "verdict", "mean", "steps", "seconds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright seeds` takes: which seeds, how many at a time, and all that `train` takes."""
    from upright.study import parse_seeds

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    text = "0-15, or 0,3,5-7; default 0-15"
    add("--seeds", type=parse_seeds, metavar="SEEDS", default="0-15", help=text)
    add_jobs(parser)
    text = "where the trainings run: process, on this machine, or ray (extra ray); default process"
    add("--engine", metavar="NAME", default="process", help=text)
    text = (
        "the cluster whose nodes train, HOST:PORT, or auto for the one of this machine; default "
        "none, this machine alone"
    )
    add("--ray-address", metavar="ADDR", help=text)
    add_training(parser, without=("seed", "engine", "ray_address"))


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The flag that says how many trainings go on at a time."""
    text = "trainings at a time; default: as many as there are cores for"
    parser.add_argument("--jobs", type=_jobs, metavar="N", help=text)


def _jobs(text: str) -> int:
    from upright.study import MOST_JOBS

    return within(text, int, 1, MOST_JOBS, f"1 to {MOST_JOBS}")


def run(args: argparse.Namespace) -> int:
    """Train them."""
    if not args.quiet:
        what = args.env or args.config
        of_what = f" of {what}" if what else ""
        announce(f"Upright: training {how_many(len(args.seeds), 'seed')}{of_what} ...")
    from upright.cli.terminal import onlooker_for
    from upright.recipes import train_several

    own = ("jobs", "engine", "ray_address")
    recipe = recipe_of_words(args, "seeds", *own)
    chosen: dict[str, Any] = {"out": args.out, **{name: getattr(args, name) for name in own}}
    chosen["media"] = False if args.no_media else None
    try:
        with onlooker_for(sys.stderr, args.quiet) as onlooker:
            found = train_several(recipe, args.seeds, onlooker=onlooker, **chosen)
    except Interrupted:
        if not args.quiet:
            announce("The same command goes on from where they stopped.")
        raise
    return _tell(found, args.json)


def _tell(found: "SeedRuns", as_json: bool) -> int:
    failed = [{"seed": seed, "error": error} for seed, error in found.failures.items()]
    if as_json:
        record = found.runs[0].record
        print_json({"env": record.env, "algo": record.algo, **found.as_dict(), "failed": failed})
    else:
        print("\n".join([table_of_seeds(found), "", *found.sentences()]))
    for each in failed:
        announce(f"error: seed {each['seed']} failed: {each['error']}")
    return 1 if failed else 0


def table_of_seeds(found: "SeedRuns") -> str:
    """A row for each run."""
    return columns(HEADER_OF_SEEDS, map(_row, found.rows))


def _row(row: "SeedRow") -> tuple[str, ...]:
    verdict = {True: "solved", False: "not solved", None: "-"}[row.solved]
    numbers = (f"{row.mean:z,.1f}", f"{row.steps:,}", f"{row.seconds:,.2f}")
    return (str(row.seed), plain(row.run), verdict, *numbers)
