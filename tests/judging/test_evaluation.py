"""Evaluation: whole episodes, on seeds of their own, none preferred for ending early."""

from contextlib import closing
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from probes.envs import ActionReward, EndlessReward, ObsReward, Probe
from support import CARTPOLE, make_policy, policy_for
from upright.ground.errors import UprightError
from upright.judging.evaluation import Evaluation
from upright.judging.evaluator import NUM_EPISODES, Evaluator
from upright.judging.judge import LOOK, Judge
from upright.settings.hyperparameters import PPOSettings

MADE = Evaluation((1.0, 3.0), 7, True, 2.0, (10, 30), 2, "sync")


class Alternating(Probe):
    """The copies that are made of it alternate between episodes of length 1 and of length 10."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        self.length = 10 if Alternating.made % 2 else 1
        Alternating.made += 1

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.now += 1
        return np.zeros(2, np.float32), 1.0, self.now == self.length, False, {}


def test_statistics_by_hand() -> None:
    assert MADE.mean == 2.0
    assert MADE.std == 1.0
    assert MADE.solved is True
    assert MADE.interval == (1.0, 3.0)


def test_solved_needs_a_threshold_and_the_mean_at_it() -> None:
    assert Evaluation((1.0,), 0, True, None).solved is None
    assert Evaluation((474.9,), 0, True, 475.0).solved is False
    assert Evaluation((475.0,), 0, True, 475.0).solved is True


def test_a_recorded_evaluation_reads_back_as_it_was() -> None:
    assert Evaluation.from_dict(MADE.as_dict()) == MADE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", 500.0),
        ("std", 0.0),
        ("interval", [1.9, 2.1]),
        ("solved", False),
        ("episodes", 100),
        ("returns", [1.0, 4.0]),
        ("returns", []),
        ("returns", ["many"]),
        ("threshold", 1e9),
        ("lengths", None),
        ("seed", "x"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(key: str, value: Any) -> None:
    with pytest.raises(UprightError, match="recorded evaluation"):
        Evaluation.from_dict(MADE.as_dict() | {key: value})


@pytest.mark.parametrize("missing", MADE.as_dict())
def test_a_record_that_lacks_something_is_refused(missing: str) -> None:
    record = MADE.as_dict()
    del record[missing]
    with pytest.raises(UprightError, match="recorded evaluation"):
        Evaluation.from_dict(record)


def test_short_episodes_are_not_preferred() -> None:
    Alternating.made = 1  # the next copy, which is asked for its threshold, is a long one
    evaluator = Evaluator(Alternating, episodes=6, num_envs=2)
    policy = make_policy(PPOSettings(), Alternating().observation_space)
    evaluation = evaluator.evaluate(policy, seed=0)
    assert evaluation.returns == (1.0, 10.0) * 3
    assert evaluation.lengths == (1, 10) * 3


@pytest.mark.parametrize(("episodes", "num_envs"), [(7, 3), (3, 3), (2, 5), (1, 0)])
def test_there_are_as_many_episodes_as_were_asked_for(episodes: int, num_envs: int) -> None:
    evaluator = Evaluator(ObsReward, episodes, num_envs=num_envs)
    policy = make_policy(PPOSettings(), ObsReward().observation_space)
    evaluation = evaluator.evaluate(policy, seed=0)
    assert len(evaluation.returns) == episodes
    assert evaluation.lengths == (1,) * episodes
    assert set(evaluation.returns) <= {-1.0, 1.0}


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_the_same_seed_gives_the_same_episodes_in_an_evaluator_that_was_used(backend: str) -> None:
    evaluator = Evaluator("CartPole-v1", 20, backend)
    policy = policy_for("ppo")
    first, other, again = (evaluator.evaluate(policy, seed) for seed in (1, 2, 1))
    fresh = Evaluator("CartPole-v1", 20, backend).evaluate(policy, 1)
    evaluator.close()
    assert first == again == fresh
    assert first.returns != other.returns
    assert first.backend == backend


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_a_longer_evaluation_begins_with_the_episodes_of_a_shorter_one(
    backend: str, deterministic: bool
) -> None:
    policy = policy_for("ppo")
    with closing(Evaluator("CartPole-v1", 20, backend, num_envs=8)) as evaluator:
        short = evaluator.evaluate(policy, 1, deterministic)
        long = evaluator.evaluate(policy, 1, deterministic, episodes=90)
        assert evaluator.evaluate(policy, 1, deterministic) == short
    assert (len(short.returns), len(long.returns), long.num_envs) == (20, 90, 8)
    assert (long.returns[:20], long.lengths[:20]) == (short.returns, short.lengths)
    with closing(Evaluator("CartPole-v1", 90, backend, num_envs=8)) as other:
        assert other.evaluate(policy, 1, deterministic) == long


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_a_look_ends_what_falls_short_and_nothing_else(backend: str) -> None:
    policy = policy_for("ppo")

    def looked(threshold: float | None) -> Evaluation:
        with closing(Evaluator("CartPole-v1", 90, backend, 8, threshold)) as evaluator:
            return evaluator.evaluate(policy, 1, look=20)

    with closing(Evaluator("CartPole-v1", 90, backend, 8)) as evaluator:
        whole = evaluator.evaluate(policy, 1)
        short = evaluator.evaluate(policy, 1, episodes=20)
    low, high = short.interval
    assert looked(high + 0.1).returns == short.returns == whole.returns[:20]
    assert looked(high + 0.1).lengths == short.lengths
    for threshold in (low - 0.1, short.mean, high - 0.01):
        assert looked(threshold).returns == whole.returns


def test_a_judge_looks_at_a_poor_policy_briefly_and_at_a_good_one_for_long() -> None:
    policy = policy_for("ppo")
    with closing(Judge("CartPole-v1", seed=0, every=100)) as judge:
        poor = judge.consider(policy, 100)
    with closing(Judge("CartPole-v1", seed=0, every=100, threshold=1.0)) as judge:
        good = judge.consider(policy, 100)
    assert (len(poor.returns), len(good.returns)) == (LOOK, NUM_EPISODES)
    assert good.returns[:LOOK] == poor.returns


def test_both_reset_modes_count_every_step_of_cartpole() -> None:
    for backend in ("vector", "sync"):
        evaluator = Evaluator("CartPole-v1", 12, backend, num_envs=5)
        evaluation = evaluator.evaluate(policy_for("ppo"), 0, deterministic=False)
        evaluator.close()
        assert evaluation.returns == evaluation.lengths
        assert min(evaluation.lengths) >= 8
        assert evaluation.threshold == 475.0


def test_a_deterministic_evaluation_takes_the_most_probable_action() -> None:
    policy = make_policy(PPOSettings(), ActionReward().observation_space)
    greedy = Evaluator(ActionReward, 50).evaluate(policy, seed=0)
    drawn = Evaluator(ActionReward, 50).evaluate(policy, seed=0, deterministic=False)
    assert len(set(greedy.returns)) == 1
    assert set(drawn.returns) == {-1.0, 1.0}
    assert (greedy.deterministic, drawn.deterministic) == (True, False)


def test_a_truncated_episode_is_a_whole_one() -> None:
    def limited() -> gym.Env[Any, Any]:
        return gym.wrappers.TimeLimit(EndlessReward(), 4)

    policy = make_policy(PPOSettings(), EndlessReward().observation_space)
    evaluation = Evaluator(limited, 5).evaluate(policy, seed=0)
    assert evaluation.returns == (4.0,) * 5
    assert evaluation.solved is None


def test_an_episode_that_never_ends_is_named_instead_of_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("upright.judging.evaluator.ENDLESS", 100)
    policy = make_policy(PPOSettings(), EndlessReward().observation_space)
    with pytest.raises(UprightError, match="No episode of an evaluation ended within 100 steps"):
        Evaluator(EndlessReward, 5).evaluate(policy, seed=0)

    def long() -> gym.Env[Any, Any]:
        return gym.wrappers.TimeLimit(EndlessReward(), 100)

    assert Evaluator(long, 15).evaluate(policy, seed=0).lengths == (100,) * 15


def test_a_return_beyond_32_bits_is_refused_and_no_record_has_one() -> None:
    class Rich(EndlessReward):
        def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            return self.observe(), 1e39, True, False, {}

    policy = make_policy(PPOSettings(), EndlessReward().observation_space)
    with pytest.raises(UprightError, match=r"Episode 0 of an evaluation has the return 1e\+39"):
        Evaluator(Rich, 3).evaluate(policy, seed=0)
    record = MADE.record() | {"returns": [1.0, 1e39]}
    with pytest.raises(UprightError, match="not one that could have been made"):
        Evaluation.from_record(record)


class Shows(Probe):
    """Four numbers, one of which comes from outside."""

    number = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.observation_space = CARTPOLE

    def observe(self) -> np.ndarray:
        return np.zeros(4, np.float32)

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.now += 1
        row = np.array([0.0, self.number, self.number, 0.0], np.float32)
        return row, 1.0, self.now == 3, False, {}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_observations_that_are_no_numbers_are_not_acted_on(number: float) -> None:
    odd, said = type("Odd", (Shows,), {"number": number}), f"^The observation became {number} in "
    with closing(Evaluator(odd, 4)) as evaluator, pytest.raises(UprightError, match=said):
        evaluator.evaluate(make_policy(PPOSettings()), seed=0)


def test_observations_that_are_large_together_are_numbers() -> None:
    with closing(Evaluator(type("Large", (Shows,), {"number": 3e38}), 4)) as evaluator:
        assert evaluator.evaluate(make_policy(PPOSettings()), seed=0).mean == 3.0
