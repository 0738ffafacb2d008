"""Play whole episodes with a run's policy, on seeds that no training uses."""

import argparse

from upright.cli.arguments import (
    add_run,
    add_switches,
    announce,
    count,
    print_json,
    run_of_words,
    seed,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright evaluate` takes."""
    add_run(parser)
    parser.add_argument("--episodes", type=count, default=100, metavar="N", help="default 100")
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="default 0")
    add_switches(parser, "--stochastic", "--json", "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Evaluate."""
    announce(f"Evaluating {args.run} over {args.episodes} episodes ...")
    opened = run_of_words(args)
    evaluation = opened.evaluate(args.episodes, args.seed, not args.stochastic)
    if args.json:
        print_json({"run": args.run, **evaluation.as_dict(), "seed": args.seed})
        return
    low, high = evaluation.interval
    how = "most probable actions" if evaluation.deterministic else "drawn actions"
    print(
        f"Mean return {evaluation.mean:z.1f} (std {evaluation.std:.1f}, 95% interval {low:z.1f} to "
        f"{high:z.1f}) over {args.episodes} episodes, {how}, seed {args.seed}"
    )
    if evaluation.threshold is not None:
        relation = "at or above" if evaluation.solved else "below"
        print(f"That is {relation} the threshold of {evaluation.threshold:g}.")
