"""An environment played at random: all that can be seen of it without learning anything."""

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.local import SyncEnvs
from upright.envs.masks import MASK, METHOD, has_mask, sample_allowed
from upright.ground import Array, Floats, UprightError

# Room for rounding to float32, relative to a bound.
ROUNDING = 1e-5


class Ended(NamedTuple):
    """An episode that was played to its end.

    Attributes:
        length: In steps.
        episode_return: The sum of its rewards.
        terminated: Whether the task ended; else a limit outside the task was met.
    """

    length: int
    episode_return: float
    terminated: bool


@dataclass
class Played:
    """What was seen.

    Attributes:
        rewards: Of every step, in order.
        ended: The episodes that came to an end, in order.
        unfinished: Steps of the last episode, which was not played to its end.
        mask_source: What says which actions are allowed; "" where nothing does.
        allowed: The share of the flags of the mask that each step was drawn under that allow.
        seconds: What each step took, the environment alone.
        low: The least that each number of an observation was; empty for pictures.
        high: Likewise, the largest.
        rms: Likewise, the root of the mean of its square.
        nonfinite: The first step after which an observation was not finite, 0 for a reset; or None.
        outside: The first observation outside its space's bounds, in words; or "".
        dtypes: The types of observations that are not their space's.
        fault: What the environment did wrong; nothing was played after it.
    """

    rewards: list[float] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    unfinished: int = 0
    mask_source: str = ""
    allowed: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    rms: Floats = field(default_factory=lambda: np.empty(0))
    nonfinite: int | None = None
    outside: str = ""
    dtypes: set[str] = field(default_factory=set)
    fault: UprightError | None = None

    @property
    def steps(self) -> int:
        """How many were played."""
        return len(self.rewards)

    @property
    def is_finite(self) -> bool:
        """Whether every reward and observation was."""
        return self.nonfinite is None and bool(np.isfinite(self.rewards).all())

    def worths(self, gamma: float) -> Floats:
        """What was still to come at each step, discounted by gamma: what a critic has to learn.

        An episode that was cut off counts as if nothing had come after it.
        """
        found, after = np.empty(self.steps), 0.0
        ends = set((np.cumsum([each.length for each in self.ended], dtype=int) - 1).tolist())
        for t in range(self.steps - 1, -1, -1):
            after = self.rewards[t] + (0.0 if t in ends else gamma * after)
            found[t] = after
        return found


class _Watched(gym.Wrapper[Any, Any, Any, Any]):
    """Notes how long steps take, and of what type observations are before anyone converts them."""

    def __init__(self, env: gym.Env[Any, Any], played: Played) -> None:
        super().__init__(env)
        self._played = played

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        returned = self.env.reset(**options)
        self._note(returned)
        if isinstance(returned, tuple) and has_mask(returned[-1]):
            self._played.mask_source = f'info["{MASK}"]'
        elif self.env.has_wrapper_attr(METHOD):
            self._played.mask_source = f"{METHOD}()"
        return returned

    def step(self, action: Any) -> Any:
        began = time.perf_counter()
        returned = self.env.step(action)
        self._played.seconds.append(time.perf_counter() - began)
        self._note(returned)
        return returned

    def _note(self, returned: Any) -> None:
        space = self.env.observation_space
        obs = returned[0] if isinstance(returned, tuple) and returned else None
        if isinstance(space, gym.spaces.Box) and getattr(obs, "dtype", None) != space.dtype:
            self._played.dtypes.add(str(getattr(obs, "dtype", type(obs).__name__)))


class _Numbers:
    """The least, the largest and the mean square of each number of the observations."""

    def __init__(self, codec: Codec, played: Played) -> None:
        self._space, self._played = codec.space, played
        self._codec, self._skips = codec, not codec.columns
        self._count, size = 0, len(codec.columns)
        self._low, self._high = np.full(size, np.inf), np.full(size, -np.inf)
        self._squares = np.zeros(size)
        self._low_bound, self._high_bound = (
            np.empty(0) if self._skips else bound.astype(np.float64).ravel()
            for bound in codec.bounds()
        )
        self._least = self._low_bound - ROUNDING * (1 + abs(self._low_bound))
        self._most = self._high_bound + ROUNDING * (1 + abs(self._high_bound))

    def see(self, obs: Array) -> None:
        """One observation, [*shape]."""
        if self._skips:
            return
        row = self._codec.numbers(obs).ravel().astype(np.float64)
        if not np.isfinite(row).all():
            if self._played.nonfinite is None:
                self._played.nonfinite = self._played.steps
            return
        self._count += 1
        np.minimum(self._low, row, out=self._low)
        np.maximum(self._high, row, out=self._high)
        self._squares += row * row
        if not self._played.outside:
            self._look_outside(row)

    def _look_outside(self, row: Floats) -> None:
        outside = np.flatnonzero((row < self._least) | (row > self._most))
        if outside.size:
            at, where = int(outside[0]), place_of(self._space, int(outside[0]))
            bounds = f"{self._low_bound[at]:g} to {self._high_bound[at]:g}"
            self._played.outside = f"{where} was {row[at]:g}, its space says {bounds}"

    def close(self) -> None:
        """What was seen, to `played`."""
        if self._count:
            self._played.low, self._played.high = self._low, self._high
            self._played.rms = np.sqrt(self._squares / self._count)


def place_of(space: gym.Space[Any], number: int) -> str:
    """How a program writes one number of an observation, or its place in a row of several."""
    if not isinstance(space, gym.spaces.Box) or not space.shape:
        return f"number {number}"
    index = np.unravel_index(number, space.shape)
    return f"obs[{', '.join(str(int(each)) for each in index)}]"


@np.errstate(all="ignore")  # what is not finite is looked for
def play_at_random(env: gym.Env[Any, Any], seed: int, steps: int) -> Played:
    """So many steps of random actions, over as many episodes as that takes; closes it.

    Args:
        env: An environment whose spaces are supported.
        seed: Where the seeds of episodes and actions derive from.
        steps: How many, at least 1.
    """
    played = Played()
    envs = SyncEnvs([_Watched(env, played)], seed)
    numbers = _Numbers(envs.observations, played)
    try:
        _play_on(envs, played, numbers, seed, steps)
    except UprightError as fault:
        played.fault = fault
    numbers.close()
    envs.close()
    return played


def _play_on(envs: SyncEnvs, played: Played, numbers: _Numbers, seed: int, steps: int) -> None:
    space, row = envs.actions.space, envs.actions.row
    space.seed(seed % 2**31)
    numbers.see(envs.reset()[0])
    for _ in range(steps):
        mask = None if envs.masks is None else envs.masks[0]
        if mask is not None:
            played.allowed.append(float(mask.mean()))
        step = envs.step(row(sample_allowed(space, mask))[None])
        played.rewards.append(float(step.rewards[0]))
        played.unfinished += 1
        numbers.see(step.obs[0])
        if step.any_done:
            length, played.unfinished = played.unfinished, 0
            total = float(np.sum(played.rewards[-length:]))
            played.ended.append(Ended(length, total, bool(step.terminated[0])))
            numbers.see(envs.restart(step.done, step.obs)[0])
