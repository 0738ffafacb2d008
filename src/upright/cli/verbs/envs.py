"""List what can be trained, or which extra it needs: spaces, threshold, recorded settings."""

import argparse

from upright.cli.arguments import add_fields, announce, columns


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright envs` takes."""
    parser.add_argument("word", metavar="WORD", nargs="?", default="", help="part of an id")
    add_fields(parser, ("imports",))


def run(args: argparse.Namespace) -> None:
    """List."""
    announce(f"Environments{f' with {args.word!r} in their id' if args.word else ''}")
    from upright.envs import import_all
    from upright.ground import UprightError
    from upright.policy import find_environments

    import_all(args.imports or ())
    found = list(find_environments(args.word))
    if not found:
        raise UprightError(
            f"No environment has '{args.word}' in its id.", "`upright envs` lists them all."
        )
    rows = []
    for env in found:
        threshold = "-" if env.threshold is None else f"{env.threshold:g}"
        spaces = (env.observation_space, env.action_space)
        recorded = (env.presets or "-", env.solved or "-")
        rows.append((env.id, env.trainable, *spaces, threshold, *recorded))
    header = ("environment", "trainable", "observations", "actions", "threshold", "presets")
    print(columns((*header, "solved"), rows))
