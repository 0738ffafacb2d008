"""Act at random in an environment: its spaces, every observation and reward, the total."""

import argparse
import secrets
from typing import TYPE_CHECKING

from upright.cli.arguments import add_env, add_switches, announce, count, env_of_words, seed
from upright.cli.verbs.watch import add_way
from upright.ground import UprightError
from upright.show.playing import watch

if TYPE_CHECKING:
    from upright.envs import EnvSource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright play` takes."""
    add_env(parser)
    add = parser.add_argument
    add_switches(parser, "--random")
    add("--episodes", type=count, metavar="N", help="default 1; with --as, until a person ends it")
    add("--seed", type=seed, metavar="S", help="default: a new one")
    add_way(parser, default=None)


def run(args: argparse.Namespace) -> None:
    """Play."""
    if not args.random:
        raise UprightError(
            "`upright play` needs to know who acts.",
            f"Say `upright play {args.env} --random`; for a trained policy: `upright watch`.",
        )
    announce(f"Playing {args.env} at random")
    if args.how is None:
        _print(env_of_words(args), args.seed, args.episodes or 1)
    else:
        from upright.show.playing import at_random

        fresh = secrets.randbits(31) if args.seed is None else args.seed
        watch(at_random(env_of_words(args), fresh, episodes=args.episodes), args.how)


def _print(source: "EnvSource", seed: int | None, episodes: int) -> None:
    from upright.envs import MaskReader, in_words, make_env, name_of, sample_allowed

    env = make_env(source)
    env.action_space.seed(seed)
    print(f"Action space: {env.action_space}")
    print(f"Observation space: {env.observation_space}")
    masks = MaskReader(env, name_of(source))
    for episode in range(episodes):
        _, info = env.reset(seed=seed if episode == 0 else None)
        masks.after_reset(info)
        total, over = 0.0, False
        while not over:
            action = sample_allowed(env.action_space, masks.mask)
            obs, reward, terminated, truncated, info = env.step(action)
            over = terminated or truncated
            masks.after_step(info, over)
            total += float(reward)
            print(f"{in_words(env.observation_space, obs)} -> {reward}")
        print(f"Total reward: {total:g}")
    env.close()
