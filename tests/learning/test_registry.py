"""Gymnasium's own registry: whatever of it can be made is trained, all else is refused aloud."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from upright.envs import make_env
from upright.ground.errors import UprightError
from upright.policy.catalogue import find_environments

EXTRAS = {"atari": "ale_py", "box2d": "Box2D", "mujoco": "mujoco"}
INSTALLED = {extra for extra, module in EXTRAS.items() if find_spec(module)}
# Seconds each: observations that are wide, or a world that is slow to build.
SLOW = re.compile(r"Humanoid|CarRacing|Hardcore|Ant-v4")
# Gymnasium says so of old versions, and Python of the module of Box2D.
OLD = (
    pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:builtin type .* has no __module__:DeprecationWarning"),
)
SMALL: dict[str, Any] = {
    "algo": "ppo",
    "preset": "default",
    "num_envs": 2,
    "num_steps": 8,
    "num_epochs": 1,
    "minibatch_size": 8,
    "hidden_sizes": (8,),
    "media": False,
    "until": "budget",
}
ONE, TWO = 16, 32  # timesteps of so many iterations
# Steps of an episode, so that evaluations are short and end where no limit is registered.
LIMIT = 20


def refusal_of(spec: gym.envs.registration.EnvSpec) -> str:
    """What is said of an environment that cannot be made here, or nothing of one that can."""
    if not isinstance(spec.entry_point, str):  # a function that raises
        return "shimmy" if spec.id.startswith("GymV") else "moved to the gymnasium-robotics"
    kind = spec.entry_point.removeprefix("gymnasium.envs.").partition(".")[0]
    if kind in EXTRAS and kind not in INSTALLED:
        return f"{EXTRAS[kind]} is not installed. `pip install 'upright[{kind}]'` adds it."
    if spec.id == "Pusher-v4":
        return "only supported on `mujoco<3`"
    missing = next((name for name in ("jax", "flax") if not find_spec(name)), "")
    if kind in ("phys2d", "tabular") and missing:
        return f"No module named '{missing}'"
    return ""


def is_gymnasiums(spec: gym.envs.registration.EnvSpec) -> bool:
    place = spec.entry_point
    module = place if isinstance(place, str) else getattr(place, "__module__", "")
    return module.startswith("gymnasium.")


OWN = [spec for _, spec in sorted(gym.registry.items()) if is_gymnasiums(spec)]
REFUSED = {spec.id: refusal_of(spec) for spec in OWN if refusal_of(spec)}
TRAINED = [spec.id for spec in OWN if spec.id not in REFUSED]
OFTEN = [name for name in TRAINED if not SLOW.search(name)]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MuJoCo writes a log into the folder of the moment."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(name, marks=OLD if name in OFTEN else (*OLD, pytest.mark.long))
        for name in TRAINED
    ],
)
def test_what_is_registered_is_trained_evaluated_resumed_and_reloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: str
) -> None:
    monkeypatch.setattr(gym.registry[env], "max_episode_steps", LIMIT)
    monkeypatch.setattr("upright.judging.judge.NUM_EPISODES", 2)
    whole = upright.train(env, out=tmp_path / "whole", total_timesteps=TWO, **SMALL)
    assert len(whole.metrics()) >= 2
    assert whole.metrics()[-1]["time/total_timesteps"] >= TWO
    cut = upright.train(env, out=tmp_path / "cut", total_timesteps=ONE, **SMALL)
    upright.resume(cut.path, total_timesteps=TWO)
    again = upright.load(cut.path)
    for name, array in whole.policy_at("last").weights.items():
        found = again.policy_at("last").weights[name]
        np.testing.assert_array_equal(array, found, err_msg=name)
    assert np.isfinite(again.evaluate(episodes=2).returns).all()


@pytest.mark.parametrize("env", [pytest.param(name, marks=OLD) for name in REFUSED])
def test_what_is_registered_but_cannot_be_made_is_refused_in_a_sentence_with_a_hint(
    tmp_path: Path, env: str
) -> None:
    with pytest.raises(UprightError) as caught:
        upright.train(env, out=tmp_path / "runs", total_timesteps=TWO, **SMALL)
    assert REFUSED[env] in str(caught.value)
    assert caught.value.message.startswith(f"Cannot make {env}: ")
    assert caught.value.hint or "pip install" in caught.value.message
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_at_least_thirty_are_trained_and_every_other_one_is_refused() -> None:
    assert {spec.id for spec in OWN} == {*TRAINED, *REFUSED}
    assert len(OWN) == len(TRAINED) + len(REFUSED)
    if set(EXTRAS) != INSTALLED:
        pytest.skip("the extras atari, box2d and mujoco are not installed")
    assert len(OFTEN) >= 30  # without those of the long form


@pytest.mark.parametrize(
    ("env", "extra"),
    [
        ("LunarLander-v3", "box2d"),
        ("CarRacing-v3", "box2d"),
        ("Ant-v5", "mujoco"),
    ],
)
def test_a_missing_extra_is_named_as_uprights_own(
    monkeypatch: pytest.MonkeyPatch, env: str, extra: str
) -> None:
    hide(monkeypatch, extra)
    with pytest.raises(UprightError) as caught:
        make_env(env)
    assert caught.value.message == f"Cannot make {env}: {EXTRAS[extra]} is not installed."
    assert caught.value.hint == f"`pip install 'upright[{extra}]'` adds it."
    (listed,) = [each for each in find_environments(env) if each.id == env]
    assert (listed.trainable, listed.observation_space) == (f"needs {extra}", "?")


@pytest.mark.skipif(set(EXTRAS) != INSTALLED, reason="needs the extras atari, box2d and mujoco")
@pytest.mark.filterwarnings("ignore:builtin type .* has no __module__:DeprecationWarning")
def test_what_an_extra_brings_is_listed_as_trainable() -> None:
    names = ("LunarLander-v3", "InvertedPendulum-v5", "ALE/Pong-v5")
    assert [each.trainable for name in names for each in find_environments(name)] == ["yes"] * 3


def hide(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    """As it is where the extra is not installed."""
    for name in list(sys.modules):
        if name.startswith(f"gymnasium.envs.{extra}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"gymnasium.envs.{extra}", raising=False)
    monkeypatch.setitem(sys.modules, EXTRAS[extra], None)
