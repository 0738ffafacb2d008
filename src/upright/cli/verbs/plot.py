"""Draw the learning curves of runs; several runs of the same settings become one mean."""

import argparse
from pathlib import Path

from upright.cli.arguments import add_switches, announce, count, file_to_make, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright plot` takes."""
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="+", help="run folders or bundles")
    add("--out", metavar="FILE", help=".png or .svg; default: curve.png, or the next free name")
    add("--metric", metavar="NAME", help="a name in metrics.jsonl; default: each episode's return")
    add("--x", default="timesteps", metavar="AXIS", help="timesteps (default), seconds or episodes")
    add("--smooth", type=count, default=0, metavar="N", help="values per mean; default: fitting")
    add_switches(parser, "--trust-code")
    add("--dark", action="store_true", help="light ink on dark paper")


def run(args: argparse.Namespace) -> None:
    """Plot."""
    announce(f"Drawing {', '.join(args.runs)}")
    from upright.ground import free_name
    from upright.show.curves import PICTURE_ENDINGS

    out = file_to_make(args.out or free_name(Path("curve.png")), *PICTURE_ENDINGS)

    from upright.runs import Run
    from upright.show.curves import plot

    runs = [Run(path, trust_code=args.trust_code) for path in args.runs]
    picture = plot(runs, args.metric, args.x, args.smooth, args.dark)
    picture.save(out)
    for note in picture.notes:
        announce(note)
    print(plain(str(out)))
