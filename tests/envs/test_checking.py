"""Each check of an environment, provoked by a tiny one; a healthy one is fine in every respect."""

import random
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from probes.masked import Forbidding, ForbiddingTwo
from upright.envs.checking import LOOKS, Check, check
from upright.envs.composition import Composed
from upright.envs.conformance import IN_OUR_WORDS, gymnasiums_answer
from upright.envs.random_play import play_at_random
from upright.ground.errors import UprightError

STEPS = 500
Row = np.ndarray
Five = tuple[Any, Any, Any, Any, dict[str, Any]]


class Healthy(gym.Env[Row, Any]):
    """Up to 20 steps; action 1 earns 1, and either may end it."""

    observation_space: spaces.Space[Any] = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space: spaces.Space[Any] = spaces.Discrete(2)

    def __init__(self) -> None:
        self.now = 0

    def observe(self) -> Any:
        return self.np_random.uniform(-1.0, 1.0, 2).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.now = 0
        return self.observe(), {}

    def reward(self, action: Any) -> Any:
        return float(action)

    def over(self) -> bool:
        return bool(self.np_random.random() < 0.1) or self.now >= 20

    def step(self, action: Any) -> Five:
        self.now += 1
        return self.observe(), self.reward(action), self.over(), False, {}


class EveryDay(Healthy):
    def observe(self) -> Any:
        return np.array([random.random(), 0.0], np.float32)


class Unseeded(Healthy):
    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.now = 0
        return self.observe(), {}


class NoOptions(Healthy):
    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:  # type: ignore[override]
        return super().reset(seed=seed)


class OwnSeed(Healthy):
    def reset(self, *, seed: int | None = 3, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return super().reset(seed=seed)


class Remembering(Healthy):
    """Its first episode differs from all later ones."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.episodes += 1
        return super().reset(seed=seed)

    def reward(self, action: Any) -> Any:
        return float(action) + float(self.episodes == 1)


class Fading(gym.Wrapper[Row, Any, Row, Any]):
    """A wrapper of the user's own: observations get smaller with every episode."""

    def __init__(self, env: gym.Env[Row, Any]) -> None:
        super().__init__(env)
        self.scale = 1.0

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.scale *= 0.99
        obs, info = super().reset(**options)
        return obs * np.float32(self.scale), info

    def step(self, action: Any) -> Five:
        obs, *rest = super().step(action)
        return obs * np.float32(self.scale), *rest  # type: ignore[return-value]


class LateMemory(Healthy):
    """Its episodes are all the same until the tenth."""

    def __init__(self) -> None:
        super().__init__()
        self.episodes = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        self.episodes += 1
        return super().reset(seed=seed)

    def reward(self, action: Any) -> Any:
        return float(action) + float(self.episodes >= 10)


class Forbids(Healthy):
    """Allows one action of two, and none after five steps."""

    def action_masks(self) -> Any:
        return np.array([self.now < 5, False])

    def over(self) -> bool:
        return self.now >= 9


class Sharing(Healthy):
    def __init__(self) -> None:
        super().__init__()
        self.kept = np.zeros(2, np.float32)

    def observe(self) -> Any:
        self.kept[:] = self.np_random.uniform(-1.0, 1.0, 2)
        return self.kept


class LateChance(Healthy):
    """Draws what no seed rules, from its fiftieth step on."""

    def observe(self) -> Any:
        return super().observe() * np.float32(1.0 if self.now < 50 else random.random())

    def over(self) -> bool:
        return self.now >= 60


class Pair(Healthy):
    """The second of its two parts is far larger than the first."""

    observation_space = spaces.Dict(
        {"one": spaces.Discrete(3), "two": spaces.Box(-500.0, 500.0, (1,), np.float32)}
    )

    def observe(self) -> Any:
        return {
            "one": self.np_random.integers(3),
            "two": self.np_random.uniform(-500.0, 500.0, 1).astype(np.float32),
        }


class Reading(Healthy):
    observation_space = spaces.Text(5)

    def observe(self) -> Any:
        return "abc"


class Library(Healthy):
    observation_space = spaces.Discrete(5000)

    def observe(self) -> Any:
        return self.np_random.integers(5000)


class Keyboard(Healthy):
    action_space = spaces.Discrete(1001)


class Unbounded(Healthy):
    action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)

    def reward(self, action: Any) -> Any:
        return float(action[0])


