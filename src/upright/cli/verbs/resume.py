"""Go on with a run that was interrupted, or past its end with a larger budget."""

import argparse
import sys

from upright.cli.arguments import add_fields, add_switches, announce, count, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright resume` takes."""
    from upright.settings import OPERATION

    add = parser.add_argument
    add("run", metavar="RUN", help="a run folder, or a bundle, which goes on in a fresh folder")
    add("--total-timesteps", type=count, metavar="N", help="another budget; default: the run's own")
    add("--out", metavar="FOLDER", default="runs", help="where a bundle goes on; default runs")
    add_fields(parser, OPERATION, "default: as before")
    add_switches(parser, "--json", "--quiet", "--no-media", "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Resume."""
    if not args.quiet:
        announce(f"Upright: resuming {args.run} ...")
    from upright.api import resume
    from upright.cli.terminal import listener_for
    from upright.settings import OPERATION

    results = sys.stderr if args.json else sys.stdout
    with listener_for(sys.stderr, results, quiet=args.quiet) as listener:
        resume(
            args.run,
            total_timesteps=args.total_timesteps,
            out=args.out,
            listener=listener,
            trust_code=args.trust_code,
            media=False if args.no_media else None,
            **{name: getattr(args, name) for name in OPERATION},
        )
    if args.json:
        print_json(listener.summary)
