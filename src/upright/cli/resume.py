"""Go on with a run that was interrupted, or past its end with a larger budget."""

import argparse
import sys

from upright.cli.common import add_media, add_quiet, add_trust, announce, count, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright resume` takes."""
    add = parser.add_argument
    add("run", metavar="RUN", help="a run folder, or a bundle, which goes on in a fresh folder")
    add("--total-timesteps", type=count, metavar="N", help="another budget; default: the run's own")
    add("--out", metavar="FOLDER", default="runs", help="where a bundle goes on; default runs")
    add("--checkpoint-every", metavar="N", help="timesteps between checkpoints; default: as before")
    add("--keep", metavar="K", help="newest checkpoints to keep; default: as before")
    add("--outside-space", metavar="HOW", help="auto, stop or accept; default: as before")
    add("--env-timeout", metavar="S", help="seconds until a worker counts as hung")
    add("--json", action="store_true", help="end stdout with one JSON object")
    add_quiet(parser)
    add_media(parser)
    add_trust(parser)


def run(args: argparse.Namespace) -> int:
    """Resume."""
    if not args.quiet:
        announce(f"Upright: resuming {args.run}; importing PyTorch ...")
    from upright.cli.display import listener_for
    from upright.resumption import resume

    results = sys.stderr if args.json else sys.stdout
    with listener_for(sys.stderr, results, quiet=args.quiet) as listener:
        resume(
            args.run,
            total_timesteps=args.total_timesteps,
            out=args.out,
            listener=listener,
            trust_code=args.trust_code,
            checkpoint_every=args.checkpoint_every,
            keep=args.keep,
            outside_space=args.outside_space,
            env_timeout=args.env_timeout,
            media=False if args.no_media else None,
        )
    if args.json:
        print_json(listener.summary)
    return 0
