"""Say in plain words what of an environment will hurt training. Exit code 1 if it is wrong."""

import argparse

from upright.cli.arguments import (
    add_env,
    add_switches,
    announce,
    count,
    env_of_words,
    plain,
    print_json,
    seed,
)

RANDOM_STEPS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright check` takes."""
    add_env(parser)
    add = parser.add_argument
    add("--seed", type=seed, default=0, metavar="S", help="default 0")
    add(
        "--steps",
        type=count,
        default=RANDOM_STEPS,
        metavar="N",
        help="of random play, default 10000",
    )
    add_switches(parser, "--json")


def run(args: argparse.Namespace) -> int:
    """Check."""
    announce(f"Playing {args.steps:,} random steps of {args.env} ...")
    from upright.envs import check

    found = check(env_of_words(args), args.seed, args.steps)
    wrong = [each for each in found if each.outcome == "wrong"]
    hurts = [each for each in found if each.outcome == "hurts"]
    if args.json:
        print_json({"env": args.env, "seed": args.seed, "checks": [vars(each) for each in found]})
        return 1 if wrong else 0
    for each in [each for each in found if each.outcome == "fine"] + hurts + wrong:
        print(plain(f"{each.outcome:<7}{each.name:<19}{each.sentence}"))
        if each.hint:
            print(plain(f"{'':<7}{'try':<19}{each.hint}"))
    print(_summary(len(hurts), len(wrong)))
    return 1 if wrong else 0


def _summary(hurts: int, wrong: int) -> str:
    if wrong:
        rest = f", and {hurts} will hurt training" if hurts else ""
        return f"{wrong} of these {'is' if wrong == 1 else 'are'} wrong{rest}."
    if hurts:
        return f"{hurts} of these will hurt training."
    return "Nothing here will hurt training."
