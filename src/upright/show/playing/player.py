"""Episodes played for somebody to look at: pictures, and the numbers that go with them."""

import itertools
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from upright.envs import (
    Codec,
    EnvSource,
    MaskReader,
    close_quietly,
    make_env,
    name_of,
    sample_allowed,
)
from upright.ground import Array, Stream, UprightError, derive_seed, raised
from upright.policy import Policy, refuse_misfit

DEFAULT_FPS = 30


class Moment(NamedTuple):
    """One observation of an episode, drawn.

    Attributes:
        image: The picture, [height, width, 3] uint8.
        episode: The episode's number, from 1.
        step: Transitions since its reset; 0 is the reset itself.
        obs: The observation.
        reward: What the last transition gave; 0 after a reset.
        episode_return: The sum of rewards so far.
        action: What is done next; None where the episode is over.
        probabilities: pi(a|s) of each action, where there are finitely many and a policy acts.
        value: V(s), where there is a critic; in the environment's units, but where it learned from
            rewards that were normalised or clipped.
        end: "", "terminated" or "truncated".
        label: Who acts, such as "step 8,192".
    """

    image: Array
    episode: int
    step: int
    obs: Any
    reward: float
    episode_return: float
    action: Any
    probabilities: tuple[float, ...] | None
    value: float | None
    end: str
    label: str


def has_display() -> bool:
    """Whether a window could open: there is a display server, or the system always has one."""
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(named) or sys.platform in ("win32", "darwin")


def prepare_drawing() -> None:
    """Let what draws off screen find no screen missing; what is set already stays."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")  # or a SIGTERM would end nothing
    if not has_display():
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
        os.environ.setdefault("MUJOCO_GL", "egl")


class Player:
    """Plays episodes and draws them, off screen.

    Args:
        env: What to play.
        policy: Who acts; None draws every action at random.
        seed: Where the episodes' seeds, and all drawn actions, derive from.
        deterministic: The most probable action instead of a drawn one.
        label: What the moments say of who acts.

    Attributes:
        returns: Of the episodes that came to their end.

    Raises:
        UprightError: The environment cannot be made or drawn, or is not the policy's.
    """

    def __init__(
        self,
        env: EnvSource,
        policy: Policy | None,
        *,
        seed: int = 0,
        deterministic: bool = True,
        label: str = "",
    ) -> None:
        prepare_drawing()
        self._policy, self._seed, self.label = policy, seed, label
        self.returns: list[float] = []
        self._noiseless = deterministic
        self._env, self._name = drawn_env(env), name_of(env)
        mask = "auto" if policy is None else policy.mask
        self._masks = MaskReader(self._env, self._name, mask)
        if policy is not None:
            spaces = (self._env.observation_space, self._env.action_space)
            try:
                refuse_misfit(policy, self._name, *map(Codec, spaces))
            except UprightError:
                self.close()
                raise
        fps = self._env.metadata.get("render_fps")
        self.fps = float(fps) if isinstance(fps, int | float) and 0 < fps <= 1000 else DEFAULT_FPS

    @property
    def max_episode_steps(self) -> int | None:
        """The time limit, where there is one."""
        return None if self._env.spec is None else self._env.spec.max_episode_steps

    def play(
        self, episodes: int | None = None, max_steps: int | None = None, every: int = 1
    ) -> Iterator[Moment]:
        """The moments of whole episodes, one after the other.

        Args:
            episodes: How many; None never ends.
            max_steps: Where an episode is left at the latest.
            every: Of so many moments one is drawn, and each episode's last; the others are not
                told of.
        """
        rng = np.random.default_rng(derive_seed(self._seed, Stream.ACTIONS))
        self._env.action_space.seed(derive_seed(self._seed, Stream.ACTIONS) % 2**32)
        for number in itertools.islice(itertools.count(), episodes):
            seed = derive_seed(self._seed, Stream.EVALUATION, number) % 2**32
            obs, info = self._ask("reset", seed=seed)
            self._masks.after_reset(info)
            episode_return, reward, end = 0.0, 0.0, ""
            for step in itertools.count():
                over = bool(end) or step == max_steps
                action = None if over else self._act(obs, rng)
                if over or step % every == 0:
                    probabilities, value = self._opinion(obs)
                    yield Moment(
                        self._draw(), number + 1, step, obs, reward, episode_return, action,
                        probabilities, value, end, self.label,
                    )  # fmt: skip
                if over:
                    self.returns += [episode_return] if end else []
                    break
                obs, given, terminated, truncated, info = self._ask("step", action)
                self._masks.after_step(info, terminated or truncated)
                reward = float(given)
                episode_return += reward
                end = "terminated" if terminated else "truncated" if truncated else ""

    def close(self) -> None:
        """Release the environment."""
        close_quietly(self._env)

    def _ask(self, method: str, *words: Any, **options: Any) -> Any:
        try:
            return getattr(self._env, method)(*words, **options)
        except Exception as error:
            raise UprightError(
                f"{self._name} failed in {method}: {raised(error)}.",
                "--debug shows where it happened.",
            ) from error

    def _act(self, obs: Any, rng: np.random.Generator) -> Any:
        mask = self._masks.mask
        if self._policy is None:
            return sample_allowed(self._env.action_space, mask)
        noise = 0.0 if self._noiseless else self._policy.distribution.noise(rng, (1,))
        return self._policy.decide(obs, noise, mask)

    def _opinion(self, obs: Any) -> tuple[tuple[float, ...] | None, float | None]:
        """What the policy thinks of an observation: pi(.|s) and V(s), where it has them."""
        policy = self._policy
        if policy is None:
            return None, None
        batch = policy.observations.row(obs)[None]
        mask = self._masks.mask
        params = policy.params(batch, None if mask is None else mask[None])
        values = policy.values(batch) * (policy.return_unit or 1.0)
        found = policy.distribution.probabilities(params)
        probabilities = None if found is None else tuple(found[0].tolist())
        return probabilities, float(values[0]) if policy.has_critic else None

    def _draw(self) -> Array:
        try:
            drawn = self._env.render()
            image = np.asarray(drawn)
        except Exception as error:
            raise UprightError(
                f"{self._name} could not be drawn: {raised(error)}.",
                "MuJoCo without a display needs libegl1, or libosmesa6 with MUJOCO_GL=osmesa."
                if "mujoco" in type(self._env.unwrapped).__module__
                else "--debug shows where it happened.",
            ) from error
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            what = "None" if drawn is None else f"{image.dtype} of shape {list(image.shape)}"
            raise UprightError(
                f"{self._name} drew {what}.",
                "render() should return uint8 of shape [height, width, 3].",
            )
        return image


def drawn_env(env: EnvSource) -> gym.Env[Any, Any]:
    """One environment that draws itself off screen.

    Raises:
        UprightError: It cannot be made, or cannot draw.
    """
    plain = make_env(env)
    modes = plain.metadata.get("render_modes") or []
    close_quietly(plain)
    if "rgb_array" not in modes:
        shown = ", ".join(map(str, modes)) or "none"
        raise UprightError(
            f"{name_of(env)} cannot draw itself off screen (its render_modes: {shown}).",
            "List 'rgb_array' in its metadata['render_modes'], take render_mode, and return a "
            "picture from render(). `upright evaluate` needs none.",
        )
    return make_env(env, render_mode="rgb_array")
