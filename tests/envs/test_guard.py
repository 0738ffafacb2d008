"""Faults of environments: named with the environment's index, and nothing is left running."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from upright.cli import main
from upright.envs import Envs, is_gymnasiums_own, make_envs
from upright.ground.errors import UprightError
from upright.ground.seeding import derive_seed
from upright.runs.folder import checkpoint_folders

OBS = np.zeros(2, np.float32)
WRONG_ACTION = 1


WRONG_SEED = derive_seed(0, 1, 0)  # the first episode of environment 1, where the seed is 0


class Steady(gym.Env[Any, int]):
    """Nothing happens; episodes of five steps."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.now = self.lived = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.now = 0
        return OBS.astype(self.observation_space.dtype), {}

    def step(self, action: int) -> Any:
        self.now += 1
        self.lived += 1
        return OBS.astype(self.observation_space.dtype), 1.0, self.now == 5, False, {}


class Wrong(Steady):
    """Does something else on one action, or in the reset to one seed."""

    def __init__(
        self,
        step: Callable[[], Any] | None = None,
        reset: Callable[[], Any] | None = None,
        space: gym.spaces.Box | None = None,
    ) -> None:
        super().__init__()
        self.wrong_step, self.wrong_reset = step, reset
        self.observation_space = space or self.observation_space

    def step(self, action: int) -> Any:
        right = super().step(action)
        return self.wrong_step() if self.wrong_step and action == WRONG_ACTION else right

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        right = super().reset(seed=seed)
        return self.wrong_reset() if self.wrong_reset and seed == WRONG_SEED else right


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """What every fault leaves behind."""
    yield
    assert multiprocessing.active_children() == []