class OtherShape(Healthy):
    def observe(self) -> Any:
        return np.zeros(3, np.float32)


class Raising(Healthy):
    def reward(self, action: Any) -> Any:
        raise ZeroDivisionError("by 0")


class OldStep(Healthy):
    def step(self, action: Any) -> Any:
        return super().step(action)[:4]


class Doubles(Healthy):
    def observe(self) -> Any:
        return self.np_random.uniform(-1.0, 1.0, 2)


class NotANumber(Healthy):
    def observe(self) -> Any:
        return np.array([np.nan if self.now == 3 else 0.5, 0.1 * self.now], np.float32)


class Outside(Healthy):
    def observe(self) -> Any:
        return np.array([0.5, 0.2 * self.now], np.float32)


class Metres(Healthy):
    """One number in millimetres, without bounds."""

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def observe(self) -> Any:
        return super().observe() * np.array([1.0, 4000.0], np.float32)


class Tiny(Healthy):
    def observe(self) -> Any:
        return super().observe() * np.array([1.0, 0.01], np.float32)


class Endless(Healthy):
    def over(self) -> bool:
        return False


class Lasting(Healthy):
    """Ends after more than a thousand steps."""

    def over(self) -> bool:
        return self.now >= 1200


class Clocked(Healthy):
    """A time limit of 10 steps that says it is the end of the task."""

    def over(self) -> bool:
        return self.now >= 10


class InfiniteReward(Healthy):
    def reward(self, action: Any) -> Any:
        return float("inf") if self.now == 2 else 1.0


class Rich(Healthy):
    def reward(self, action: Any) -> Any:
        return 100.0 * float(action)


class Poor(Healthy):
    def reward(self, action: Any) -> Any:
        return 0.0


class PoorForEver(Endless):
    def reward(self, action: Any) -> Any:
        return 0.5


class EqualBounds(Healthy):
    observation_space = spaces.Box(
        np.array([-1.0, 0.0], np.float32), np.array([1.0, 0.0], np.float32)
    )

    def observe(self) -> Any:
        return super().observe() * np.array([1.0, 0.0], np.float32)


def faded() -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(Fading(gym.wrappers.ClipReward(Healthy(), 0.0)), 50)


def limited() -> gym.Env[Any, Any]:
    return gym.wrappers.TimeLimit(Endless(), 50)


