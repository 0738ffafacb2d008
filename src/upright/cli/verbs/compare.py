"""Compare sides: is it better, worse, or not shown?

A side is a folder of runs, or a pattern in quotes, whose runs are seeds of the same settings. Where
single runs are named, or one folder, runs of the same settings are a side. Every other side is held
against the first.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from upright.cli.arguments import add_switches, announce, columns, file_to_make, plain, print_json

if TYPE_CHECKING:
    from upright.study import Side

HEADER_OF_SIDES = (
    "side", "runs", "solved", "mean", "median", "interquartile mean", "95% interval",
    "steps to solve",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright compare` takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("sides", metavar="SIDE", nargs="+", help="folders of runs, patterns, runs or bundles")
    add("--out", metavar="FILE", help=".png or .svg; default: compare.png, or the next free name")
    add("--replay", action="store_true", help="repeat every verdict by playing, as `verify` does")
    add_switches(parser, "--json", "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Compare."""
    announce(f"Comparing {', '.join(args.sides)}")
    from upright.ground import free_name
    from upright.show.curves import PICTURE_ENDINGS

    out = file_to_make(args.out or free_name(Path("compare.png")), *PICTURE_ENDINGS)

    from upright.study import compare

    found = compare(*args.sides, trust_code=args.trust_code, replay=args.replay)
    found.plot().save(out)
    if args.json:
        print_json(found.as_dict() | {"figure": str(out)})
        return
    print(columns(HEADER_OF_SIDES, map(_row, found.sides)))
    print("\n".join(["", *map(plain, found.sentences())]))
    print(plain(f"Figure: {out}"))


def _row(side: "Side") -> tuple[str, ...]:
    mean, median, iqm = side.aggregates
    table = side.as_dict()
    steps = table["steps_to_solve"]
    return (
        plain(side.name, 60),
        str(len(side.rows)),
        "-" if table["solved"] is None else str(table["solved"]),
        *(f"{each.value:z,.1f}" for each in (mean, median, iqm)),
        f"{iqm.low:z,.1f} to {iqm.high:z,.1f}",
        f"{steps['median']:,.0f}" if steps else "-",
    )
