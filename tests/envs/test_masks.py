"""Masks as environments give them: read wherever they run, and named where they will not do."""

from collections.abc import Callable
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from envs.test_guard import Steady, played
from probes.masked import MASKED, Forbidding
from upright.envs import NextStepEnvs, make_envs
from upright.ground.errors import UprightError

FINE = np.array([1, 0], np.int8)


class Says(Steady):
    """Gives a mask, another one from `later` on the action 1; none where it is None."""

    def __init__(self, first: Any = FINE, later: Any = FINE, space: Any = None) -> None:
        super().__init__()
        self.first, self.later = first, later
        self.action_space = space or self.action_space

    def reset(self, **options: Any) -> Any:
        obs, _ = super().reset(**options)
        return obs, {} if self.first is None else {"action_mask": self.first}

    def step(self, action: Any) -> Any:
        said = self.later if np.any(action == 1) else self.first
        obs, reward, terminated, truncated, _ = super().step(action)
        info = {} if said is None else {"action_mask": said}
        return obs, reward, terminated, truncated, info


def fault(make: Callable[[], gym.Env[Any, Any]]) -> str:
    with pytest.raises(UprightError) as caught:
        played(make_envs(make, 3, 0))
    assert "--mask off" in caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (np.ones(3, np.int8), "has the shape (3,); Discrete(2) has (2,)"),
        (np.array([1, 2]), "holds 2; 0 forbids an action, 1 allows it"),
        (np.array([np.nan, 1.0]), "holds nan"),
        (np.array([0, 0], np.int8), "forbids everything, and the episode goes on"),
        ("no", "has the shape (1,)"),
        (None, "step() returned no info['action_mask'], and reset() one"),
    ],
)
def test_a_mask_that_will_not_do_is_named_with_the_index(later: Any, said: str) -> None:
    message = fault(lambda: Says(later=later))
    assert message.startswith("Environment 1 (Says): ")
    assert said in message


def test_masks_are_for_counted_actions_alone() -> None:
    space = gym.spaces.Box(-1.0, 1.0, (1,))
    message = fault(lambda: Says(space=space))
    assert "Environment 0 (Says): it gives action masks, which are for Discrete" in message
    assert "Box(" in message
    envs = make_envs(lambda: Says(space=space), 2, 0, mask="off")
    envs.reset()
    assert envs.masks is None
    envs.close()


@pytest.mark.parametrize("mask", [[1, 0], (True, False), FINE, FINE.astype(bool), [1.0, 0.0]])
def test_flags_of_every_type_are_taken(mask: Any) -> None:
    envs = make_envs(lambda: Says(mask, mask), 2, 0)
    envs.reset()
    assert envs.masks is not None
    assert envs.masks.tolist() == [[True, False]] * 2
    envs.close()


def test_a_mask_of_several_rows_may_be_as_nested_as_gymnasium_draws_under_it() -> None:
    space = gym.spaces.MultiDiscrete([[2, 3], [2, 2]])
    one, three = np.array([1, 0], np.int8), np.array([1, 0, 1], np.int8)
    mask = ((one, three), (one, np.array([1, 1], np.int8)))
    space.sample(mask=mask)

    def make() -> Says:
        made = Says(mask, mask)
        made.action_space = space
        return made

    envs = make_envs(make, 2, 0)
    envs.reset()
    assert envs.masks is not None
    assert envs.masks.astype(int).tolist() == [[1, 0, 1, 0, 1, 1, 0, 1, 1]] * 2
    envs.close()


def test_parts_of_other_lengths_are_named() -> None:
    space = gym.spaces.MultiDiscrete([3, 2])
    envs = make_envs(lambda: Says([[1, 1], [1, 1, 1]], None, space), 1, 0)
    with pytest.raises(UprightError, match=r"has parts of shapes \(2,\), \(3,\)"):
        envs.reset()


@pytest.mark.parametrize("env", MASKED)
def test_masks_belong_to_the_observations_to_act_on_next(env: type[Forbidding]) -> None:
    envs = make_envs(env, 2, 3, "sync")
    envs.reset()
    for t in range(10):
        assert envs.masks is not None
        held = [each.unwrapped.mask() for each in envs._envs]  # type: ignore[attr-defined]
        parts = [np.concatenate(one) if isinstance(one, tuple) else one for one in held]
        assert envs.masks[:, :3].tolist() == [part[:3].tolist() for part in parts]
        kept = envs.masks.copy()
        before, space = envs.masks, envs.actions.space
        step = envs.step(np.array([envs.actions.row(space.sample()) for _ in range(2)]))
        assert before.tobytes() == kept.tobytes(), t
        if step.any_done:
            envs.restart(step.done, step.obs)
    envs.close()


def test_a_restored_environment_has_the_mask_of_its_replay() -> None:
    envs = make_envs(Forbidding, 3, 5, "sync")
    envs.reset()
    assert envs.masks is not None
    step = envs.step(5 + envs.masks.argmax(axis=1))
    state, obs = envs.state(), step.obs.copy()
    other = make_envs(Forbidding, 3, 5, "sync")
    _, lost = other.restore(state, obs)
    assert not lost.any()
    assert other.masks is not None
    assert other.masks.tobytes() == envs.masks.tobytes()
    state.arrays["masks"][1] = ~state.arrays["masks"][1]
    assert other.restore(state, obs)[1].tolist() == [False, True, False]
    envs.close()
    other.close()


class Pair(gym.vector.VectorEnv[Any, Any, Any]):
    """Two environments with a vector form of their own, whose episodes last two steps."""

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    single_observation_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    single_action_space = gym.spaces.Discrete(2)
    num_envs = 2

    def __init__(self, masks: list[Any]) -> None:
        self.masks, self.now = masks, 0

    def told(self) -> dict[str, Any]:
        said = self.masks[self.now % len(self.masks)]
        return {} if said is None else {"action_mask": np.array(said, np.int8)}

    def reset(self, **options: Any) -> Any:
        self.now = 0
        return np.zeros((2, 1), np.float32), self.told()

    def step(self, actions: Any) -> Any:
        self.now += 1
        over = np.array([self.now % 3 == 2] * 2)
        return np.zeros((2, 1), np.float32), np.ones(2), over, over & False, self.told()


def test_a_vector_form_tells_its_masks_and_none_is_needed_where_it_is_done() -> None:
    rows = [[[1, 0], [0, 1]], [[1, 1], [0, 1]], [[0, 0], [0, 0]]]
    envs = NextStepEnvs(Pair(rows), 0)
    envs.reset()
    for expected in ([[1, 0], [0, 1]], [[1, 1], [0, 1]], [[1, 1], [1, 1]], [[1, 0], [0, 1]]):
        assert envs.masks is not None
        assert envs.masks.tolist() == np.array(expected, bool).tolist()
        envs.step(np.zeros(2, np.int64))
    plain = NextStepEnvs(Pair(rows), 0, "off")
    plain.reset()
    plain.step(np.zeros(2, np.int64))
    assert plain.masks is None


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (None, "is no array with a row for each environment"),
        ([[1, 0], [0, 0]], "forbids everything"),
        ([[1, 0, 1], [1, 1, 1]], "has the shape (3,)"),
    ],
)
def test_masks_of_a_vector_form_that_will_not_do_are_named(later: Any, said: str) -> None:
    envs = NextStepEnvs(Pair([[[1, 0], [0, 1]], later]), 0)
    envs.reset()
    with pytest.raises(UprightError) as caught:
        envs.step(np.zeros(2, np.int64))
    assert said in caught.value.message
    assert "--backend sync" in caught.value.hint