# A probe, the check that it provokes, what that says, and a piece of its sentence.
PROVOKED: dict[str, tuple[Callable[[], gym.Env[Any, Any]], str, str, str]] = {
    "a generator that reset does not seed": (
        Unseeded,
        "gymnasium",
        "wrong",
        "does not seed the environment's random numbers",
    ),
    "no options": (NoOptions, "gymnasium", "wrong", "does not take what Gymnasium hands it"),
    "a seed by default": (OwnSeed, "gymnasium", "hurts", "a seed of its own as the default"),
    "one array for all": (Sharing, "gymnasium", "hurts", "return the same object"),
    "equal bounds": (EqualBounds, "gymnasium", "hurts", "two bounds are equal"),
    "a space of another kind": (Reading, "spaces", "wrong", "Text"),
    "many observations": (Library, "spaces", "hurts", "Observations are one of 5,000 values"),
    "many actions": (Keyboard, "spaces", "hurts", "Actions are one of 1,001 values"),
    "actions without bounds": (
        Unbounded,
        "spaces",
        "hurts",
        "Actions are not bounded",
    ),
    "another shape": (OtherShape, "steps", "wrong", "shape (3,)"),
    "a step that raises": (Raising, "steps", "wrong", "ZeroDivisionError: by 0"),
    "four values": (OldStep, "steps", "wrong", "returned 4 values"),
    "another type": (Doubles, "steps", "hurts", "are float64 where their space says float32"),
    "no number": (NotANumber, "observations", "wrong", "not finite (NaN or infinite)"),
    "out of bounds": (Outside, "observations", "wrong", "obs[1] was 1.2, its space says -1 to 1"),
    "large numbers": (Metres, "observation-scale", "hurts", "so large that others hardly count"),
    "small numbers": (Tiny, "observation-scale", "hurts", "obs[1] moves only between -0.0"),
    "chance of its own": (EveryDay, "same-seed", "wrong", "another episode the second time"),
    "chance that comes late": (LateChance, "same-seed", "wrong", "another episode the second"),
    "a large part": (Pair, "observation-scale", "hurts", "number 1 is about"),
    "a memory": (Remembering, "replay", "hurts", "The environment Remembering remembers"),
    "a memory that shows late": (LateMemory, "replay", "hurts", "rewards after other episodes"),
    "a wrapper's memory": (faded, "replay", "hurts", "The wrapper Fading remembers something"),
    "a mask of zeros": (Forbids, "action-masks", "wrong", "its action mask forbids everything"),
    "no end": (Endless, "episode-length", "hurts", "none ended in 500 steps"),
    "a late end": (Lasting, "episode-length", "hurts", "one went on for 1,200"),
    "a limit for an end": (Clocked, "endings", "hurts", "terminated after exactly 10 steps"),
    "an infinite reward": (InfiniteReward, "rewards", "wrong", "The reward of step 2 is inf"),
    "large rewards": (Rich, "reward-scale", "hurts", "a critic begins near 0"),
    "equal returns": (Poor, "reward-signal", "hurts", "random episodes earned the same, 0"),
    "equal rewards": (PoorForEver, "reward-signal", "hurts", "random steps earned the same, 0.5"),
}


def found_in(env: Any, steps: int = STEPS) -> dict[str, Check]:
    return {each.name: each for each in check(env, 0, steps)}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_check_is_provoked_and_says_what_to_do(name: str) -> None:
    env, which, outcome, words = PROVOKED[name]
    answer = found_in(env, 3 * STEPS if env is Lasting else STEPS)[which]
    assert answer.outcome == outcome
    assert words in answer.sentence
    for text in (answer.sentence, answer.hint):
        assert text.endswith(".")
        assert "\n" not in text


@pytest.mark.parametrize("seed", [0, 1, 2**62])
@pytest.mark.parametrize("env", ["CartPole-v1", Healthy])
def test_a_healthy_environment_is_fine_in_every_respect(env: Any, seed: int) -> None:
    found = check(env, seed, 2000)
    assert [each.name for each in found] == [each for each in LOOKS if each != "action-masks"]
    assert [each for each in found if each.outcome != "fine" or each.hint] == []


def test_every_check_but_that_of_speed_is_provoked() -> None:
    assert {which for _, which, _, _ in PROVOKED.values()} == LOOKS.keys() - {"speed"}


@pytest.mark.parametrize(
    ("seconds", "outcome", "words"),
    [
        (1e-5, "fine", "would hardly help"),
        (2e-3, "fine", "--workers 2"),
        (2e-2, "hurts", "5.6 hours"),
    ],
)
def test_how_long_a_step_takes_says_what_should_run_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float, outcome: str, words: str
) -> None:
    from upright.envs import random_play

    def slow(*args: Any) -> random_play.Played:
        played = play_at_random(*args)
        played.seconds = [seconds] * played.steps
        return played

    monkeypatch.setattr("upright.envs.subject.play_at_random", slow)
    answer = found_in(Healthy)["speed"]
    assert answer.outcome == outcome
    assert words in answer.sentence + answer.hint


