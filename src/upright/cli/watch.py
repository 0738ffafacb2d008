"""Look at a policy that plays: in a window, on a page, or in the terminal."""

import argparse
import math
from pathlib import Path

from upright.cli.common import add_trust, announce, count, plain, seed
from upright.errors import UprightError
from upright.show.pace import MAX_SPEED, MIN_SPEED, Show, action_names
from upright.show.watching import WAYS, watch


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
    show = _run(args) if _holds_a_run(args.what) else _environment(args)
    watch(show, args.how, args.port)
    return 0


def _holds_a_run(what: str) -> bool:
    """Whether it is to be opened as a run: it is one, or a path that names nothing else.

    Raises:
        UprightError: It is neither a path nor an environment.
    """
    from upright.envs import is_code, spec_of

    path = Path(what)
    try:
        there, holds = path.exists(), path.is_file() or (path / "run.json").exists()
    except (OSError, ValueError):
        there = holds = False
    if holds or is_code(what):
        return holds
    try:
        spec_of(what)
    except UprightError as error:
        if there:
            return True
        hint = error.hint if error.hint.startswith("Did you mean") else ""
        raise UprightError(
            f"There is neither a run nor an environment '{what}'.",
            hint or "`upright runs` lists the runs, `upright envs` the environments.",
        ) from error
    return False


def _run(args: argparse.Namespace) -> Show:
    """A run's policy, or random actions in its environment."""
    from upright.run import load
    from upright.show.player import Player

    opened = load(args.what, trust_code=args.trust_code)
    checkpoint = args.checkpoint or "best"
    policy = None if args.random else opened.policy_at(checkpoint)
    ends = {"first": 0, "last": -1}
    if checkpoint in ends:
        checkpoint = str(opened.checkpoints()[ends[checkpoint]])
    label = "best policy" if checkpoint == "best" else f"step {int(checkpoint):,}"
    env = opened.env
    player = Player(
        env,
        policy,
        seed=args.seed,
        deterministic=not args.stochastic,
        label="at random" if policy is None else label,
    )
    name = str(opened.info.get("env"))
    names = () if policy is None else action_names(name, policy.action_space)
    return Show(player, plain(name, 200), names, args.episodes, args.speed)


def _environment(args: argparse.Namespace) -> Show:
    if not args.random:
        raise UprightError(
            f"{args.what} is an environment, and nothing says who acts in it.",
            "--random does; for a trained policy name its run (`upright runs` lists them).",
        )
    return at_random(args.what, args.seed, args.episodes, args.speed)


def at_random(env: str, seed: int, episodes: int | None, speed: float = 1.0) -> Show:
    """Random actions in an environment."""
    from upright.show.player import Player

    player = Player(env, None, seed=seed, label="at random")
    return Show(player, plain(env, 200), (), episodes, speed)