def raises(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


def played(envs: Envs) -> Any:
    """A reset, and a step in which environment 1 alone takes the wrong action."""
    try:
        envs.reset()
        return envs.step(np.array([0, WRONG_ACTION, 0]))
    finally:
        envs.close()


def fault(**wrong: Any) -> str:
    """What is said of an environment that goes wrong."""
    with pytest.raises(UprightError) as caught:
        played(make_envs(lambda: Wrong(**wrong), 3, 0))
    assert caught.value.hint.endswith(".")
    assert caught.value.message.endswith(".")
    return caught.value.message


def test_what_step_raises_is_said_with_the_index() -> None:
    message = fault(step=raises(KeyError("the missing key")))
    assert message == "Environment 1 (Wrong): step() raised KeyError: 'the missing key'."


def test_what_reset_raises_is_said_with_the_index() -> None:
    message = fault(reset=raises(ZeroDivisionError("division by zero")))
    assert message == "Environment 1 (Wrong): reset() raised ZeroDivisionError: division by zero."


def test_a_very_long_exception_is_cut() -> None:
    assert len(fault(step=raises(ValueError("x" * 100_000)))) < 400


STEPS: dict[str, tuple[Any, str]] = {
    "four values, as the old gym had it": ((OBS, 1.0, True, {}), "returned 4 values"),
    "six values": ((OBS, 1.0, True, False, {}, {}), "returned 6 values"),
    "nothing": (None, "returned None"),
    "a list": ([1], r"returned \[1\]"),
}


@pytest.mark.parametrize(("returned", "said"), STEPS.values(), ids=STEPS)
def test_a_step_that_returns_no_transition_is_refused(returned: Any, said: str) -> None:
    with pytest.raises(UprightError, match=rf"Environment 1 \(Wrong\): step\(\) {said}, not \(obs"):
        played(make_envs(lambda: Wrong(step=lambda: returned), 3, 0))


RESETS: dict[str, tuple[Any, str]] = {
    "only the observation": (OBS, "returned array([0., 0.]"),
    "nothing": (None, "returned None"),
    "three values": ((OBS, {}, {}), "returned 3 values"),
}


@pytest.mark.parametrize(("returned", "said"), RESETS.values(), ids=RESETS)
def test_a_reset_that_returns_no_observation_and_info_is_refused(returned: Any, said: str) -> None:
    message = fault(reset=lambda: returned)
    assert message.startswith(f"Environment 1 (Wrong): reset() {said}")
    assert message.endswith("not (observation, info).")


SHAPES: dict[str, tuple[Any, str]] = {
    "a number": (0.0, "()"),
    "one number in a list": ([0.0], "(1,)"),
    "three numbers": (np.zeros(3, np.float32), "(3,)"),
    "a column": (np.zeros((2, 1), np.float32), "(2, 1)"),
    "a row": (np.zeros((1, 2), np.float32), "(1, 2)"),
    "no number": ([], "(0,)"),
    "nothing": (None, "()"),
    "a dictionary": ({"obs": OBS}, "()"),
}


@pytest.mark.parametrize(("obs", "shape"), SHAPES.values(), ids=SHAPES)
def test_an_observation_of_another_shape_is_refused_also_where_it_would_broadcast(
    obs: Any, shape: str
) -> None:
    said = f"returned an observation of shape {shape}, its space says (2,)."
    after_step = fault(step=lambda: (obs, 1.0, False, False, {}))
    assert after_step == f"Environment 1 (Wrong): step() {said}"
    assert fault(reset=lambda: (obs, {})) == f"Environment 1 (Wrong): reset() {said}"


class Unreadable:
    """What NumPy cannot make an array of."""

    def __array__(self, *words: Any, **options: Any) -> Any:
        raise TypeError("not today.")


@pytest.mark.parametrize("obs", [[[0.0], [0.0, 1.0]], Unreadable()], ids=["ragged", "own"])
def test_what_is_no_array_is_refused_with_its_reason(obs: Any) -> None:
    message = fault(step=lambda: (obs, 1.0, False, False, {}))
    kind = type(obs).__name__
    assert f"step() returned an observation of type {kind}, which is no array: " in message
    assert not message.endswith("..")


WHOLE = gym.spaces.Box(-9, 9, (2,), np.int64)
TYPES: dict[str, tuple[Any, gym.spaces.Box | None, str]] = {
    "objects": (np.array([None, 1.0], object), None, "type object, its space says float32"),
    "text": (["1.0", "2.0"], None, "type <U3, its space says float32"),
    "complex": (np.zeros(2, np.complex64), None, "type complex64, its space says float32"),
    "fractions": (np.array([0.5, 1.5]), WHOLE, "type float64, its space says int64"),
}


@pytest.mark.parametrize(("obs", "space", "said"), TYPES.values(), ids=TYPES)
def test_an_observation_of_another_type_is_refused(
    obs: Any, space: gym.spaces.Box | None, said: str
) -> None:
    message = fault(space=space, step=lambda: (obs, 1.0, False, False, {}))
    assert message == f"Environment 1 (Wrong): step() returned an observation of {said}."


@pytest.mark.parametrize(
    "obs",
    [np.array([0.5, -1.0]), np.array([1, 0]), [1, 0.25], (True, False), np.zeros(2, np.float16)],
    ids=["float64", "int64", "list", "booleans", "float16"],
)
def test_an_observation_that_its_type_can_hold_is_taken(obs: Any) -> None:
    envs = make_envs(
        lambda: Wrong(step=lambda: (obs, 1.0, False, False, {}), reset=lambda: (obs, {})),
        3,
        0,
    )
    taken = played(envs).obs
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, [[0.0, 0.0], list(obs), [0.0, 0.0]])


def test_an_observation_too_large_for_its_type_arrives_as_infinite_without_a_warning() -> None:
    obs = np.array([1e300, 0.0])
    step = played(make_envs(lambda: Wrong(step=lambda: (obs, 1.0, False, False, {})), 3, 0))
    assert np.isposinf(step.obs[1, 0])


REWARDS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "None"),
    "text": ("1.0", "'1.0'"),
    "two numbers": (np.array([1.0, 2.0]), "array([1., 2.])"),
    "no number": (np.array([]), "array([], dtype=float64)"),
    "complex": (1j, "1j"),
    "a complex array": (np.array(1j), "array(0.+1.j)"),
    "a list": ([1.0], "[1.0]"),
}
ODD_REWARDS: dict[str, tuple[Any, str]] = {
    "an array with nothing in it": (np.array(None), "array(None, dtype=object)"),
    "an array of text": (np.array("one"), "array('one', dtype='<U3')"),
    "an integer without bounds": (10**400, "1000"),
}