def test_gymnasiums_own_environments_are_right() -> None:
    for env in ("MountainCar-v0", "Pendulum-v1", "FrozenLake-v1", "Taxi-v4", "Blackjack-v1"):
        assert "wrong" not in {each.outcome for each in check(env, 0, STEPS)}


def test_pendulum_wants_a_scale_of_values_and_mountain_car_a_signal() -> None:
    pendulum, car = found_in("Pendulum-v1", 2000), found_in("MountainCar-v0", 2000)
    assert pendulum["reward-scale"].hint.startswith("Train with --value-scale 400")
    assert car["reward-signal"].outcome == car["observation-scale"].outcome == "hurts"
    assert pendulum["reward-signal"].outcome == pendulum["observation-scale"].outcome == "fine"


@pytest.mark.parametrize(
    ("wrapper", "what", "instead"),
    [
        ("NormalizeObservation", "observations", "--normalize-obs"),
        ("NormalizeReward", "rewards", "--normalize-rewards"),
    ],
)
def test_a_wrapper_of_gymnasiums_that_remembers_is_found_and_has_its_substitute(
    wrapper: str, what: str, instead: str
) -> None:
    around = (f"gymnasium.wrappers:{wrapper}", "gymnasium.wrappers:ClipReward(min_reward=-9)")
    found = found_in(Composed("CartPole-v1", wrappers=around))
    assert found["same-seed"].outcome == "fine"
    assert f"The wrapper {wrapper} remembers" in found["replay"].sentence
    assert f"other {what} after other episodes" in found["replay"].sentence
    assert instead in found["replay"].hint


def test_a_wrapper_around_what_cannot_be_read_is_not_accused() -> None:
    class Read(gym.ObservationWrapper[Row, Any, str]):
        def __init__(self) -> None:
            super().__init__(Reading())
            self.observation_space, self.resets = spaces.Box(0.0, 9.0, (1,), np.float32), 0

        def observation(self, observation: str) -> Row:
            return np.array([len(observation) * (self.resets > 1)], np.float32)

        def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
            self.resets += 1
            return super().reset(**options)

    replay = found_in(Read)["replay"]
    assert "The environment, or a wrapper around it, remembers" in replay.sentence


def test_chance_of_its_own_is_not_called_a_memory() -> None:
    assert "replay" not in found_in(EveryDay)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (Forbidding, 'from info["action_mask"], are right in all 500 random steps: they allow 67%'),
        (ForbiddingTwo, "from action_masks(), are right in all 500 random steps: they allow 67% of "
         "the actions' values, 60% where it is least"),
    ],
)  # fmt: skip
def test_masks_say_where_they_come_from_and_what_they_allow(env: Any, words: str) -> None:
    answer = found_in(env)["action-masks"]
    assert answer.outcome == "fine"
    assert words in answer.sentence


class Camera(gym.ObservationWrapper[Any, Any, Any]):
    """A number out of 500, and a picture beside it."""

    observation_space = gym.spaces.Dict(
        at=gym.spaces.Discrete(500), camera=gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    )

    def observation(self, observation: Any) -> Any:
        return {"at": int(observation), "camera": np.zeros((8, 8, 3), np.uint8)}


def test_a_picture_beside_a_number_is_told_of() -> None:
    answer = found_in(lambda: Camera(gym.make("Taxi-v4")))["spaces"]
    assert answer.outcome == "fine"
    assert "1 number and 1 picture of 8x8x3 pixels" in answer.sentence


def test_what_cannot_be_played_is_told_once() -> None:
    assert [each.name for each in check(Reading, 0, STEPS)] == ["gymnasium", "spaces"]
    assert [each.name for each in check(Forbids, 0, STEPS)][-1] == "action-masks"
    assert [each.name for each in check(OtherShape, 0, STEPS)] == ["gymnasium", "spaces", "steps"]


