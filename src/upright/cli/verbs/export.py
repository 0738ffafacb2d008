"""Make a playable page, or an ONNX model, of a run's policy."""

import argparse
from pathlib import Path

from upright.cli.arguments import add_run, add_switches, announce, file_to_make, plain, run_of_words
from upright.ground import UprightError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright export` takes."""
    add = parser.add_argument
    add_run(parser)
    add("--html", metavar="FILE", help="one offline page: watch the policy, and push it")
    add("--onnx", metavar="FILE", help="the policy as an ONNX model, its normaliser inside")
    add_switches(parser, "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Export."""
    if not args.html and not args.onnx:
        raise UprightError("There is nothing to export.", "Say --html FILE, --onnx FILE, or both.")
    announce(f"Exporting {args.run} ...")
    for given, ending in ((args.html, ".html"), (args.onnx, ".onnx")):
        if given:
            file_to_make(given, ending)
    opened = run_of_words(args)
    if args.html:
        from upright.show.pages import write_playground

        print(plain(str(write_playground(opened, Path(args.html)))))
    if args.onnx:
        from upright.runs import export_onnx

        export_onnx(opened, Path(args.onnx))
        print(plain(args.onnx))