@pytest.mark.parametrize(("reward", "shown"), REWARDS.values(), ids=REWARDS)
def test_a_reward_that_is_no_number_is_refused(reward: Any, shown: str) -> None:
    message = fault(step=lambda: (OBS, reward, False, False, {}))
    assert message.startswith(f"Environment 1 (Wrong): step() returned the reward {shown}")
    assert message.endswith("which is no number.")


@pytest.mark.parametrize(("reward", "shown"), ODD_REWARDS.values(), ids=ODD_REWARDS)
def test_a_reward_that_looks_like_a_number_is_refused(reward: Any, shown: str) -> None:
    message = fault(step=lambda: (OBS, reward, False, False, {}))
    assert message.startswith(f"Environment 1 (Wrong): step() returned the reward {shown}")


@pytest.mark.parametrize(
    "reward",
    [2, True, np.float32(2.5), np.int8(3), np.array(2.5), np.array([[2.5]]), np.bool_(1)],
    ids=repr,
)
def test_any_number_is_a_reward(reward: Any) -> None:
    envs = make_envs(lambda: Wrong(step=lambda: (OBS, reward, False, False, {})), 3, 0)
    assert played(envs).rewards.tolist() == [1.0, float(np.ravel(reward)[0]), 1.0]


FLAGS: dict[str, tuple[Any, str]] = {
    "text": ("no", "'no'"),
    "nothing": (None, "None"),
    "a dictionary": ({}, "{}"),
    "a list": ([True], "[True]"),
}


@pytest.mark.parametrize("place", ["terminated", "truncated"])
@pytest.mark.parametrize(("flag", "shown"), FLAGS.values(), ids=FLAGS)
def test_a_flag_that_is_neither_true_nor_false_is_refused(
    place: str, flag: Any, shown: str
) -> None:
    flags = (flag, False) if place == "terminated" else (False, flag)
    message = fault(step=lambda: (OBS, 1.0, *flags, {}))
    assert message.startswith(f"Environment 1 (Wrong): step() returned {shown} for True or False;")


def test_numpys_flags_and_ones_are_flags() -> None:
    envs = make_envs(lambda: Wrong(step=lambda: (OBS, 1.0, np.True_, 1, None)), 3, seed=0)
    step = played(envs)
    assert step.terminated.tolist() == step.truncated.tolist() == [False, True, False]


@pytest.mark.parametrize("kind", [type(None), dict, int])
def test_a_factory_that_makes_no_environment_is_refused(kind: type) -> None:
    def make_nothing() -> Any:
        return kind()

    said = f"make_nothing made an object of type {kind.__name__}, not a gymnasium.Env."
    with pytest.raises(UprightError, match=said):
        make_envs(make_nothing, 2, seed=0)


class Unmakeable(Steady):
    def __init__(self) -> None:
        super().__init__()
        raise ValueError("no licence")


class Spaceless(Steady):
    def __init__(self) -> None:
        pass


class TextSpace(Steady):
    def __init__(self) -> None:
        super().__init__()
        self.observation_space = gym.spaces.Dict({"a": gym.spaces.Text(2)})


class Unclosable(Steady):
    def close(self) -> None:
        raise RuntimeError("will not close")


def test_an_environment_that_cannot_be_made_is_said_in_its_own_words() -> None:
    with pytest.raises(UprightError, match="Cannot make Unmakeable: ValueError: no licence"):
        make_envs(Unmakeable, 2, seed=0)


def test_an_environment_without_spaces_is_refused() -> None:
    with pytest.raises(UprightError, match="Spaceless"):
        make_envs(Spaceless, 2, seed=0)


def test_a_space_that_no_policy_takes_leaves_nothing_open() -> None:
    with pytest.raises(UprightError, match=r"Text.*is not supported"):
        upright.Trainer(TextSpace, "ppo", num_envs=2)
    assert multiprocessing.active_children() == []


def leaves() -> Any:
    sys.exit(4)


class Own(BaseException):
    """What no `except Exception` sees."""


