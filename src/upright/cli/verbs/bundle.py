"""Pack a run into one file that can be shared; everything that takes a run takes it."""

import argparse
from pathlib import Path

from upright.cli.arguments import announce, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright bundle` takes."""
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--out", metavar="FILE", help="default: ENVIRONMENT-NAME.zip, here")


def run(args: argparse.Namespace) -> None:
    """Bundle."""
    announce(f"Bundling {args.run}")
    from upright.runs import BUNDLE_SUFFIX, Run, write_bundle

    found = Run(args.run)
    out = Path(args.out or f"{found.name}{BUNDLE_SUFFIX}")
    left_out = write_bundle(found.path, out)
    print(plain(f"{out}  {out.stat().st_size:,} bytes"))
    if left_out:
        announce(f"{left_out} older checkpoints were left out: they would not fit into a bundle.")
