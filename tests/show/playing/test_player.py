"""Episodes for somebody to look at."""

import signal
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import upright
from probes.drawn import Drawn
from support import policy_for
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.show.playing import player as module
from upright.show.playing.player import Player


def drawing(picture: Any) -> Any:
    return lambda render_mode=None: Drawn(picture, render_mode)


def test_a_moment_has_the_picture_the_numbers_and_what_the_policy_thinks(run: Run) -> None:
    player = Player(run.env, run.policy, seed=3, label="the best")
    moments = list(player.play(episodes=2))
    player.close()
    assert {moment.episode for moment in moments} == {1, 2}
    for number in (1, 2):
        episode = [moment for moment in moments if moment.episode == number]
        assert [moment.step for moment in episode] == list(range(len(episode)))
        assert [moment.episode_return for moment in episode] == list(range(len(episode)))
        assert [moment.reward for moment in episode] == [0.0, *[1.0] * (len(episode) - 1)]
        assert all(moment.image.shape == (400, 600, 3) for moment in episode)
        *before, last = episode
        assert all(moment.action in (0, 1) and not moment.end for moment in before)
        assert last.action is None
        assert last.end in ("terminated", "truncated")
    assert {moment.label for moment in moments} == {"the best"}
    assert player.fps == 50
    assert player.max_episode_steps == 500


def test_the_probabilities_are_those_of_the_policy_and_the_action_is_the_likeliest(
    run: Run,
) -> None:
    for moment in Player(run.env, run.policy).play(1):
        params, values = run.policy.forward(moment.obs[None])
        expected = torch.softmax(torch.from_numpy(params), -1)[0].numpy()
        assert moment.probabilities == pytest.approx(expected, abs=1e-6)
        assert moment.value == pytest.approx(float(values[0]), rel=1e-6)
        assert moment.action is None or moment.action == expected.argmax()


def test_the_same_seed_plays_the_same_episodes_and_another_one_others(run: Run) -> None:
    def observations(seed: int, deterministic: bool = True) -> list[bytes]:
        player = Player(run.env, run.policy, seed=seed, deterministic=deterministic)
        return [moment.obs.tobytes() for moment in player.play(2, max_steps=20)]

    assert observations(5) == observations(5)
    assert observations(5, False) == observations(5, False)
    assert observations(5) != observations(6)
    assert observations(5) != observations(5, False)


def test_of_several_moments_one_is_drawn_and_the_last_of_each_episode(run: Run) -> None:
    def played(every: int) -> list[tuple[int, int, float, str]]:
        moments = Player(run.env, run.policy, seed=4).play(2, max_steps=50, every=every)
        return [(each.episode, each.step, each.episode_return, each.end) for each in moments]

    everything = played(1)
    last = {episode: step for episode, step, *_ in everything}
    assert played(7) == [
        each for each in everything if each[1] % 7 == 0 or each[1] == last[each[0]]
    ]


def test_without_a_policy_it_acts_at_random_and_thinks_nothing() -> None:
    first, second = ([*Player("CartPole-v1", None, seed=seed).play(3)] for seed in (1, 1))
    assert [moment.action for moment in first] == [moment.action for moment in second]
    assert {moment.action for moment in first} == {0, 1, None}
    assert {(moment.probabilities, moment.value) for moment in first} == {(None, None)}


def test_an_episode_can_be_left_early() -> None:
    moments = [*Player(drawing(None), None).play(2, max_steps=3)]
    assert [moment.step for moment in moments] == [0, 1, 2, 3] * 2
    assert [moment.action is None for moment in moments] == [False, False, False, True] * 2
    assert not any(moment.end for moment in moments)


