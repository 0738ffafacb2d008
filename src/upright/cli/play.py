"""Act at random in an environment: its spaces, every observation and reward, the total."""

import argparse

from upright.cli.common import announce, count, seed
from upright.errors import UprightError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright play` takes."""
    parser.add_argument("env", metavar="ENV", help="a Gymnasium id, say CartPole-v1")
    parser.add_argument("--random", action="store_true", help="draw every action at random")
    parser.add_argument("--episodes", type=count, default=1, metavar="N", help="default 1")
    parser.add_argument("--seed", type=seed, default=None, metavar="S", help="default: a new one")


def run(args: argparse.Namespace) -> int:
    """Play."""
    if not args.random:
        raise UprightError(
            "`upright play` needs to know who acts.",
            f"Say `upright play {args.env} --random`; for a trained policy: `upright evaluate`.",
        )
    announce(f"Playing {args.env} at random")
    from upright.envs import make_env

    env = make_env(args.env)
    env.action_space.seed(args.seed)
    print(f"Action space: {env.action_space}")
    print(f"Observation space: {env.observation_space}")
    for episode in range(args.episodes):
        env.reset(seed=args.seed if episode == 0 else None)
        total, over = 0.0, False
        while not over:
            obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            over = terminated or truncated
            total += float(reward)
            print(f"{obs} -> {reward}")
        print(f"Total reward: {total:g}")
    env.close()
    return 0
