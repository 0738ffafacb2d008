"""Say what this machine has and lacks, each problem with its remedy. Exit code 1 if there is one.

What Upright claims is tried, not looked up: a window, a video, environments, a run that is killed
and resumed. Nothing is left behind.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from upright.cli.arguments import add_switches, announce, plain, print_json
from upright.ground import how_many

if TYPE_CHECKING:
    from rich.console import Console

    from upright.doctor import Entry

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
WIDTHS = (7, 11)
# Of a line that nobody has to fold: a file's, or another program's.
UNFOLDED = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright doctor` takes."""
    add_switches(parser, "--json")


def run(args: argparse.Namespace) -> int:
    """Look at the machine."""
    announce("Looking at this machine; this takes some seconds ...")
    from upright.doctor import examined

    with closing(examined(Path())) as entries:
        found = list(entries) if args.json else _shown(entries)
    problems = [each.name for each in found if each.state == "problem"]
    if args.json:
        print_json({"problems": len(problems), "checks": [vars(each) for each in found]})
    else:
        print(_summary(problems))
    return 1 if problems else 0


def _shown(entries: "Iterator[Entry]") -> "list[Entry]":
    """Print each entry when it is there, under its group; all of them."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else UNFOLDED
    console = Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)
    found: list[Entry] = []
    for each in entries:
        if not found or found[-1].group != each.group:
            console.print(each.group, style="bold")
        _print_row(console, each.state, each.name, each.found)
        if each.remedy:
            _print_row(console, "", "try", each.remedy)
        found.append(each)
    return found


def _print_row(console: "Console", state: str, name: str, text: str) -> None:
    """One line, or several where the terminal is narrow, each below the beginning of the first."""
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for width in WIDTHS:
        row.add_column(width=width)
    row.add_column(overflow="fold")
    row.add_row(Text(state, STYLES.get(state, "")), Text(plain(name)), Text(plain(text)))
    console.print(row)


def _summary(problems: list[str]) -> str:
    if problems:
        return f"{how_many(len(problems), 'problem')}: {', '.join(problems)}."
    return "What Upright claims works here."