def test_a_space_that_does_not_start_at_zero_is_played_in_its_own_numbers() -> None:
    actions = {moment.action for moment in Player(drawing(None), None).play(20)}
    assert actions == {4, 5, 6, None}


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((6, 8), np.uint8), "drew uint8 of shape [6, 8]"),
        (np.zeros((6, 8, 3), np.float32), "drew float32 of shape [6, 8, 3]"),
        (np.zeros((0, 8, 3), np.uint8), "drew uint8 of shape [0, 8, 3]"),
        ("text", "drew <U4 of shape []"),
        ({}, "drew object of shape []"),
        (RuntimeError("no GL here"), "could not be drawn: RuntimeError: no GL here"),
    ],
)
def test_what_is_no_picture_is_said(picture: Any, said: str) -> None:
    with pytest.raises(UprightError) as caught:
        list(Player(drawing(picture), None).play(1))
    assert said in caught.value.message
    assert caught.value.hint


def test_no_picture_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drawn, "render", lambda self: None)
    with pytest.raises(UprightError, match="drew None"):
        list(Player(drawing("nothing"), None).play(1))


def test_an_environment_that_cannot_draw_says_so_and_what_can_be_done(easy: str) -> None:
    with pytest.raises(UprightError, match="cannot draw itself off screen") as caught:
        Player(easy, None)
    assert "rgb_array" in caught.value.hint


@pytest.mark.parametrize("where", ["reset", "step"])
def test_an_environment_that_fails_is_named(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, *words: Any, **options: Any) -> Any:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(Drawn, where, broken)
    with pytest.raises(UprightError) as caught:
        list(Player(drawing(None), None).play(1))
    assert f"failed in {where}: ZeroDivisionError: by nought" in caught.value.message


def test_a_policy_for_other_spaces_is_refused(run: Run) -> None:
    with pytest.raises(UprightError, match="The policy is for Box"):
        Player("Acrobot-v1", run.policy)


def test_an_odd_frame_rate_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in (None, 0, -5, "fast", 1e9, float("nan")):
        monkeypatch.setitem(Drawn.metadata, "render_fps", odd)
        assert Player(drawing(None), None).fps == module.DEFAULT_FPS


def test_what_draws_leaves_sigterm_to_the_process() -> None:
    code = (
        "import os, signal, time\n"
        "from upright.show.playing.player import Player\n"
        "next(Player('CartPole-v1', None).play(1))\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -signal.SIGTERM


def test_nothing_is_drawn_on_a_screen_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    assert not module.has_display()
    module.prepare_drawing()
    assert module.os.environ["SDL_VIDEODRIVER"] == "dummy"
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":7")
    assert module.has_display()
    module.prepare_drawing()
    assert module.os.environ["SDL_VIDEODRIVER"] == "x11"


def test_the_returns_of_episodes_that_ended_are_kept() -> None:
    player = Player("CartPole-v1", None)
    moments = [moment for moment in player.play(2) if moment.end]
    assert player.returns == [moment.episode_return for moment in moments]
    list(player.play(1, max_steps=3))
    assert len(player.returns) == 2
    player.close()


@pytest.mark.parametrize("mask", ["auto", "off"])
def test_a_policy_that_plays_obeys_masks_as_it_was_trained_and_shows_0_for_what_they_forbid(
    mask: str,
) -> None:
    trainer = upright.Trainer("Taxi-v4", preset="default", mask=mask, num_envs=1)
    player = Player("Taxi-v4", trainer.policy, deterministic=False)
    shown = [moment.probabilities for moment in player.play(1, max_steps=20)]
    player.close()
    trainer.close()
    assert any(share == 0.0 for shares in shown if shares for share in shares) == (mask == "auto")


def test_values_are_in_the_environments_units_where_one_number_says_them() -> None:
    same, scaled = (policy_for("ppo", reward_scale=scale) for scale in (1.0, 0.25))
    normal = policy_for("ppo", reward_scale=0.25, normalize_rewards=True)
    first = []
    for policy in (same, scaled, normal):
        player = Player("CartPole-v1", policy)
        first.append(next(player.play(1)).value)
        player.close()
    assert first[0]
    assert first == [first[0], 4.0 * first[0], first[0]]


def test_random_play_takes_what_is_allowed() -> None:
    player = Player("Taxi-v4", None)
    moments = list(player.play(1, max_steps=60))
    taxi = gym.make("Taxi-v4").unwrapped
    for moment in moments[:-1]:
        assert taxi.action_mask(moment.obs)[moment.action] == 1  # type: ignore[attr-defined]
    player.close()
