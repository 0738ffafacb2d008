"""List the runs in a folder."""

import argparse

from upright.cli.arguments import announce, columns, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright runs` takes."""
    parser.add_argument("folder", metavar="FOLDER", nargs="?", default="runs", help="default runs")


def run(args: argparse.Namespace) -> None:
    """List."""
    announce(f"Runs in {args.folder}")
    from upright.runs import find_runs

    rows = [
        (
            plain(str(path)),
            *(plain(str(info.get(name)), 60) for name in ("env", "algo", "seed", "status")),
            f"{info['timesteps']:,}" if isinstance(info.get("timesteps"), int) else "-",
            f"{info['mean_return']:z.1f}" if isinstance(info.get("mean_return"), float) else "-",
            {"True": "yes", "False": "no"}.get(str(info.get("solved")), "-"),
        )
        for path, info in find_runs(args.folder)
    ]
    if not rows:
        announce("None yet. `upright train CartPole-v1` makes one.")
        return
    header = ("run", "environment", "algorithm", "seed", "status", "steps", "mean", "solved")
    print(columns(header, rows))
