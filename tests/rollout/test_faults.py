"""Numbers that are not finite stop the training before a weight changes, and are kept."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from safetensors.numpy import load_file

import upright
from support import Recorder, make_rollout, policy_for, same_weights, weights_of
from upright.classes import Trainer
from upright.ground.errors import NonFiniteError
from upright.ground.seeding import Stream, derive_seed
from upright.learning.adam import Adam
from upright.learning.ladder import ALGORITHMS
from upright.learning.trainer import PoisonedError
from upright.policy.policy import Policy
from upright.rollout.faults import blame, refuse_nonfinite
from upright.runs.folder import checkpoint_folders
from upright.runs.run import Run

LENGTH, SICK = 4, 1  # steps of an episode; the environment that goes wrong


class Tidy(gym.Env[Any, int]):
    """Episodes of four steps that end by truncation; rewards for one of the actions."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.now = 0
        self.sick = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        # An environment's index shows only in its seeds; the third rollout begins with this one.
        self.sick = seed == derive_seed(derive_seed(0, Stream.TRAINING), SICK, 4)
        self.now = 0
        return self.seen(), {}

    def step(self, action: int) -> Any:
        self.now += 1
        return self.seen(), self.paid(action), False, self.now == LENGTH, {}

    def seen(self) -> np.ndarray:
        return self.np_random.normal(size=3).astype(np.float32)

    def paid(self, action: int) -> float:
        return float(action)


class BadObs(Tidy):
    """NaN in the observation after the second step of an episode."""

    bad = np.nan

    def seen(self) -> np.ndarray:
        obs = super().seen()
        if self.sick and self.now == 2:
            obs[2] = self.bad
        return obs


class InfiniteObs(BadObs):
    bad = np.inf


class BadFinalObs(Tidy):
    """NaN only where the fourth step cuts the episode off, which no policy acts on."""

    def step(self, action: int) -> Any:
        obs, *rest = super().step(action)
        return (obs * np.nan if self.sick and self.now == LENGTH else obs), *rest


class BadReward(Tidy):
    bad = np.nan

    def paid(self, action: int) -> float:
        return self.bad if self.sick and self.now == 2 else super().paid(action)


ROLLOUT = {"num_envs": 2, "hidden_sizes": [8], "checkpoint_every": 16, "eval_every": 1000}
SMALL: dict[str, dict[str, Any]] = {
    # Eight steps of each environment are two episodes of each.
    "reinforce": {"num_episodes": 4, "baseline": True, **ROLLOUT},
    "actor-critic": {"num_steps": 8, **ROLLOUT},
    "ppo": {"num_steps": 8, "num_epochs": 2, "minibatch_size": 8, **ROLLOUT},
}
PLACES: dict[str, tuple[Callable[[], Tidy], str, str]] = {
    "observation": (BadObs, "observation", "became nan in iteration 3 in environment 1 at step 2"),
    "infinite": (InfiniteObs, "observation", "became inf in iteration 3 in environment 1 at step"),
    "final": (BadFinalObs, "final observation", "became nan in iteration 3 in environment 1 at st"),
    "reward": (BadReward, "reward", "became nan in iteration 3 in environment 1 at step 1"),
}
INTACT = {"observation": "obs", "infinite": "obs", "final": "final_obs", "reward": "rewards"}


def what_stops(trainer: Trainer) -> PoisonedError | None:
    try:
        next(trainer)
    except PoisonedError as error:
        return error
    assert trainer.iterations < 10
    return None


def poisoned(trainer: Trainer) -> PoisonedError:
    """What the trainer stops with; the weights are the ones that it began the iteration with."""
    try:
        before, stopped = weights_of(trainer.policy), None
        while stopped is None:
            before = weights_of(trainer.policy)
            stopped = what_stops(trainer)
    finally:
        trainer.close()
    assert same_weights(before, weights_of(trainer.policy))
    assert trainer.iterations + 1 == stopped.iteration
    return stopped


