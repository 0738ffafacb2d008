"""An environment under examination: made once, and played at random when that is first needed."""

from contextlib import suppress
from functools import cached_property
from typing import Any

import gymnasium as gym

from upright.envs.composition import EnvSource
from upright.envs.random_play import Played, play_at_random
from upright.envs.sources import make_env


class Subject:
    """The environment that is looked at.

    Args:
        env: What names or makes it.
        seed: Where everything random derives from.
        steps: Of random play.

    Attributes:
        time_limit: Steps after which a wrapper cuts an episode off; None without.

    Raises:
        UprightError: It cannot be made.
    """

    def __init__(self, env: EnvSource, seed: int, steps: int) -> None:
        self.source, self.seed, self.steps = env, seed, steps
        made = make_env(env)
        self.observation_space, self.action_space = made.observation_space, made.action_space
        self.time_limit = _time_limit(made)
        self.is_nondeterministic = made.spec is not None and made.spec.nondeterministic
        close_quietly(made)

    @cached_property
    def played(self) -> Played:
        """What random play showed; played when it is first asked for."""
        return play_at_random(make_env(self.source), self.seed, self.steps)


def _time_limit(env: gym.Env[Any, Any]) -> int | None:
    """The smallest of the limits around an environment, in steps."""
    limits = []
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.TimeLimit):
            limits.append(int(env._max_episode_steps))
        env = env.env
    return min(limits, default=None)


def close_quietly(env: gym.Env[Any, Any]) -> None:
    """Release an environment; what it raises then is nobody's loss."""
    with suppress(Exception, SystemExit):
        env.close()
