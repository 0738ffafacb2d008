"""Point out what of a script or notebook of old gym works otherwise today, and write it anew.

FILE is read and never run. Exit code 1 if something old was found; with --out, if something of it
is left to be done by hand.
"""

import argparse
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from upright.cli.arguments import add_switches, announce, file_to_make, plain, print_json, program
from upright.ground import how_many

if TYPE_CHECKING:
    from upright.migration import Migration, Relic


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright migrate` takes."""
    add = parser.add_argument
    add("file", metavar="FILE", help="a script (.py) or a notebook (.ipynb)")
    add("--out", metavar="PATH", help="write a corrected copy: what is safe to rewrite, rewritten")
    add_switches(parser, "--json")


def run(args: argparse.Namespace) -> int:
    """Migrate."""
    announce(f"Reading {args.file} ...")
    from upright.ground import write_new
    from upright.migration import migrated

    file = Path(args.file)
    out = file_to_make(args.out, file.suffix.lower()) if args.out else None
    migration = migrated(file)
    if out is not None:
        write_new(out, migration.data)
    if args.json:
        findings = [asdict(each) for each in migration.findings]
        print_json({"file": args.file, "out": args.out, "findings": findings})
    else:
        _print(migration)
        print(plain(_summary(args.file, migration, out)))
    return 1 if (migration.findings if out is None else migration.left) else 0


def _print(migration: "Migration") -> None:
    """A block for each statement: as it stands, what works today, and why."""
    for _, found in groupby(migration.findings, lambda each: (each.place, each.old)):
        several = list(found)
        by_hand = "" if all(each.done for each in several) else " (by hand)"
        print(plain(f"{several[0].place}{by_hand}"))
        _print_code("here", several[0].old)
        for new in dict.fromkeys(each.new for each in several if each.new):
            if new != several[0].old:
                _print_code("today", new)
        for why in dict.fromkeys(each.why for each in several):
            print(plain(f"  {'why':<7}{why}"))
        print()


def _print_code(label: str, code: str) -> None:
    for number, line in enumerate(code.expandtabs().splitlines()):
        print(plain(f"  {'' if number else label:<7}{line}").rstrip())


def _summary(file: str, migration: "Migration", out: Path | None) -> str:
    found, left = migration.findings, migration.left
    if not found:
        copy = "" if out is None else f" {out} is the same, byte for byte."
        return f"Nothing in {file} is of old gym.{copy}"
    places = how_many(len(found), "finding")
    done = len(found) - len(left)
    if out is None:
        how = f"`{program()} migrate {file} --out FILE{Path(file).suffix}` writes a copy"
        return f"{places}; {how} with {done} of them mended{_rest(left)}."
    return f"{places}; {done} of them mended in {out}{_rest(left)}."


def _rest(left: "tuple[Relic, ...]") -> str:
    """What is for a person."""
    if not left:
        return ""
    where = ", ".join(dict.fromkeys(each.place for each in left))
    return f"; by hand: {where}"