def failed_run(env: Callable[[], Tidy], algo: str, out: Path, **settings: Any) -> tuple[Run, str]:
    """A run that stopped by a number, and what it said."""
    chosen = SMALL[algo] | {"total_timesteps": 96} | settings
    listener = Recorder()
    with pytest.raises(PoisonedError) as caught:
        upright.train(env, algo, out=out, listener=listener, **chosen)
    assert listener.folder is not None
    return upright.load(listener.folder, env=Tidy), caught.value.message


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize(("env", "tensor", "said"), PLACES.values(), ids=PLACES)
def test_a_number_of_an_environment_is_named_before_a_weight_changes(
    algo: str, env: Callable[[], Tidy], tensor: str, said: str
) -> None:
    error = poisoned(Trainer(env, algo, **SMALL[algo]))
    assert error.message.startswith(f"The {tensor} {said}")
    assert error.message.endswith("; training stopped.")
    assert error.hint


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_an_infinite_reward_is_named_without_a_warning(algo: str) -> None:
    class InfiniteReward(BadReward):
        bad = -np.inf

    assert "reward became -inf" in poisoned(Trainer(InfiniteReward, algo, **SMALL[algo])).message


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("place", PLACES)
def test_the_run_that_a_number_stopped_keeps_its_checkpoint_and_the_rollout(
    tmp_path: Path, algo: str, place: str
) -> None:
    env, tensor, _ = PLACES[place]
    run, message = failed_run(env, algo, tmp_path)
    assert run.status == run.info["status"] == "failed"
    assert run.info["timesteps"] == 32
    (folder,) = (run.path / "failures").iterdir()
    assert folder.name == "iteration-000003"
    assert {path.name for path in folder.iterdir()} == {"rollout.safetensors", "what.json"}
    what = json.loads((folder / "what.json").read_text())
    assert what == {"iteration": 3, "message": message}
    assert tensor in message
    rollout = load_file(folder / "rollout.safetensors")
    kept = rollout.pop(INTACT[place])
    assert not np.isfinite(kept).all()
    assert rollout["actions"].shape == rollout["valid"].shape == (8, 2)
    assert len(run.metrics()) == 2
    newest = next(checkpoint_folders(run.path / "checkpoints"))
    assert newest.name == "000000032"
    run.checkpoint(newest)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_what_was_kept_of_a_failed_run_goes_on_as_if_nothing_had_failed(
    tmp_path: Path, algo: str
) -> None:
    failed, _ = failed_run(BadReward, algo, tmp_path / "failed")
    resumed = upright.resume(failed.path, env=Tidy)
    chosen = SMALL[algo] | {"total_timesteps": 96}
    whole = upright.train(Tidy, algo, out=tmp_path / "whole", **chosen)
    assert resumed.status == "finished"
    assert same_weights(weights_of(resumed.policy), weights_of(whole.policy))


def test_a_second_failure_of_the_same_iteration_goes_beside_the_first(tmp_path: Path) -> None:
    run, message = failed_run(BadReward, "ppo", tmp_path)
    with pytest.raises(PoisonedError) as caught:
        upright.resume(run.path, env=BadReward)
    assert caught.value.message == message
    assert "iteration-000003-2" in caught.value.hint
    names = {path.name for path in (run.path / "failures").iterdir()}
    assert names == {"iteration-000003", "iteration-000003-2"}
    assert upright.load(run.path).status == "failed"
    # It stopped in the same place: the same numbers led there.
    first, second = (load_file(run.path / "failures" / name / "rollout.safetensors")
                     for name in sorted(names))  # fmt: skip
    assert {key: value.tobytes() for key, value in first.items()} == {
        key: value.tobytes() for key, value in second.items()
    }


def test_the_command_line_is_told_where_the_rollout_is(tmp_path: Path) -> None:
    listener = Recorder()
    with pytest.raises(PoisonedError) as caught:
        upright.train(BadObs, "ppo", out=tmp_path, listener=listener, **SMALL["ppo"])
    assert str(listener.folder) in caught.value.hint
    assert "learning_rate" in caught.value.hint


def test_a_failed_run_without_a_checkpoint_begins_again(tmp_path: Path) -> None:
    run, _ = failed_run(BadReward, "ppo", tmp_path, checkpoint_every=1000)
    assert list(checkpoint_folders(run.path / "checkpoints")) == []
    assert upright.resume(run.path, env=Tidy).info["timesteps"] == 96


def spoil_loss(monkeypatch: pytest.MonkeyPatch, algo: str, call: int) -> None:
    """The loss of that call is NaN, and the value loss says so."""
    kind, calls = ALGORITHMS[algo], [0]
    honest = kind.loss

    def loss(self: Any, *arguments: Any) -> Any:
        calls[0] += 1
        loss = honest(self, *arguments)
        if calls[0] == call:
            return loss._replace(value=np.nan, report=loss.report | {"value_loss": np.nan})
        return loss

    monkeypatch.setattr(kind, "loss", loss)


def spoil_gradient(policy: Policy, name: str, number: float) -> None:
    """Multiply the gradient of one parameter, once it is computed."""
    network, honest = policy.network, policy.network.backward

    def backward(*derivatives: np.ndarray) -> None:
        honest(*derivatives)
        network.gradients[name] *= number  # type: ignore[index]

    network.backward = backward  # type: ignore[method-assign]


