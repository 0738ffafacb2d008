"""Make one page of a run, self-contained, that anyone can open."""

import argparse
from pathlib import Path

from upright.cli.arguments import add_switches, announce, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright report` takes."""
    add = parser.add_argument
    add("run", metavar="RUN", help="a run folder or a bundle")
    add("--out", metavar="FILE", help="default: report.html in the run folder, made anew")
    add_switches(parser, "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Report."""
    announce(f"Reporting on {args.run} ...")
    from upright.ground import ending_of, free_name, refuse_taken
    from upright.runs import Run

    out = Path(args.out) if args.out else None
    if out is not None:
        ending_of(out, (".html",))
        refuse_taken(out)
    opened = Run(args.run, trust_code=args.trust_code)
    if out is None and opened.is_bundle:
        out = free_name(Path(f"{opened.name}-report.html"))

    from upright.show.pages import write_report

    print(plain(str(write_report(opened, out))))