def test_whatever_an_environment_raises_is_named() -> None:
    message = fault(step=raises(Own("mine")))
    assert message == "Environment 1 (Wrong): step() raised Own: mine."


def test_an_environment_that_exits_the_program_is_named_too() -> None:
    message = fault(step=leaves)
    assert message == "Environment 1 (Wrong): step() raised SystemExit: 4."


class Late(Steady):
    """Sound for its first twenty steps, so that there is a checkpoint."""

    def step(self, action: int) -> Any:
        right = super().step(action)
        return self.late(*right) if self.lived > 20 else right

    def late(self, obs: Any, reward: Any, *rest: Any) -> Any:
        raise ValueError("a bug that shows late")


class LateReset(Steady):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        if self.lived >= 20:
            raise ValueError("a bug that shows late")
        return super().reset(seed=seed)


class LateShape(Late):
    def late(self, obs: Any, reward: Any, *rest: Any) -> Any:
        return obs[:1], reward, *rest


class LateReward(Late):
    def late(self, obs: Any, reward: Any, *rest: Any) -> Any:
        return obs, None, *rest


class LateNan(Late):
    def late(self, obs: Any, reward: Any, *rest: Any) -> Any:
        return obs, float("nan"), *rest


class LateOutside(Late):
    def late(self, obs: Any, reward: Any, *rest: Any) -> Any:
        return np.array([0.0, -3.0]), reward, *rest


SMALL: dict[str, Any] = {
    "algo": "ppo",
    "num_envs": 2,
    "num_steps": 8,
    "num_epochs": 1,
    "hidden_sizes": [4],
    "total_timesteps": 160,
    "checkpoint_every": 16,
    "eval_every": 160,
}
LATE: dict[str, tuple[Callable[[], gym.Env[Any, Any]], str, str]] = {
    name: (env, said)
    for name, env, said in (
        ("step", Late, r"Environment 0 \(Late\): step\(\) raised ValueError: a bug that shows"),
        ("reset", LateReset, r"Environment 0 \(LateReset\): reset\(\) raised ValueError: a bug"),
        ("shape", LateShape, r"Environment 0 \(LateShape\): step\(\) returned .* shape \(1,\)"),
        ("reward", LateReward, r"Environment 0 \(LateReward\): step\(\) .* the reward None"),
        ("nan", LateNan, r"reward became nan in iteration 3 in environment 0 at step 4"),
        ("outside", LateOutside, r"Environment 0 returned the observation \[0.0, -3.0\]"),
    )
}


@pytest.mark.parametrize(("env", "said"), LATE.values(), ids=LATE)
def test_a_fault_while_training_leaves_a_run_that_failed_and_can_go_on(
    tmp_path: Path,
    env: Callable[[], gym.Env[Any, Any]],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UprightError, match=said):
        upright.train(env, out=tmp_path, **SMALL)
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""
    (folder,) = (tmp_path / env.__name__).iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
    run = upright.load(folder, env=Steady)
    assert run.status == "failed"
    newest = next(checkpoint_folders(folder / "checkpoints"))
    assert newest.name == "000000032"
    run.checkpoint(newest)
    assert upright.resume(folder, env=Steady).info["timesteps"] == 160