def test_a_time_limit_around_it_is_seen() -> None:
    found = found_in(limited)
    assert found["episode-length"].sentence.startswith("A time limit cuts episodes off after 50")
    assert "10 were truncated (cut off)" in found["endings"].sentence


class OutsideInADict(Healthy):
    observation_space = spaces.Dict({"a": spaces.Box(-1.0, 1.0, (2,)), "b": spaces.Discrete(3)})

    def observe(self) -> Any:
        return {"a": np.array([0.0, 1.2], np.float32), "b": 1}


class NoNumber(Healthy):
    def reward(self, action: Any) -> Any:
        return float("nan")


def test_what_is_outside_in_a_part_is_seen() -> None:
    found = found_in(OutsideInADict)["observations"]
    assert (found.outcome, "was 1.2, its space says -1 to 1" in found.sentence) == ("wrong", True)


def test_what_is_no_number_says_nothing_of_seeds() -> None:
    found = found_in(NoNumber)
    assert found["rewards"].outcome == "wrong"
    assert "same seed" not in found["gymnasium"].sentence


def test_the_same_seed_says_the_same_but_for_the_time() -> None:
    one, other = (found_in("CartPole-v1") for _ in range(2))
    del one["speed"], other["speed"]
    assert one == other


def test_an_environment_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(UprightError, match="CartPol-v1"):
        check("CartPol-v1", 0, STEPS)


def test_one_that_can_be_made_only_once_is_wrong() -> None:
    made: list[gym.Env[Any, Any]] = []

    def only_once() -> gym.Env[Any, Any]:
        if made:
            raise RuntimeError("there is one")
        made.append(Healthy())
        return made[0]

    (first, *_) = check(only_once, 0, STEPS)
    assert first.outcome == "wrong"
    assert "there is one" in first.sentence


def test_environments_are_closed_and_may_fail_to_close() -> None:
    opened: list[int] = []

    class Counted(Healthy):
        def __init__(self) -> None:
            super().__init__()
            opened.append(1)

        def close(self) -> None:
            opened.pop()
            raise OSError("already gone")

    check(Counted, 0, STEPS)
    assert opened == []


def test_what_a_step_is_worth_is_what_comes_until_its_episode_ends() -> None:
    played = play_at_random(limited(), 0, 120)
    assert [each.length for each in played.ended] == [50, 50]
    assert played.unfinished == 20
    worths = played.worths(0.5)
    assert worths[49] == played.rewards[49]
    assert worths[48] == played.rewards[48] + 0.5 * played.rewards[49]
    assert worths[119] == played.rewards[119]


def test_what_the_checker_says_beyond_our_words_is_told_as_it_is() -> None:
    class Listed(Healthy):
        def reset(self, **options: Any) -> Any:
            obs, _ = super().reset(**options)
            return obs, []

    answer = gymnasiums_answer(Listed(), 0)
    assert answer.outcome == "wrong"
    assert answer.sentence.startswith("Gymnasium's checker says: ")
    assert "not a dictionary" in answer.sentence


def test_our_words_are_for_what_gymnasium_still_says() -> None:
    from inspect import getsource

    from gymnasium.utils import env_checker, passive_env_checker

    said = getsource(env_checker) + getsource(passive_env_checker)
    joined = "".join(line.strip().strip('f"') for line in said.splitlines())
    assert [each for each in IN_OUR_WORDS if each not in said + joined] == []


class Own(BaseException):
    """What no `except Exception` sees."""


class Ending(Healthy):
    def step(self, action: Any) -> Any:
        raise Own("over")


def test_whatever_is_raised_is_said() -> None:
    found = found_in(Ending)
    assert [each.outcome for each in found.values()] == ["wrong", "fine", "wrong"]
    assert found["gymnasium"].sentence == "Gymnasium's checker says: Own: over."
    assert "Own: over" in found["steps"].sentence
