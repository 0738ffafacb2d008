"""Look at a policy that plays: in a window, on a page, or in the terminal."""

import argparse

from upright.cli.arguments import add_switches, announce, count, port, seed, within
from upright.ground import UprightError
from upright.show.playing import MAX_SPEED, MIN_SPEED, WAYS, watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright watch` takes."""
    add = parser.add_argument
    add("what", metavar="RUN|ENV", help="a run folder, a bundle, or an environment with --random")
    add_switches(parser, "--random")
    add_way(parser)
    add("--episodes", type=count, metavar="N", help="default: until a person ends it")
    add("--speed", type=speed, default=1.0, metavar="X", help="default 1, the environment's own")
    which = "first, last, best, 0 (untrained) or a checkpoint's timesteps; default best"
    add("--checkpoint", metavar="STEP", help=which)
    add("--seed", type=seed, default=0, metavar="S", help="default 0")
    add_switches(parser, "--stochastic")
    add("--port", type=port, metavar="P", help="the page's port; default: a free one")
    add_switches(parser, "--trust-code")


def add_way(parser: argparse.ArgumentParser, default: str | None = "auto") -> None:
    """The flag that says where it is shown."""
    text = "auto: a window where there is a display, else a page on 127.0.0.1"
    text += "" if default else "; default: print every observation and reward"
    parser.add_argument("--as", dest="how", choices=WAYS, default=default, help=text)


def speed(text: str) -> float:
    """An argument that is a factor."""
    return within(text, float, MIN_SPEED, MAX_SPEED, f"{MIN_SPEED:g} to {MAX_SPEED:g}")


def run(args: argparse.Namespace) -> None:
    """Watch."""
    if args.random and args.checkpoint is not None:
        raise UprightError("--random and --checkpoint both say who acts.", "Leave one of them out.")
    announce(f"Opening {args.what} ...")
    from upright.show.playing import show_of

    names = ("random", "trust_code", "seed", "stochastic", "episodes", "speed")
    wishes = {name: getattr(args, name) for name in names}
    watch(show_of(args.what, args.checkpoint or "best", **wishes), args.how, args.port)