def test_a_fault_at_once_leaves_a_run_that_failed_without_a_checkpoint(tmp_path: Path) -> None:
    class FirstReset(Steady):
        def reset(self, **options: Any) -> Any:
            raise ValueError("from the start")

    with pytest.raises(UprightError, match="from the start"):
        upright.train(FirstReset, out=tmp_path, **SMALL)
    (folder,) = (tmp_path / "FirstReset").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
    assert list((folder / "checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    "env",
    [
        Unmakeable,
        Spaceless,
        TextSpace,
        lambda: 3,
    ],
)
def test_what_can_never_train_leaves_nothing_on_the_disk(tmp_path: Path, env: Any) -> None:
    with pytest.raises(UprightError):
        upright.train(env, out=tmp_path / "runs", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_cannot_be_closed_does_not_spoil_the_run(tmp_path: Path) -> None:
    run = upright.train(Unclosable, out=tmp_path, **SMALL)
    assert run.status == "finished"


def test_a_fault_is_not_hidden_by_another_while_closing(tmp_path: Path) -> None:
    class LateAndUnclosable(Late):
        def close(self) -> None:
            if self.lived:
                raise RuntimeError("will not close")

    with pytest.raises(UprightError, match="a bug that shows late"):
        upright.train(LateAndUnclosable, out=tmp_path, **SMALL)


def test_an_observation_outside_its_space_is_named_with_its_bound() -> None:
    trainer = upright.Trainer(LateOutside, **SMALL)
    try:
        next(trainer)
        next(trainer)
        with pytest.raises(UprightError) as caught:
            next(trainer)
    finally:
        trainer.close()
    assert caught.value.message == (
        "Environment 0 returned the observation [0.0, -3.0], outside its space: element 1 should "
        "be between -1 and 1."
    )
    assert "--outside-space accept" in caught.value.hint


def test_a_final_observation_outside_its_space_is_named_too() -> None:
    class LastOutside(Steady):
        def step(self, action: int) -> Any:
            obs, reward, over, _, info = super().step(action)
            return (OBS + 5 if over else obs), reward, False, over, info

    trainer = upright.Trainer(LastOutside, **SMALL)
    try:
        with pytest.raises(UprightError, match=r"Environment 0 returned .* \[5.0, 5.0\], outside"):
            next(trainer)
    finally:
        trainer.close()


@pytest.mark.parametrize("how", ["stop", "auto"])
def test_an_environment_of_ones_own_is_stopped_outside_its_space_by_auto(
    tmp_path: Path, how: str
) -> None:
    with pytest.raises(UprightError, match="outside its space"):
        upright.train(LateOutside, out=tmp_path, outside_space=how, **SMALL)


def test_observations_outside_their_space_pass_where_that_is_accepted(tmp_path: Path) -> None:
    run = upright.train(LateOutside, out=tmp_path, outside_space="accept", **SMALL)
    assert run.status == "finished"


def test_rounding_at_a_bound_is_not_outside() -> None:
    class AtTheBound(Steady):
        def step(self, action: int) -> Any:
            _, *rest = super().step(action)
            return np.full(2, np.nextafter(np.float32(1.0), np.float32(2.0))), *rest

    trainer = upright.Trainer(AtTheBound, **SMALL)
    next(trainer)
    trainer.close()


def test_auto_accepts_the_outside_from_gymnasiums_own_environments_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from gymnasium.envs.classic_control import CartPoleEnv

    def far(self: CartPoleEnv, action: int) -> Any:
        return np.full(4, 50.0, np.float32), 1.0, True, False, {}

    monkeypatch.setattr(CartPoleEnv, "step", far)
    chosen = SMALL | {"backend": "sync", "preset": "default"}
    trainer = upright.Trainer("CartPole-v1", outside_space="auto", **chosen)
    next(trainer)
    trainer.close()
    # Every observation that comes after a step ends an episode; one that goes on shows itself.
    monkeypatch.setattr(CartPoleEnv, "step", lambda *_: (*far(*_)[:2], False, False, {}))
    for how, accepted in (("auto", True), ("accept", True), ("stop", False)):
        trainer = upright.Trainer("CartPole-v1", outside_space=how, **chosen)
        if accepted:
            next(trainer)
        else:
            with pytest.raises(UprightError, match="outside its space: element 0 should be betwe"):
                next(trainer)
        trainer.close()


def test_gymnasiums_own_environments_are_known_by_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gym.register("LunarLooking-v0", "envs.test_guard:Steady")
    monkeypatch.setattr(gym.envs.registration, "registry", gym.registry)
    try:
        assert is_gymnasiums_own("CartPole-v1")
        assert is_gymnasiums_own("LunarLander-v3")
        assert not is_gymnasiums_own("LunarLooking-v0")
        assert not is_gymnasiums_own(Steady)
        assert not is_gymnasiums_own("some_file.py:Steady")
    finally:
        del gym.registry["LunarLooking-v0"]


FILE = """
import multiprocessing, os, time
import gymnasium as gym
import numpy as np


class Env(gym.Env):
    def __init__(self):
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.now = 0
{made}

    def reset(self, *, seed=None, options=None):
        self.now = 0
        return np.zeros(2, np.float32), {{}}

    def step(self, action):
        self.now += 1
        if self.now == 4:
            {fault}
        return np.zeros(2, np.float32), 1.0, self.now == 5, False, {{}}


def nothing():
    return 3
"""
QUIET = "        pass"
HERE = ("--backend", "sync")
THERE = (*HERE, "--shards", "2", "--workers", "1")
TYPED: dict[str, tuple[str, str, str, tuple[str, ...], str]] = {
    "raises": ("raise ValueError('boom')", QUIET, "Env", HERE, "step() raised ValueError: boom."),
    "raises in a worker": (
        "raise ValueError('boom')",
        QUIET,
        "Env",
        THERE,
        "Environment 0 (Env): step() raised ValueError: boom.",
    ),
    "raises in two lines": (
        "raise ValueError('one\\ntwo')",
        QUIET,
        "Env",
        HERE,
        "Environment 0 (Env): step() raised ValueError: one",
    ),
    "shape": ("return 0.0, 1.0, False, False, {}", QUIET, "Env", HERE, "shape ()"),
    "old api": ("return np.zeros(2), 1.0, False, {}", QUIET, "Env", HERE, "returned 4 values"),
    "outside": (
        "return np.full(2, 7.0), 1.0, False, False, {}",
        QUIET,
        "Env",
        THERE,
        "outside its space",
    ),
    "dies": ("os._exit(3)", QUIET, "Env", THERE, "process ended with exit code 3."),
    "killed": ("os.kill(os.getpid(), 9)", QUIET, "Env", THERE, "process ended by signal 9."),
    "hangs": (
        "time.sleep(1000)",
        QUIET,
        "Env",
        (*THERE, "--env-timeout", "1"),
        "has not answered for 2 s.",
    ),
    "cannot be made": ("pass", "        raise OSError('no port')", "Env", HERE, "no port"),
    "cannot be made by a worker": (
        "pass",
        "        if multiprocessing.parent_process(): raise OSError('no port')",
        "Env",
        THERE,
        "no port",
    ),
    "makes nothing": (
        "pass",
        QUIET,
        "nothing",
        HERE,
        "made an object of type int, not a gymnasium.Env.",
    ),
}


WORDS = ("--algo", "ppo", "--num-envs", "2", "--num-steps", "8", "--total-timesteps", "64")


def assert_refused(code: int, out: str, err: str, said: str) -> None:
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    lines = err.splitlines()
    assert lines[0].startswith("Upright: training ")
    (error,) = (line for line in lines if line.startswith("error: "))
    assert said in error
    assert error.endswith(".")
    # Nothing comes after the error but its hint, and nothing before it but the announcements.
    assert [line[:6] for line in lines[lines.index(error) + 1 :]] == ["hint: "]
    before = lines[1 : lines.index(error)]
    assert all(line.startswith(("ppo (preset", "preset ", "device ")) for line in before), before


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.long] if each == "hangs" else []) for each in TYPED],
)
def test_a_fault_of_a_file_is_one_line_and_a_hint_on_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
) -> None:
    wrong, made, target, where, said = TYPED[name]
    file = f"{name.replace(' ', '_')}.py"
    (tmp_path / file).write_text(FILE.format(fault=wrong, made=made))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("upright.scale.processes.ProcessEngine.waits", (0.0,) * 3)
    words = ("train", f"{file}:{target}", *where, *WORDS)
    assert_refused(main(words), *capfd.readouterr(), said)
    assert multiprocessing.active_children() == []
    runs = list(tmp_path.glob("runs/*/*/run.json"))
    assert all(json.loads(run.read_text())["status"] == "failed" for run in runs)


@pytest.mark.long
def test_a_worker_that_fails_makes_no_noise_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "env.py").write_text(FILE.format(fault="raise ValueError('boom')", made=QUIET))
    done = subprocess.run(
        [sys.executable, "-m", "upright", "train", "env.py:Env", *THERE, *WORDS],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        timeout=120,
    )
    assert_refused(done.returncode, done.stdout, done.stderr, "Environment 0 (Env): step() raised")
