"""Around every single environment: what it raises and returns is checked, and named if wrong."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.masks import Mask, MaskReader
from upright.ground import Array, Bools, UprightError, in_a_line, raised, said_by, shortened

_NUMPYS_FLOATS = (np.float64, np.float32)
_CONTRACT = "(observation, reward, terminated, truncated, info)"
_HINT = "The environment is at fault; mend it, or train another."
Stand = tuple[Array, Bools | None]


class Guard(gym.Wrapper[Any, Any, Any, Any]):
    """One environment in rows, whose faults name its index and what it returned.

    Args:
        env: The environment.
        index: Its number among those that are stepped together.
        mask: Whether it is asked for action masks.
        first: The number that people know the first of these by.
    """

    def __init__(
        self, env: gym.Env[Any, Any], index: int, mask: Mask = "auto", first: int = 0
    ) -> None:
        super().__init__(env)
        self._index, self._called = index, f"Environment {first + index} ({_name(env)})"
        self._masks = MaskReader(env, self._called, mask)
        self._rows, self._acts = Codec(env.observation_space), Codec(env.action_space)
        self.observation_space, self.action_space = self._rows.row_space, self._acts.row_space
        self._shape, self._dtype = env.observation_space.shape, env.observation_space.dtype
        self._acts_as_it_is = isinstance(env.action_space, gym.spaces.Discrete)
        self._is_box = isinstance(env.observation_space, gym.spaces.Box)

    @property
    def mask(self) -> Bools | None:
        """What the newest observation allows, [P]; None where the environment gives no masks."""
        return self._masks.mask

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """A new episode.

        Raises:
            UprightError: It raised, or returned no observation of its space.
        """
        try:
            returned = self.env.reset(**options)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an environment may raise anything
            raise self._raised("reset", error) from error
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise self._returned("reset", returned, "(observation, info)")
        obs = self._observation("reset", returned[0])
        self._masks.after_reset(returned[1])
        return obs, returned[1]

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """One action.

        Raises:
            UprightError: It raised, or returned something else than it should.
        """
        if not self._acts_as_it_is:
            action = self._acts.value(np.asarray(action))
        try:
            returned = self.env.step(action)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an environment may raise anything
            raise self._raised("step", error) from error
        if not isinstance(returned, tuple) or len(returned) != 5:
            raise self._returned("step", returned, _CONTRACT)
        obs, reward, terminated, truncated, info = returned
        if type(reward) is not float:
            reward = float(reward) if type(reward) in _NUMPYS_FLOATS else self._reward(reward)
        if type(terminated) is not bool or type(truncated) is not bool:
            terminated, truncated = self._flag(terminated), self._flag(truncated)
        obs = self._observation("step", obs)
        if self._masks.mask is not None or terminated or truncated:
            self._masks.after_step(info, terminated or truncated)
        return obs, reward, terminated, truncated, info

    def close(self) -> None:
        """Release the environment; what it raises then is nobody's loss."""
        with suppress(Exception, SystemExit):
            self.env.close()

    def replay(self, seeds: Sequence[int], actions: Sequence[Sequence[Any]]) -> Stand | None:
        """The observation and the mask of its unfinished episode, played again.

        None where it does not come so far.

        Args:
            seeds: Of all environments' episodes.
            actions: What was done in each of them.
        """
        try:
            obs, _ = Guard.reset(self, seed=seeds[self._index])
            for action in actions[self._index]:
                obs, _, terminated, truncated, _ = Guard.step(self, action)
                if terminated or truncated:
                    return None
        except UprightError:
            return None
        return np.array(obs, self._rows.dtype), self.mask

    def _observation(self, call: str, obs: Any) -> Any:
        if not self._is_box:
            return self._row(call, obs)
        if type(obs) is np.ndarray and obs.shape == self._shape and obs.dtype == self._dtype:
            return obs
        try:
            found = np.asarray(obs)
        except Exception as error:
            raise self._fault(
                f"{call}() returned an observation of type {type(obs).__name__}, which is no "
                f"array: {said_by(error)}"
            ) from error
        if found.shape != self._shape:
            raise self._fault(
                f"{call}() returned an observation of shape {found.shape}, "
                f"its space says {self._shape}"
            )
        if self._dtype is None or not np.can_cast(found.dtype, self._dtype, "same_kind"):
            whole = found.dtype.kind in "iub" and np.issubdtype(self._dtype, np.integer)
            if not whole or not np.array_equal(found.astype(self._dtype), found):
                raise self._fault(
                    f"{call}() returned an observation of type {found.dtype}, "
                    f"its space says {self._dtype}"
                )
        with np.errstate(over="ignore"):  # it becomes infinite, and is refused as such
            return found.astype(self._dtype)

    def _row(self, call: str, obs: Any) -> Array:
        try:
            with np.errstate(over="ignore"):  # it becomes infinite, and is refused as such
                return self._rows.row(obs)
        except Exception as error:
            raise self._fault(
                f"{call}() returned {_shown(obs)} as an observation: {said_by(error)}"
            ) from error

    def _reward(self, reward: Any) -> float:
        with suppress(Exception):
            number = np.asarray(None if isinstance(reward, list | tuple) else reward)
            if number.size == 1 and number.dtype.kind in "biuf":
                return float(number.reshape(()))
        raise self._fault(f"step() returned the reward {_shown(reward)}, which is no number")

    def _flag(self, flag: Any) -> bool:
        if not isinstance(flag, bool | np.bool_ | int):
            raise self._fault(
                f"step() returned {_shown(flag)} for True or False; it should return {_CONTRACT}"
            )
        return bool(flag)

    def _returned(self, call: str, returned: Any, contract: str) -> UprightError:
        count = f"{len(returned)} values" if isinstance(returned, tuple) else _shown(returned)
        return self._fault(f"{call}() returned {count}, not {contract}")

    def _raised(self, call: str, error: BaseException) -> UprightError:
        return self._fault(f"{call}() raised {raised(error)}")

    def _fault(self, what: str) -> UprightError:
        return UprightError(f"{self._called}: {what}.", _HINT)


def _name(env: gym.Env[Any, Any]) -> str:
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


def _shown(value: Any) -> str:
    try:
        text = in_a_line(repr(value))
    except Exception:
        text = f"something of type {type(value).__name__} that cannot be shown"
    return shortened(text, 200)
