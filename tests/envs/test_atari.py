"""Games of Atari, and observations shown together: alike everywhere, and played again exactly."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.masked import Forbidding, ForbiddingTwo
from probes.spaces import GuessAll, GuessBand, GuessBits, GuessPoint, Wandering
from support import same_weights
from upright.envs import EnvSource, fastest_backend, make_env, make_envs, register_atari
from upright.envs.composition import Composed
from upright.ground.errors import UprightError
from upright.judging.judge import usual_episodes
from upright.policy.catalogue import find_environments

PONG = "ALE/Pong-v5"
needs_atari = pytest.mark.skipif(
    find_spec("ale_py") is None or find_spec("cv2") is None, reason="needs the extra atari"
)


def played(env: gym.Env[Any, Any], seed: int, steps: int = 60) -> list[Any]:
    """What an episode shows and pays, from a seed, under the same actions."""
    obs, _ = env.reset(seed=seed)
    seen = [obs]
    for step in range(steps):
        obs, reward, *ended, _ = env.step(step * 7 % 6)
        seen += [obs, reward, ended]
    return seen


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@needs_atari
def test_a_game_is_shown_small_and_grey_four_frames_at_a_time() -> None:
    env = make_env(PONG)
    assert env.observation_space == gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    first, *_ = played(env, 1, 0)
    assert (first[0] == first[3]).all()
    env.close()
    for composed, shape in (
        (Composed(PONG, frame_stack=1), (84, 84)),
        (Composed(PONG, {"frameskip": 2}, frame_stack=2), (2, 84, 84)),
        (Composed(PONG, {"obs_type": "ram"}), (128,)),
    ):
        made = make_env(composed)
        assert made.observation_space.shape == shape
        made.close()


@needs_atari
def test_an_episode_repeats_in_the_same_game_and_in_a_new_one() -> None:
    env, other = make_env(PONG), make_env(PONG)
    episode = played(env, 1)
    assert not same(played(env, 2), episode)
    assert same(played(env, 1), episode)
    assert same(played(other, 1), episode)
    env.close()
    other.close()


SMALL: dict[str, Any] = {
    "preset": "default",
    "num_envs": 2,
    "num_steps": 8,
    "num_epochs": 1,
    "minibatch_size": 8,
    "hidden_sizes": [8],
    "eval_episodes": 2,
    "eval_every": 10**9,
    "until": "budget",
    "media": False,
}


@needs_atari
@pytest.mark.long
@pytest.mark.parametrize("where", [{}, {"shards": 2, "workers": 1}], ids=["here", "a worker"])
def test_a_run_on_a_game_that_was_stopped_is_the_one_that_was_not(
    tmp_path: Path, where: dict[str, Any]
) -> None:
    short = "gymnasium.wrappers:TimeLimit(max_episode_steps=30)"
    settings = SMALL | where | {"wrapper": [short]}
    whole = upright.train(PONG, "ppo", out=tmp_path / "a", total_timesteps=96, **settings)
    cut = upright.train(PONG, "ppo", out=tmp_path / "b", total_timesteps=48, **settings)
    resumed = upright.resume(cut.path, total_timesteps=96)
    assert same_weights(resumed.policy_at("last").weights, whole.policy_at("last").weights)
    assert upright.verify(resumed).holds


def test_newest_observations_are_shown_together() -> None:
    one, three = make_env("CartPole-v1"), make_env(Composed("CartPole-v1", frame_stack=3))
    (first, _), (stacked, _) = one.reset(seed=3), three.reset(seed=3)
    np.testing.assert_array_equal(stacked, [first] * 3)
    second, third = one.step(0)[0], one.step(1)[0]
    three.step(0)
    np.testing.assert_array_equal(three.step(1)[0], [first, second, third])


@pytest.mark.parametrize(
    ("env", "shape"),
    [
        ("FrozenLake-v1", (2,)),
        ("Blackjack-v1", (6,)),
        (GuessBits, (2, 2)),
        (GuessPoint, (14,)),
        (GuessAll, (6,)),
        (GuessBand, (2, 8, 9, 3)),
        (Wandering, (2 * 4 + 2 * 8 * 9 * 3,)),
    ],
)
def test_observations_of_every_kind_are_stacked_judged_resumed_and_verified(
    tmp_path: Path, env: EnvSource, shape: tuple[int, ...]
) -> None:
    settings = SMALL | {"frame_stack": 2, "eval_every": 0}
    run = upright.train(env, "ppo", out=tmp_path, total_timesteps=32, **settings)
    assert run.policy.observations.shape == shape
    run = upright.resume(run.path, env, total_timesteps=64)
    assert upright.verify(upright.load(run.path, env)).holds


def test_evaluations_stack_as_training_does_in_another_environment_too(tmp_path: Path) -> None:
    around = {
        "wrapper": ["gymnasium.wrappers:TimeLimit(max_episode_steps=9)"],
        "frame_stack": 3,
        "eval_env": "CartPole-v1",
        "eval_env_kwargs": {"sutton_barto_reward": True},
    }
    settings = SMALL | around
    run = upright.train("CartPole-v1", "ppo", out=tmp_path, total_timesteps=32, **settings)
    assert run.policy.observation_space.shape == (3, 4)
    assert upright.load(run.path).evaluate(episodes=2).lengths == (9, 9)
    line = (run.path / "command.txt").read_text()
    assert "--frame-stack 3" in line
    assert "frame_stack = 3" in (run.path / "settings.toml").read_text()


@pytest.mark.parametrize("env", [Forbidding, ForbiddingTwo])
def test_what_a_mask_forbids_is_not_done_where_observations_are_stacked(
    env: type[Forbidding],
) -> None:
    taken = len(env.taken_forbidden)
    settings = {"num_envs": 2, "num_steps": 32, "frame_stack": 2}
    trainer = upright.Trainer(env, "ppo", preset="default", **settings)
    next(trainer)
    trainer.close()
    assert trainer.mask_size is not None
    assert len(env.taken_forbidden) == taken


def test_an_evaluation_of_a_game_has_ten_episodes_and_others_a_hundred() -> None:
    assert usual_episodes(PONG) == usual_episodes(Composed(PONG, frame_stack=1)) == 10
    assert usual_episodes("CartPole-v1") == 100


def test_an_environments_own_vector_form_is_not_stacked() -> None:
    stacked = Composed("CartPole-v1", frame_stack=3)
    assert fastest_backend(stacked) == "sync"
    with pytest.raises(UprightError, match="with frame_stack has no vector form"):
        make_envs(stacked, 2, 0, "vector")


@needs_atari
def test_a_hundred_games_are_one_line_and_one_game_is_one() -> None:
    games = next(find_environments())
    assert re.fullmatch(r"ALE/\.\.\. \(1\d\d games\)", games.id)
    assert (games.trainable, games.observation_space) == ("yes", "?")
    assert list(find_environments("noframeskip")) == []
    (pong,) = find_environments("pong")
    assert (pong.id, pong.observation_space, pong.action_space) == (
        PONG,
        "Box(4, 84, 84)",
        "Discrete(6)",
    )


@needs_atari
def test_named_by_its_module_it_is_the_same_game() -> None:
    named = f"ale_py:{PONG}"
    env = make_env(named)
    assert env.observation_space.shape == (4, 84, 84)
    env.close()
    assert usual_episodes(named) == usual_episodes(PONG) == 10


@needs_atari
@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("older", ["PongNoFrameskip-v4", "Pong-v4", "Pong-ram-v0", "Pong-v5"])
def test_an_older_id_of_a_game_is_answered_with_the_one_that_it_has_now(
    older: str, registered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if registered:
        register_atari()
    else:
        monkeypatch.delitem(gym.registry, older, raising=False)
    with pytest.raises(UprightError, match=f"There is no environment '{older}'") as caught:
        make_env(older)
    assert caught.value.hint == "This game of Atari's is ALE/Pong-v5."


def test_without_opencv_and_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, said in (("cv2", "OpenCV"), ("ale_py", "ale_py")):
        if find_spec("ale_py") is None and module == "cv2":
            continue
        with monkeypatch.context() as without:
            without.setitem(sys.modules, module, None)
            with pytest.raises(UprightError, match=f"Cannot make {PONG}: {said} is not") as caught:
                make_env(PONG)
            assert "upright[atari]" in caught.value.hint
            if module == "ale_py":
                listed = {(each.trainable, each.action_space) for each in find_environments(PONG)}
                assert listed == {("needs atari", "?")}


@needs_atari
@pytest.mark.parametrize(("arguments", "fps"), [({}, 15), ({"frameskip": 2}, 30)])
def test_it_is_shown_as_fast_as_it_is_played(arguments: dict[str, Any], fps: float) -> None:
    env = make_env(Composed(PONG, arguments))
    assert env.metadata["render_fps"] == fps
    env.close()
