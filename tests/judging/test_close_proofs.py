"""A proof that passes with the threshold inside its interval is played on; all of it decides."""

import json

import numpy as np
import pytest

from support import policy_for
from upright.ground.state import State
from upright.judging.evaluation import Evaluation
from upright.judging.judge import Judge
from upright.policy.policy import Policy

THRESHOLD = 475.0


class Drawn:
    """An evaluator with listed means of the first 100 episodes, and of the 900 after them.

    Half of each lies `spread` above its mean, the other half below it.
    """

    def __init__(
        self, *means: tuple[float, float], spread: float, threshold: float | None = THRESHOLD
    ) -> None:
        self.threshold, self.spread, self.means = threshold, spread, list(means)
        self.played: list[tuple[int, int]] = []

    def evaluate(
        self,
        policy: Policy,
        seed: int,
        deterministic: bool = True,
        episodes: int = 0,
        look: int = 0,
    ) -> Evaluation:
        episodes = episodes or 100
        if not self.played or seed != self.played[-1][0]:
            self.first, self.rest = self.means.pop(0)
        self.played.append((seed, episodes))
        mean = np.repeat([self.first, self.rest], [100, 900])[:episodes]
        returns = mean + self.spread * np.resize([1.0, -1.0], episodes)
        return Evaluation(
            tuple(returns.tolist()), seed, deterministic, self.threshold, (1,) * episodes
        )

    @property
    def episodes(self) -> list[int]:
        return [episodes for _, episodes in self.played]


def judge_with(evaluator: Drawn, episodes: int = 0) -> Judge:
    judge = Judge("CartPole-v1", seed=0, every=100, episodes=episodes)
    judge.close()
    judge.evaluator = evaluator  # type: ignore[assignment]
    return judge


@pytest.mark.parametrize(("rest", "mean"), [(480.0, 479.6), (474.0, 474.2)])
def test_a_proof_with_the_threshold_in_its_interval_is_decided_by_a_thousand_episodes(
    rest: float, mean: float
) -> None:
    evaluator = Drawn((490.0, 0.0), (476.0, rest), spread=20.0)
    judge, policy = judge_with(evaluator), policy_for("ppo")
    judge.consider(policy, 100)
    assert evaluator.episodes == [100, 100, 1000]
    assert evaluator.played[1][0] == evaluator.played[2][0] != evaluator.played[0][0]
    assert judge.latest_proof is not None
    assert judge.latest_proof.mean == pytest.approx(mean)
    verdict = judge.conclude(policy)
    assert len(evaluator.played) == 3
    assert verdict.solved is (mean >= THRESHOLD)
    assert verdict.proof == judge.latest_proof
    assert len(verdict.proof.returns) == 1000


@pytest.mark.parametrize(
    ("selection", "proof", "spread"),
    [
        pytest.param(490.0, 490.0, 20.0, id="far above it"),
        pytest.param(490.0, 474.0, 20.0, id="below it, with it in the interval"),
        pytest.param(490.0, 475.0, 0.0, id="at it, and nowhere else"),
        pytest.param(474.0, 476.0, 20.0, id="not selected"),
    ],
)
def test_any_other_proof_has_a_hundred_episodes(
    selection: float, proof: float, spread: float
) -> None:
    evaluator = Drawn((selection, 0.0), (proof, 500.0), spread=spread)
    judge, policy = judge_with(evaluator), policy_for("ppo")
    judge.consider(policy, 100)
    verdict = judge.conclude(policy)
    assert evaluator.episodes == [100, 100]
    assert verdict.solved is (selection >= THRESHOLD and proof >= THRESHOLD)


def test_without_a_threshold_there_is_nothing_to_be_close_to() -> None:
    evaluator = Drawn((1.0, 0.0), (1.0, 0.0), spread=20.0, threshold=None)
    judge, policy = judge_with(evaluator), policy_for("ppo")
    judge.consider(policy, 100)
    assert judge.conclude(policy).solved is None
    assert evaluator.episodes == [100, 100]


def test_the_time_of_a_long_proof_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator = Drawn((490.0, 0.0), (476.0, 474.0), spread=20.0)
    judge = judge_with(evaluator)
    monkeypatch.setattr(  # a second an episode
        "upright.judging.judge.time.perf_counter", lambda: float(sum(evaluator.episodes))
    )
    judge.consider(policy_for("ppo"), 100)
    assert judge.seconds == 1200.0


def test_a_judge_goes_on_exactly_after_a_long_proof_that_failed() -> None:
    means = ((490.0, 0.0), (476.0, 474.0))
    later = ((489.0, 0.0), (477.0, 480.0))
    straight, policy = judge_with(Drawn(*means, *later, spread=20.0)), policy_for("ppo")
    straight.consider(policy, 100)
    left = straight.state()
    assert len(left.values["best"]["proof"]["returns"]) == 1000

    resumed = judge_with(Drawn(*later, spread=20.0))
    resumed.restore(State(json.loads(json.dumps(left.values)), left.arrays), policy.weights)
    assert resumed.state().values == left.values
    for judge in (straight, resumed):
        judge.consider(policy, 200)
        judge.seconds = 0.0
    assert straight.state().values == resumed.state().values
    verdicts = [judge.conclude(policy) for judge in (straight, resumed)]
    assert [len(verdict.proof.returns) for verdict in verdicts] == [1000, 1000]
    assert verdicts[0].proof == verdicts[1].proof
    assert verdicts[0].solved is verdicts[1].solved is True


def test_a_long_proof_that_failed_stands_after_a_resumption() -> None:
    policy = policy_for("ppo")
    judge = judge_with(Drawn((490.0, 0.0), (476.0, 474.0), spread=20.0))
    judge.consider(policy, 100)
    resumed = judge_with(Drawn(spread=20.0))
    resumed.restore(judge.state(), policy.weights)
    assert resumed.conclude(policy).proof == judge.conclude(policy).proof


@pytest.mark.parametrize(("asked", "proof"), [(10, 100), (250, 250)])
def test_a_threshold_is_proven_by_a_hundred_episodes_however_few_an_evaluation_has(
    asked: int, proof: int
) -> None:
    evaluator = Drawn((490.0, 490.0), (490.0, 490.0), spread=1.0)
    judge = judge_with(evaluator, asked)
    assert judge.consider(policy_for("ppo"), 100).solved
    assert evaluator.episodes[1:] == [proof]


def test_without_a_threshold_a_proof_has_as_many_episodes_as_an_evaluation() -> None:
    evaluator = Drawn((490.0, 490.0), (490.0, 490.0), spread=1.0, threshold=None)
    judge, policy = judge_with(evaluator, 10), policy_for("ppo")
    judge.consider(policy, 100)
    assert len(judge.conclude(policy).proof.returns) == 10
