"""Look at a policy that plays: in a window, on a page, or in the terminal."""

import argparse
import math

from upright.cli.arguments import add_trust, announce, count, seed
from upright.ground import UprightError
from upright.show.playing import MAX_SPEED, MIN_SPEED, WAYS, watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright watch` takes."""
    parser.add_argument(
        "what", metavar="RUN|ENV", help="a run folder, a bundle, or an environment with --random"
    )
    parser.add_argument("--random", action="store_true", help="draw every action at random")
    add_way(parser)
    parser.add_argument(
        "--episodes", type=count, metavar="N", help="default: until a person ends it"
    )
    parser.add_argument(
        "--speed", type=speed, default=1.0, metavar="X", help="default 1, the environment's own"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="STEP",
        help="first, last, best, 0 (untrained) or a checkpoint's timesteps; default best",
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="default 0")
    parser.add_argument(
        "--stochastic", action="store_true", help="draw actions; default: the most probable one"
    )
    parser.add_argument(
        "--port", type=port, metavar="P", help="the page's port; default: a free one"
    )
    add_trust(parser)


def add_way(parser: argparse.ArgumentParser, default: str | None = "auto") -> None:
    """The flag that says where it is shown."""
    parser.add_argument(
        "--as",
        dest="how",
        choices=WAYS,
        default=default,
        help="auto: a window where there is a display, else a page on 127.0.0.1"
        + ("" if default else "; default: print every observation and reward"),
    )


def speed(text: str) -> float:
    """An argument that is a factor."""
    value = float(text)
    if not (math.isfinite(value) and MIN_SPEED <= value <= MAX_SPEED):
        raise argparse.ArgumentTypeError(
            f"{value:g} is out of range, allowed: {MIN_SPEED:g} to {MAX_SPEED:g}"
        )
    return value


def port(text: str) -> int:
    """An argument that is a port."""
    value = int(text)
    if not 1 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is out of range, allowed: 1 to 65535")
    return value


def run(args: argparse.Namespace) -> int:
    """Watch."""
    if args.random and args.checkpoint is not None:
        raise UprightError("--random and --checkpoint both say who acts.", "Leave one of them out.")
    announce(f"Opening {args.what}; importing PyTorch ...")
    from upright.runs import Run
    from upright.show.playing import at_random, names_a_run, policy_of

    if names_a_run(args.what):
        run = Run(args.what, trust_code=args.trust_code)
        show = policy_of(
            run,
            args.checkpoint or "best",
            random_actions=args.random,
            seed=args.seed,
            deterministic=not args.stochastic,
            episodes=args.episodes,
            speed=args.speed,
        )
    elif args.random:
        show = at_random(args.what, args.seed, args.episodes, args.speed)
    else:
        raise UprightError(
            f"{args.what} is an environment, and nothing says who acts in it.",
            "--random does; for a trained policy name its run (`upright runs` lists them).",
        )
    watch(show, args.how, args.port)
    return 0
