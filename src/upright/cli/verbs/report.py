"""Make one page of a run, self-contained, that anyone can open."""

import argparse
from pathlib import Path

from upright.cli.arguments import add_run, add_switches, announce, file_to_make, plain, run_of_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright report` takes."""
    add = parser.add_argument
    add_run(parser)
    add("--out", metavar="FILE", help="default: report.html in the run folder, made anew")
    add_switches(parser, "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Report."""
    announce(f"Reporting on {args.run} ...")
    from upright.ground import free_name

    out = file_to_make(args.out, ".html") if args.out else None
    opened = run_of_words(args)
    if out is None and opened.is_bundle:
        out = free_name(Path(f"{opened.name}-report.html"))

    from upright.show.pages import write_report

    print(plain(str(write_report(opened, out))))