# Updates in an iteration; PPO takes four minibatches.
UPDATES = {"reinforce": 1, "actor-critic": 1, "ppo": 4}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_loss_that_is_not_finite_changes_no_weight(
    monkeypatch: pytest.MonkeyPatch, algo: str
) -> None:
    spoil_loss(monkeypatch, algo, 2 * UPDATES[algo] + 1)
    error = poisoned(Trainer(Tidy, algo, **SMALL[algo]))
    assert "value_loss became nan in iteration 3;" in error.message
    assert "no single environment is to blame" in error.message


def test_a_loss_that_goes_wrong_in_a_later_minibatch_leaves_the_weights_of_the_iteration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil_loss(monkeypatch, "ppo", 2 * UPDATES["ppo"] + 3)
    poisoned(Trainer(Tidy, "ppo", **SMALL["ppo"]))


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_loss_of_a_run_that_is_not_finite_keeps_what_it_was_made_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algo: str
) -> None:
    with monkeypatch.context() as patched:
        spoil_loss(patched, algo, 2 * UPDATES[algo] + 1)
        run, message = failed_run(Tidy, algo, tmp_path)
    assert "value_loss became nan in iteration 3" in message
    assert run.status == "failed"
    rollout = load_file(run.path / "failures" / "iteration-000003" / "rollout.safetensors")
    assert all(np.isfinite(array).all() for array in rollout.values())
    assert upright.resume(run.path, env=Tidy).status == "finished"


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_names_its_parameter_and_changes_no_weight(
    algo: str, number: float
) -> None:
    trainer = Trainer(Tidy, algo, **SMALL[algo])
    next(trainer)
    name = next(iter(trainer.policy.network.gradients))
    spoil_gradient(trainer.policy, name, number)
    error = poisoned(trainer)
    assert error.message.startswith(f"The gradient of {name} became ")
    assert "in iteration 2" in error.message


def test_a_gradient_that_is_not_finite_stops_both_optimisers() -> None:
    trainer = Trainer(Tidy, "actor-critic", separate_optimizers=True, **SMALL["actor-critic"])
    assert trainer.policy.has_critic
    spoil_gradient(trainer.policy, "critic.0.weight", np.nan)
    assert poisoned(trainer).message.startswith("The gradient of critic.")


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_weight_that_is_not_finite_after_a_step_is_named_and_reaches_no_checkpoint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algo: str
) -> None:
    honest, steps = Adam.step, [0]

    def step(self: Adam, learning_rate: float) -> None:
        honest(self, learning_rate)
        steps[0] += 1
        if steps[0] == 3 * UPDATES[algo]:
            self.flat[0] = np.nan

    with monkeypatch.context() as patched:
        patched.setattr(Adam, "step", step)
        run, message = failed_run(Tidy, algo, tmp_path)
    assert message.startswith("A weight of the policy became nan in iteration 3")
    assert (run.path / "failures" / "iteration-000003" / "rollout.safetensors").is_file()
    assert run.status == "failed"
    assert next(checkpoint_folders(run.path / "checkpoints")).name == "000000032"
    assert upright.resume(run.path, env=Tidy).status == "finished"


def test_what_a_normaliser_has_seen_does_not_change_by_a_rollout_that_is_refused() -> None:
    for env in (BadObs, BadReward, BadFinalObs):
        poisoned(Trainer(env, "ppo", normalize_obs=True, **SMALL["ppo"]))


@pytest.mark.parametrize(
    ("guilty", "said"),
    [
        ([1], "first in environment 1"),
        ([2, 1], "first in environment 1"),
        ([], "no single environment is to blame"),
        ([0, 1, 2], "no single environment is to blame"),
    ],
)
def test_the_environment_that_a_loss_comes_from_is_named(guilty: list[int], said: str) -> None:
    obs = np.ones((5, 3, 4), np.float32)
    obs[2, guilty] = [3e38, -3e38, 3e38, -3e38]
    rollout = make_rollout(obs, np.zeros((4, 3)), np.zeros((4, 3)))
    policy = policy_for("ppo", activation="relu")
    policy.network.flat *= 1e6
    assert blame(policy, rollout) == said


def test_the_environment_that_paid_an_absurd_reward_is_named() -> None:
    rollout = make_rollout(np.zeros((5, 3, 4), np.float32), np.zeros((4, 3)), np.zeros((4, 3)))
    rewards = np.ones((4, 3))
    rewards[2, 1] = -1e30
    said = blame(policy_for("ppo"), replace(rollout, rewards=rewards))
    assert said == "the largest reward is -1e+30, of environment 1 at step 2"
    rewards[2, 1] = 1e39
    with pytest.raises(NonFiniteError, match=r"reward became 1e\+39 in environment 1 at step 2"):
        refuse_nonfinite(replace(rollout, rewards=rewards), policy_for("ppo").observations)
