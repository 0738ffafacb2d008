"""The judge: one evaluation selects, another on other seeds proves."""

import numpy as np
import pytest

from support import policy_for, same_weights, weights_of
from upright.judging.evaluation import Evaluation
from upright.judging.judge import Judge
from upright.judging.verdict import verdict_sentence
from upright.policy.networks import Weights
from upright.policy.policy import Policy

THRESHOLD = 475.0


class Scripted:
    """An evaluator whose means are listed."""

    def __init__(self, means: list[float], threshold: float | None = THRESHOLD) -> None:
        self.means, self.threshold = list(means), threshold
        self.seeds: list[int] = []

    def evaluate(
        self,
        policy: Policy,
        seed: int,
        deterministic: bool = True,
        episodes: int = 0,
        look: int = 0,
    ) -> Evaluation:
        self.seeds.append(seed)
        return Evaluation((self.means.pop(0),), seed, deterministic, self.threshold, (1,))


class Asking(Scripted):
    """Keeps what each policy that is evaluated does in a state, too."""

    def __init__(self, means: list[float]) -> None:
        super().__init__(means)
        self.said: list[list[float]] = []

    def evaluate(
        self,
        policy: Policy,
        seed: int,
        deterministic: bool = True,
        episodes: int = 0,
        look: int = 0,
    ) -> Evaluation:
        params, values = policy.forward(np.ones((1, 4), np.float32))
        assert params.tobytes() == policy.network.params(np.ones((1, 4), np.float32)).tobytes()
        self.said.append([*params[0], *values])
        return super().evaluate(policy, seed, deterministic, episodes)


def judge_of(*means: float, threshold: float | None = THRESHOLD, every: int = 100) -> Judge:
    judge = Judge("CartPole-v1", seed=0, every=every)
    judge.close()
    judge.evaluator = Scripted(list(means), threshold)  # type: ignore[assignment]
    return judge


def changed(policy: Policy) -> Weights:
    """Other weights, as after an update."""
    policy.network.flat += 1.0
    return weights_of(policy)


def test_a_mean_just_below_zero_has_no_minus_sign_before_a_zero() -> None:
    judge, policy = judge_of(-0.04, -0.04), policy_for("ppo")
    judge.consider(policy, 100)
    sentence = verdict_sentence(judge.conclude(policy))
    assert sentence.startswith("mean return 0.0 over 1 fresh episode (95% interval 0.0 to 0.0, ")


def test_reaching_the_threshold_twice_is_solved() -> None:
    judge, policy = judge_of(480.0, 490.0), policy_for("ppo")
    judge.consider(policy, 100)
    assert judge.verdict is not None
    assert judge.verdict.solved is True
    assert judge.conclude(policy).proof.mean == 490.0
    assert judge.verdict.candidate.timesteps == 100


def test_a_proof_that_fails_solves_nothing() -> None:
    judge, policy = judge_of(480.0, 470.0), policy_for("ppo")
    judge.consider(policy, 100)
    assert judge.verdict is None


def test_a_failed_proof_is_not_tried_again_on_other_seeds() -> None:
    judge, policy = judge_of(480.0, 470.0, 499.0), policy_for("ppo")
    judge.consider(policy, 100)
    assert judge.conclude(policy).solved is False


def test_below_the_threshold_nothing_is_proven_before_the_end() -> None:
    judge, policy = judge_of(100.0, 50.0, 90.0), policy_for("ppo")
    first = weights_of(policy)
    judge.consider(policy, 100)
    changed(policy)
    judge.consider(policy, 200)
    verdict = judge.conclude(policy)
    assert verdict.solved is False
    assert (verdict.candidate.selection.mean, verdict.proof.mean) == (100.0, 90.0)
    assert same_weights(verdict.candidate.weights, first)


def test_a_lucky_proof_of_a_policy_that_was_not_selected_does_not_solve() -> None:
    judge, policy = judge_of(470.0, 480.0), policy_for("ppo")
    judge.consider(policy, 100)
    assert judge.conclude(policy).solved is False


@pytest.mark.parametrize(("later_proof", "kept"), [(470.0, 100), (490.0, 200)])
def test_a_better_policy_takes_the_place_of_the_proven_one_only_if_it_is_proven_itself(
    later_proof: float, kept: int
) -> None:
    judge, policy = judge_of(480.0, 480.0, 499.0, later_proof), policy_for("ppo")
    weights = {100: weights_of(policy)}
    judge.consider(policy, 100)
    weights[200] = changed(policy)
    judge.consider(policy, 200)
    verdict = judge.conclude(policy)
    assert verdict.solved is True
    assert verdict.candidate.timesteps == kept
    assert same_weights(verdict.candidate.weights, weights[kept])


def test_a_worse_policy_is_not_proven_once_one_is() -> None:
    judge, policy = judge_of(490.0, 490.0, 480.0), policy_for("ppo")
    judge.consider(policy, 100)
    judge.consider(policy, 200)
    assert judge.conclude(policy).candidate.timesteps == 100


def test_no_two_evaluations_have_the_same_seed() -> None:
    judge, policy = judge_of(480.0, 470.0, 481.0, 470.0, 490.0, 490.0), policy_for("ppo")
    for timesteps in (100, 200, 300):
        judge.consider(policy, timesteps)
    seeds = judge.evaluator.seeds
    assert len(seeds) == len(set(seeds)) == 6
    assert judge.verdict.proof.seed != judge.verdict.candidate.selection.seed


def test_without_a_threshold_the_verdict_is_neither_yes_nor_no() -> None:
    judge, policy = judge_of(1.0, 2.0, 3.0, threshold=None), policy_for("ppo")
    judge.consider(policy, 100)
    judge.consider(policy, 200)
    verdict = judge.conclude(policy)
    assert verdict.solved is None
    assert (verdict.candidate.selection.mean, verdict.proof.mean) == (2.0, 3.0)


@pytest.mark.parametrize(("timesteps", "due"), [(99, False), (100, True), (150, True), (399, True)])
def test_an_evaluation_is_due_at_every_multiple(timesteps: int, due: bool) -> None:
    assert judge_of(every=100).is_due(timesteps) is due


def test_after_an_evaluation_the_next_is_due_at_the_next_multiple() -> None:
    judge = judge_of(1.0, every=100)
    judge.consider(policy_for("ppo"), 250)
    assert not judge.is_due(299)
    assert judge.is_due(300)


def test_the_policy_that_concludes_is_left_as_it_is() -> None:
    judge, policy = judge_of(100.0, 90.0), policy_for("ppo")
    judge.consider(policy, 100)
    after = changed(policy)
    judge.conclude(policy)
    assert same_weights(weights_of(policy), after)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_what_is_proven_acts_as_what_was_selected(activation: str) -> None:
    judge, policy = judge_of(), policy_for("ppo", activation=activation)
    judge.evaluator = asking = Asking([100.0, 50.0, 90.0])  # type: ignore[assignment]
    judge.consider(policy, 100)
    changed(policy)
    judge.consider(policy, 200)
    judge.conclude(policy)
    selected, worse, proven = asking.said
    assert proven == selected != worse
