"""An environment under examination: made once, and played at random when that is first needed."""

from contextlib import closing
from functools import cached_property
from typing import Any

import gymnasium as gym

from upright.envs.composition import EnvSource
from upright.envs.history import Remembered, episodes_repeat, remembered
from upright.envs.local import SyncEnvs
from upright.envs.random_play import Played, play_at_random
from upright.envs.sources import close_quietly, make_env, refuse_shared
from upright.ground import UprightError

# Steps of an episode that is played again to be compared, if it is so long.
FAR = 1000


class Subject:
    """The environment that is looked at.

    Args:
        env: What names or makes it.
        seed: Where everything random derives from.
        steps: Of random play.

    Attributes:
        far: How many steps into an episode are compared with another.
        time_limit: Steps after which a wrapper cuts an episode off; None without.

    Raises:
        UprightError: It cannot be made.
    """

    def __init__(self, env: EnvSource, seed: int, steps: int) -> None:
        self.source, self.seed, self.steps = env, seed, steps
        made = make_env(env)
        self.observation_space, self.action_space = made.observation_space, made.action_space
        self.time_limit = _time_limit(made)
        self.far = min(steps, FAR)
        self.is_nondeterministic = made.spec is not None and made.spec.nondeterministic
        close_quietly(made)

    @cached_property
    def repeats(self) -> bool:
        """Whether an episode of a seed and actions is the same in two new environments.

        Raises:
            UprightError: They cannot be made, or are one.
        """
        made = [make_env(self.source) for _ in range(2)]
        refuse_shared(made, self.source)
        one, other = (SyncEnvs([each], self.seed) for each in made)
        with closing(one), closing(other):
            return episodes_repeat(one, other, self.seed, self.far)

    def remembers(self, depth: int = 0) -> Remembered:
        """What of an episode is another where others were played before it.

        Args:
            depth: How many of the wrappers around the environment are left out, from outside.

        Raises:
            UprightError: It cannot be played without them.
        """
        made = [make_env(self.source) for _ in range(2)]
        try:
            used, new = (SyncEnvs([layers(env)[depth]], self.seed) for env in made)
            return remembered(used, new, self.seed, self.far)
        finally:
            for env in made:
                close_quietly(env)

    def remembering(self) -> gym.Env[Any, Any] | None:
        """The innermost wrapper, or environment, that remembers; None where it cannot be told.

        Found by leaving out one wrapper after the other.
        """
        made = make_env(self.source)
        close_quietly(made)
        found = layers(made)
        for depth in range(1, len(found)):
            try:
                if not self.remembers(depth):
                    return found[depth - 1]
            except UprightError:  # what it shows there is nothing that can be read
                return None
        return found[-1]

    @cached_property
    def played(self) -> Played:
        """What random play showed; played when it is first asked for."""
        return play_at_random(make_env(self.source), self.seed, self.steps)


def layers(env: gym.Env[Any, Any]) -> list[gym.Env[Any, Any]]:
    """An environment and what is inside, the outermost wrapper first, the bare one last."""
    found = [env]
    while isinstance(env, gym.Wrapper):
        env = env.env
        found.append(env)
    return found


def _time_limit(env: gym.Env[Any, Any]) -> int | None:
    """The smallest of the limits around an environment, in steps."""
    limits = [each for each in layers(env) if isinstance(each, gym.wrappers.TimeLimit)]
    return min((int(each._max_episode_steps) for each in limits), default=None)
