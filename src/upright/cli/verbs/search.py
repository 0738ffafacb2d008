"""Search for settings: Optuna draws them, every trial is a run, fresh seeds confirm the best.

What is drawn stands in the algorithm's space, or in a file of your own (--space); settings that are
given as flags stay as they are, all else is the preset's. A trial is trained with seeds from
1,000,000 on, each in a process and a run folder of its own. Where there is a threshold the best
trial solves on the most of its seeds, and then in the fewest steps; where there is none, or with
--until budget, it has the highest mean return. Once five trials have ended, one that falls behind
half of them is stopped (pruned). The best is left as best.toml, for `upright train --config`, and
trained again with seeds that the search never used: what counts is what those come to.
The first Ctrl-C lets every training write its checkpoint and ends. The same command picks up. Exit
code 1 if a training failed.
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from upright.cli.arguments import announce, columns, count, plain, print_json, seed, within
from upright.cli.verbs.seeds import add_jobs, table_of_seeds
from upright.cli.verbs.train import add_training, recipe_of_words
from upright.ground import Interrupted

if TYPE_CHECKING:
    from upright.study import Search, TrialRow

HEADER_OF_TRIALS = ("trial", "solved", "mean", "steps", "runs")
SHOWN_TRIALS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright search` takes: how far, how many at a time, and all that `train` takes."""
    from upright.study import parse_time

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    text = "trials in all, those of before included; default 30, or no limit with --time"
    add("--trials", type=count, metavar="N", help=text)
    text = "no trial goes on after it: 90s, 10m or 2h; the confirmation comes then"
    add("--time", type=parse_time, metavar="TIME", help=text)
    add_jobs(parser)
    text = "TOML file of what is drawn; default: the algorithm's own (settings/spaces)"
    add("--space", metavar="FILE", help=text)
    text = "trainings of a trial, each with another seed; default 2"
    add("--seeds-per-trial", type=count, metavar="K", default=2, help=text)
    text = "fresh seeds that confirm the best trial; default 5"
    add("--confirm", type=_seeds, metavar="N", default=5, help=text)
    add("--seed", type=seed, metavar="N", default=0, help="where the draws come from; default 0")
    add_training(parser, without=("seed", "engine", "ray_address"), out="searches")


def _seeds(text: str) -> int:
    return within(text, int, 0, 1000, "0 to 1000")


def run(args: argparse.Namespace) -> int:
    """Search."""
    if not args.quiet:
        what = args.env or args.config
        announce(f"Upright: searching settings{f' for {what}' if what else ''} ...")
    from upright.cli.terminal import onlooker_for
    from upright.recipes import search_around
    from upright.study import plan_of, space_for

    own = ("jobs", "trials", "time", "space", "seeds_per_trial", "confirm", "seed")
    recipe = recipe_of_words(args, *own)
    plan = plan_of(args.trials, args.time, args.seeds_per_trial, args.seed)
    given = [name for name, value in vars(args).items() if value is not None and name not in own]
    space = space_for(recipe, args.space, given)
    chosen: dict[str, Any] = {"out": args.out, "jobs": args.jobs, "confirm": args.confirm}
    chosen["media"] = False if args.no_media else None
    try:
        with onlooker_for(sys.stderr, args.quiet) as onlooker:
            found = search_around(recipe, space, plan, onlooker=onlooker, **chosen)
    except Interrupted:
        if not args.quiet:
            announce("The same command goes on from where they stopped.")
        raise
    return _tell(found, args)


def _tell(found: "Search", args: argparse.Namespace) -> int:
    if args.json:
        print_json(found.as_dict())
    else:
        best = found.ranked[:SHOWN_TRIALS]
        print(columns(HEADER_OF_TRIALS, map(_row, best)))
        print("\n".join(["", *found.sentences(), ""]))
        if found.confirmation is not None:
            print(table_of_seeds(found.confirmation))
            print("\n".join(["", *found.confirmation.sentences(), ""]))
        drawn = ", ".join(f"{name} {value}" for name, value in found.best.settings.items())
        print(f"The settings of trial {found.best.trial}: {plain(drawn)}")
        print(f"upright train {plain(found.recipe.env)} --config {plain(str(found.config))}")
    for name, error in found.failures.items():
        announce(f"error: {name} failed: {error}")
    return 1 if found.failures else 0


def _row(row: "TrialRow") -> tuple[str, ...]:
    solved = "-" if row.solved is None else f"{row.solved} of {row.seeds}"
    return (str(row.trial), solved, f"{row.mean:z,.1f}", f"{row.steps:,.0f}", plain(row.folder))
