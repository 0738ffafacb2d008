"""Environments with a vector form of their own, which reset themselves on the next step."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import VectorEnv

from upright.envs.codec import Codec
from upright.envs.masks import MASK, Mask, MaskLayout
from upright.envs.step import Step
from upright.ground import (
    Array,
    Bools,
    State,
    UprightError,
    derive_seed,
    generator_state,
    raised,
    restore_generator,
)
from upright.settings import Backend

# A vector form is restored from these attributes, shapes with -1 for N, and its generator.
RESTORABLE: dict[type[Any], dict[str, tuple[tuple[int, ...], type[np.generic]]]] = {
    CartPoleVectorEnv: {
        "state": ((4, -1), np.float64),
        "steps": ((-1,), np.int32),
        "prev_done": ((-1,), np.bool_),
    }
}


class NextStepEnvs:
    """A vector environment that resets itself on the step after the done one."""

    backend: Backend = "vector"
    kind = "vector"
    replaces_final_obs = False

    def __init__(self, vector: VectorEnv[Any, Any, Any], seed: int, mask: Mask = "auto") -> None:
        self._vector, self._seed, self._mask = vector, seed, mask
        self.masks: Bools | None = None
        self.num_envs = vector.num_envs
        self.observations = Codec(vector.single_observation_space)
        self.actions = Codec(vector.single_action_space)
        self._layout = MaskLayout(self.actions)
        self._acts_as_it_is = isinstance(vector.single_action_space, gym.spaces.Discrete)
        self.exact = type(vector.unwrapped) in RESTORABLE
        self._was_done = np.zeros(self.num_envs, np.bool_)
        self._fresh, self._anew = True, 0

    def reset(self, seed: int | None = None) -> Array:
        """A new episode everywhere; the generator is seeded once and then runs on."""
        if seed is not None:
            self._seed, self._fresh = seed, True
        start = derive_seed(self._seed, self._anew) if self._fresh else None
        try:
            obs, infos = self._vector.reset(seed=start)
        except Exception as error:
            raise self._fault("reset", error) from error
        self._fresh = False
        self._was_done = np.zeros(self.num_envs, np.bool_)
        self.masks = self._allowed(infos) if self._mask == "auto" else None
        return self.observations.rows(obs)

    def step(self, actions: Array) -> Step:
        """One action in every environment; rows that are resetting come back not valid."""
        taken = actions if self._acts_as_it_is else self.actions.values(actions)
        try:
            obs, rewards, terminated, truncated, infos = self._vector.step(taken)
        except Exception as error:
            raise self._fault("step", error) from error
        valid = ~self._was_done
        self._was_done = terminated | truncated
        any_done = bool(np.count_nonzero(self._was_done))
        if self.masks is not None:
            self.masks = self._allowed(infos)
        return Step(self.observations.rows(obs), rewards, terminated, truncated, valid, any_done)

    def restart(self, done: Bools, obs: Array) -> Array:
        """Nothing to do: the next step resets."""
        return obs

    def state(self, unfinished: bool = True) -> State:
        """The vector form's own arrays and generator, where it is known which those are."""
        own = self._vector.unwrapped
        values = {"kind": self.kind, "anew": self._anew, "fresh": self._fresh}
        arrays = {"was_done": self._was_done.copy()}
        if self.exact and not self._fresh:
            values["generator"] = generator_state(own.np_random)
            for name in RESTORABLE[type(own)]:
                arrays[name] = np.array(getattr(own, name))
        return State(values, arrays)

    def restore(self, state: State, obs: Array | None) -> tuple[Array | None, Bools]:
        """The environments as they stood, or all of them anew where that cannot be done."""
        own, n = self._vector.unwrapped, self.num_envs
        self._anew = state.count("anew") % 2**31
        if state.value("fresh", bool):
            return obs, np.zeros(n, np.bool_)
        if not self.exact or "generator" not in state.values:
            self._anew += 1
            self._fresh = True
            return self.reset(), np.ones(n, np.bool_)
        was_done = state.array("was_done", (n,), np.bool_)
        self.reset()
        for name, (shape, dtype) in RESTORABLE[type(own)].items():
            whole = tuple(n if length == -1 else length for length in shape)
            setattr(own, name, state.array(name, whole, dtype).copy())
        restore_generator(own.np_random, state.value("generator", dict))
        self._was_done = was_done.copy()
        stands = state.array("state", (4, n), np.float64).T.astype(np.float32)
        if obs is not None and stands.tobytes() != obs.tobytes():
            raise UprightError("The recorded environments contradict their own observations.")
        return obs, np.zeros(n, np.bool_)

    def close(self) -> None:
        """Release what the environments hold."""
        self._vector.close()

    def _allowed(self, infos: dict[str, Any]) -> Bools | None:
        """The masks in `infos["action_mask"]`, [N, P]; a done row's, whose action is ignored, full.

        Raises:
            UprightError: They will not do, or there are none any more.
        """
        given = infos.get(MASK)
        if given is None and self.masks is None:
            return None
        try:
            if not isinstance(given, np.ndarray) or given.shape[:1] != (self.num_envs,):
                raise ValueError(f"infos[{MASK!r}] is no array with a row for each environment")
            masks = np.array(given)
            masks[self._was_done] = True
            return self._layout.rows(masks)
        except ValueError as error:
            name = type(self._vector.unwrapped).__name__
            raise UprightError(
                f"The environments ({name}): {error}.",
                "--backend sync asks them one by one; --mask off trains without masks.",
            ) from error

    def _fault(self, call: str, error: Exception) -> UprightError:
        name = type(self._vector.unwrapped).__name__
        return UprightError(
            f"The environments ({name}): {call}() raised {raised(error)}.",
            "--backend sync runs them one by one, and names the one at fault.",
        )
