"""PPO: epochs, minibatches, the clip, the KL stop."""

import numpy as np
import pytest

from support import make_policy, random_rollout, weights_of
from upright.learning.algorithm import Reports
from upright.learning.batch import Batch
from upright.learning.ladder import PPO
from upright.settings.hyperparameters import PPOSettings


def made(**settings: object) -> PPO:
    chosen = PPOSettings(**settings)
    return PPO(make_policy(chosen), chosen, np.random.default_rng(0))


def test_every_epoch_visits_every_transition_once_in_a_new_order() -> None:
    algorithm = made(num_epochs=3, minibatch_size=10)
    batch = algorithm.batch(random_rollout())
    masks = np.random.default_rng(0).random((36, 2)) < 0.5
    numbered = batch._replace(returns=np.arange(36.0), masks=masks)
    sizes, orders = [], []
    for minibatch in algorithm.minibatches(numbered):
        sizes.append(len(minibatch.obs))
        orders += minibatch.returns.tolist()
    assert sizes == [10, 10, 10, 6] * 3
    epochs = [orders[start : start + 36] for start in (0, 36, 72)]
    assert all(sorted(epoch) == list(range(36)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_a_minibatch_keeps_its_fields_together() -> None:
    algorithm = made(num_epochs=1, minibatch_size=7)
    batch = algorithm.batch(random_rollout())
    masks = np.random.default_rng(0).random((36, 2)) < 0.5
    numbered = batch._replace(returns=np.arange(36.0), masks=masks)
    for minibatch in algorithm.minibatches(numbered):
        rows = minibatch.returns.astype(np.int64)
        for mine, whole in zip(minibatch, numbered, strict=True):
            np.testing.assert_array_equal(mine, whole[rows])


@pytest.mark.parametrize("minibatch_size", [0, 36, 1000])
def test_a_minibatch_of_everything_is_the_batch(minibatch_size: int) -> None:
    algorithm = made(num_epochs=2, minibatch_size=minibatch_size)
    batch = algorithm.batch(random_rollout())
    assert [len(minibatch.obs) for minibatch in algorithm.minibatches(batch)] == [36, 36]


def test_the_first_epoch_reports_no_divergence_and_later_ones_do() -> None:
    rollout = random_rollout()
    first = made(num_epochs=1).update(rollout, schedule_progress=0.0)
    assert first["train/approx_kl"] == pytest.approx(0.0, abs=1e-6)
    assert first["train/clip_fraction"] == 0.0
    later = made(num_epochs=20, learning_rate=0.05).update(rollout, schedule_progress=0.0)
    assert later["train/approx_kl"] > 1e-3
    assert later["train/clip_fraction"] > 0.0


def test_the_kl_stop_leaves_the_epochs() -> None:
    rollout = random_rollout()

    def gradient_steps(target_kl: float) -> int:
        algorithm = made(num_epochs=20, learning_rate=0.05, target_kl=target_kl)
        algorithm.update(rollout, schedule_progress=0.0)
        return algorithm.optimizers[0].steps

    assert gradient_steps(0.0) == 20
    assert 1 <= gradient_steps(0.01) < 20


def test_the_clip_range_falls_along_its_schedule() -> None:
    algorithm = made(clip_range="0.4:0.2", num_epochs=1)
    seen = [
        algorithm.update(random_rollout(), progress)["train/clip_range"]
        for progress in (0.0, 0.5, 1.0)
    ]
    assert seen == pytest.approx([0.4, 0.3, 0.2])


def test_the_clip_fraction_counts_ratios_beyond_the_clip() -> None:
    algorithm = made(clip_range=0.2)
    batch = algorithm.batch(random_rollout())
    shift = np.zeros(36, np.float32)
    shift[:9] = 0.3  # ratio exp(0.3) = 1.35
    shift[9:18] = 0.1  # ratio exp(0.1) = 1.105
    report = algorithm.gradient(batch._replace(old_log_probs=batch.old_log_probs - shift), 0.0)
    assert report["clip_fraction"] == pytest.approx(0.25)


@pytest.mark.parametrize("over", ["rollout", "minibatch"])
def test_advantages_are_standardised_over_what_is_said(
    over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm = made(num_epochs=2, minibatch_size=9, normalize_advantages_over=over)
    seen: list[np.ndarray] = []
    gradient = algorithm.gradient

    def watched(minibatch: Batch, schedule_progress: float) -> Reports:
        seen.append(np.asarray(minibatch.advantages, np.float64))
        return gradient(minibatch, schedule_progress)

    monkeypatch.setattr(algorithm, "gradient", watched)
    algorithm.update(random_rollout(), schedule_progress=0.0)
    assert [len(each) for each in seen] == [9] * 8
    each_is = [np.allclose([each.mean(), each.std()], [0.0, 1.0], atol=1e-4) for each in seen]
    assert each_is == [over == "minibatch"] * 8
    if over == "rollout":
        epoch = np.concatenate(seen[:4])
        np.testing.assert_allclose([epoch.mean(), epoch.std()], [0.0, 1.0], atol=1e-4)


def test_over_a_minibatch_of_everything_or_over_the_rollout_is_one() -> None:
    rollout = random_rollout()

    def after(over: str) -> dict[str, np.ndarray]:
        algorithm = made(num_epochs=3, normalize_advantages_over=over, learning_rate=0.01)
        algorithm.update(rollout, schedule_progress=0.0)
        return weights_of(algorithm.policy)

    one, other = after("rollout"), after("minibatch")
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_what_is_not_to_be_standardised_is_not() -> None:
    rollout = random_rollout()

    def after(**chosen: object) -> dict[str, np.ndarray]:
        algorithm = made(minibatch_size=9, normalize_advantages=False, **chosen)
        algorithm.update(rollout, schedule_progress=0.0)
        return weights_of(algorithm.policy)

    one, other = after(), after(normalize_advantages_over="minibatch")
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_clipped_values_hold_the_critic_back() -> None:
    def critic_after(clip_range_vf: float) -> float:
        algorithm = made(clip_range_vf=clip_range_vf, num_epochs=30, learning_rate=0.01)
        rollout = random_rollout()
        batch = algorithm.batch(rollout)
        algorithm.update(rollout, schedule_progress=0.0)
        return float(np.abs(algorithm.policy.values(batch.obs) - batch.old_values).mean())

    assert critic_after(0.01) < 0.5 * critic_after(0.0)


def test_the_generator_alone_decides_the_order_of_minibatches() -> None:
    rollout = random_rollout()

    def after(seed: int) -> dict[str, np.ndarray]:
        settings = PPOSettings(num_epochs=2, minibatch_size=8, learning_rate=0.01)
        policy = make_policy(settings)
        PPO(policy, settings, np.random.default_rng(seed)).update(rollout, schedule_progress=0.0)
        return weights_of(policy)

    one, same, other = after(0), after(0), after(1)
    assert all(one[name].tobytes() == same[name].tobytes() for name in one)
    assert any(one[name].tobytes() != other[name].tobytes() for name in one)
