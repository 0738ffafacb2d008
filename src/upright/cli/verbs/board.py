"""Show every run under a folder as it trains, on one page of this machine.

Learning curves by group (the seeds of one environment, algorithm and settings), a table with every
run's state, steps, returns and verdict, and what differs in its settings. The page follows the
folder: runs that begin appear, runs that train move.
"""

import argparse

from upright.cli.arguments import announce, port


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright board` takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", metavar="FOLDER", nargs="?", default="runs", help="default runs")
    add("--port", type=port, metavar="P", help="the page's port; default: a free one")


def run(args: argparse.Namespace) -> None:
    """Show."""
    announce(f"Opening the board of {args.folder} ...")
    from upright.show.board import show_board

    show_board(args.folder, args.port, announce)
