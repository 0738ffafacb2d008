"""Make a video of a run's policy; neither a display nor a player is needed."""

import argparse
from pathlib import Path

from upright.cli.arguments import (
    add_run,
    add_switches,
    announce,
    count,
    plain,
    run_of_words,
    seed,
)
from upright.ground import UprightError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright record` takes."""
    add = parser.add_argument
    add_run(parser)
    add("--out", metavar="FILE", help=".mp4 or .gif; default: ENVIRONMENT-NAME.mp4, here")
    add("--episodes", type=count, default=1, metavar="N", help="default 1")
    add("--checkpoint", default="best", metavar="WHICH", help="STEP, first, last or best (default)")
    add(
        "--timelapse",
        action="store_true",
        help="the same episodes untrained, at several checkpoints, and at last",
    )
    add("--seed", type=seed, default=0, metavar="S", help="of the episodes; default 0")
    add_switches(parser, "--stochastic", "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Record."""
    if args.timelapse and args.checkpoint != "best":
        raise UprightError(
            "--timelapse goes over all checkpoints; --checkpoint names one.", "Give one of them."
        )
    announce(f"Recording {args.run} ...")
    from rich.console import Console
    from rich.progress import Progress

    from upright.ground import free_name
    from upright.show.video import record

    opened = run_of_words(args)
    out = Path(args.out) if args.out else free_name(Path(f"{opened.name}.mp4"))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        console.show_cursor(True)  # a process that is killed could not show it again
        task = progress.add_task("recording", total=1.0)

        def tell(done: float, label: str) -> None:
            progress.update(task, completed=done, description=label or "recording")

        same = {
            name: getattr(args, name) for name in ("episodes", "checkpoint", "timelapse", "seed")
        }
        record(opened, out, **same, deterministic=not args.stochastic, progress=tell)
    print(plain(f"{out}  {out.stat().st_size:,} bytes"))
