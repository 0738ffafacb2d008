"""A whole experiment: what is written, when it stops, how it ends, how it is verified."""

import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.envs import ActionReward, ConstantReward, ObsReward, Probe
from support import Recorder, same_weights, untimed, weights_of
from upright.cli import main
from upright.ground import limit_threads
from upright.ground.errors import UprightError
from upright.ground.seeding import Stream, derive_seed
from upright.ground.signals import Interrupted
from upright.judging.evaluation import Evaluation
from upright.judging.evaluator import NUM_EPISODES, Evaluator
from upright.judging.judge import LOOK
from upright.runs.checkpoint import sha256, weights_bytes
from upright.runs.run import Run
from upright.settings.resolving import read_recipe

SMALL: dict[str, Any] = {"preset": "default", "num_envs": 8, "num_steps": 16, "num_epochs": 2}
QUICK: dict[str, Any] = SMALL | {"learning_rate": 0.02, "hidden_sizes": [16], "gamma": 0.5}
FILES = {
    "run.json",
    "settings.toml",
    "command.txt",
    "metrics.jsonl",
    "episodes.jsonl",
    ".lock",
    "checkpoints",
    "policy.safetensors",
    "evaluation.json",
}


def cartpole(out: Path, **settings: Any) -> Run:
    return upright.train("CartPole-v1", algo="ppo", out=out, **(SMALL | settings))


def record_in(run: Run, name: str = "run.json") -> dict[str, Any]:
    return json.loads((run.path / name).read_text())


def policy_bytes(run: Run) -> bytes:
    return (run.path / "policy.safetensors").read_bytes()


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_finished_run_has_its_files(finished_run: Path) -> None:
    names = {path.name for path in finished_run.iterdir()}
    assert names >= FILES
    (events,) = names - FILES
    assert events.startswith("events.out.tfevents.")
    info = json.loads((finished_run / "run.json").read_text())
    assert info["status"] == "finished"
    assert (info["env"], info["algo"], info["seed"]) == ("CartPole-v1", "ppo", 0)
    assert info["threads"] == 1
    assert info["backend"] == "vector"
    assert info["versions"]["numpy"] == np.__version__
    checkpoint = max((finished_run / "checkpoints").iterdir())
    assert checkpoint.name == f"{info['timesteps']:09d}"
    assert {path.name for path in checkpoint.iterdir()} == {
        "policy.safetensors",
        "trainer.safetensors",
        "state.json",
        "manifest.json",
    }


def test_the_same_run_twice_is_the_same_to_the_byte_and_overwrites_nothing(tmp_path: Path) -> None:
    first = cartpole(tmp_path, total_timesteps=512)
    before = everything_in(first.path)
    second = cartpole(tmp_path, total_timesteps=512)
    assert first.path == tmp_path / "CartPole-v1" / "ppo-s0"
    assert second.path == tmp_path / "CartPole-v1" / "ppo-s0-2"
    assert everything_in(first.path) == before
    assert policy_bytes(first) == policy_bytes(second)
    one, other = ([untimed(row) for row in run.metrics()] for run in (first, second))
    assert one == other
    assert record_in(first, "evaluation.json") == record_in(second, "evaluation.json")
    another = cartpole(tmp_path, total_timesteps=512, seed=1)
    assert another.path.name == "ppo-s1"
    assert policy_bytes(another) != policy_bytes(first)


def test_the_settings_file_alone_reproduces_the_run(tmp_path: Path) -> None:
    first = cartpole(tmp_path, total_timesteps=512, seed=3, learning_rate="0.01:0.001", gamma=0.9)
    again = upright.train(config=first.path / "settings.toml", out=tmp_path)
    assert policy_bytes(again) == policy_bytes(first)
    assert again.recipe == first.recipe
    assert first.recipe.settings.gamma == 0.9


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalize_obs": True, "bias": False, "hidden_sizes": [8, 4], "learning_rate": "0.01:0"},
        {"hidden_sizes": [], "until": "budget", "threads": 2},
        {"normalize_rewards": True, "reward_scale": 0.1, "clip_rewards": 5.0, "clip_obs": 4.0},
    ],
    ids=str,
)
def test_the_command_line_that_was_written_means_the_same_recipe(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    from upright.cli import Parser
    from upright.cli.verbs.train import add_arguments
    from upright.settings.resolving import resolve

    run = cartpole(tmp_path, total_timesteps=128, seed=5, **settings)
    upright_, train, *words = shlex.split((run.path / "command.txt").read_text())
    parser = Parser()
    add_arguments(parser)
    given = vars(parser.parse_strictly(words))
    for name in ("json", "out", "trust_code", "no_media", "quiet"):
        given.pop(name)
    assert (upright_, train) == ("upright", "train")
    assert resolve(**given) == run.recipe
    limit_threads(1)


def test_a_namespace_in_an_id_is_no_folder(tmp_path: Path, easy: str) -> None:
    run = upright.train(easy, algo="ppo", out=tmp_path, total_timesteps=128, **SMALL)
    assert run.path == tmp_path / "probes--Easy-v0" / "ppo-s0"
    assert run.info["env"] == easy


def test_a_row_of_metrics_has_the_names_that_are_promised(run: Run) -> None:
    rows = run.metrics()
    assert [row["iteration"] for row in rows] == [1, 2, 3]
    assert rows[-1].keys() == {
        "iteration",
        "rollout/ep_rew_mean",
        "rollout/ep_rew_std",
        "rollout/ep_len_mean",
        "rollout/obs_scale_ratio",
        "train/policy_gradient_loss",
        "train/value_loss",
        "train/approx_kl",
        "train/clip_fraction",
        "train/clip_range",
        "train/explained_variance",
        "train/entropy",
        "train/learning_rate",
        "eval/mean_reward",
        "time/fps",
        "time/total_timesteps",
        "time/total_episodes",
        "time/time_elapsed",
    }
    assert rows[-1]["time/total_timesteps"] == run.info["timesteps"]
    timesteps = [row["time/total_timesteps"] for row in rows]
    assert timesteps == sorted(timesteps)
    assert all(row["rollout/ep_rew_mean"] == row["rollout/ep_len_mean"] > 8 for row in rows)


def test_the_mean_return_is_that_of_the_last_100_episodes(tmp_path: Path) -> None:
    recorder = Recorder()
    upright.train(
        ConstantReward, algo="ppo", out=tmp_path, listener=recorder, total_timesteps=256, **SMALL
    )
    assert [row["rollout/ep_rew_mean"] for row in recorder.rows] == [1.0, 1.0]
    assert [row["time/total_episodes"] for row in recorder.rows] == [128, 256]


def test_training_stops_when_the_policy_is_verified(tmp_path: Path, easy: str) -> None:
    settings = QUICK | {"eval_every": 128, "total_timesteps": 50_000}
    run = upright.train(easy, algo="ppo", out=tmp_path, **settings)
    assert run.solved is True
    assert run.info["timesteps"] < 10_000
    verdict = record_in(run, "evaluation.json")
    assert verdict["solved"] is True
    assert verdict["threshold"] == 0.9
    assert verdict["mean"] >= 0.9
    assert upright.verify(run).holds


def test_until_budget_goes_on_after_the_policy_is_verified(tmp_path: Path, easy: str) -> None:
    settings = QUICK | {"eval_every": 128, "total_timesteps": 6_000, "until": "budget"}
    run = upright.train(easy, algo="ppo", out=tmp_path, **settings)
    assert run.solved is True
    assert run.info["timesteps"] >= 6_000
    assert record_in(run, "evaluation.json")["timesteps"] < 6_000
    assert upright.verify(run).holds


def test_without_a_threshold_solved_is_null(tmp_path: Path, unjudged: str) -> None:
    run = upright.train(unjudged, algo="ppo", out=tmp_path, total_timesteps=128, **SMALL)
    assert (run.solved, run.info["solved"], run.info["threshold"]) == (None, None, None)
    assert record_in(run, "evaluation.json")["solved"] is None
    assert run.info["status"] == "finished"
    assert upright.verify(run).holds


def test_the_verdict_records_both_evaluations_and_the_weights(finished_run: Path) -> None:
    verdict = json.loads((finished_run / "evaluation.json").read_text())
    selection, proof = verdict["selection"], verdict["proof"]
    assert verdict["weights_sha256"] == sha256((finished_run / "policy.safetensors").read_bytes())
    for evaluation, episodes in ((selection, LOOK), (proof, NUM_EPISODES)):
        assert evaluation["episodes"] == len(evaluation["returns"]) == episodes
        assert evaluation["deterministic"] is True
    assert selection["seed"] != proof["seed"] != derive_seed(0, Stream.TRAINING)
    assert verdict["mean"] == pytest.approx(np.mean(proof["returns"]))
    assert verdict["interval"][0] <= verdict["mean"] <= verdict["interval"][1]
    assert verdict["threshold"] == 475.0
    assert verdict["solved"] is (selection["mean"] >= 475 and proof["mean"] >= 475)
    assert {"python", "gymnasium", "numpy"} <= verdict["versions"].keys()


def test_the_summary_is_what_the_run_records(tmp_path: Path) -> None:
    recorder = Recorder()
    run = cartpole(tmp_path, total_timesteps=256, listener=recorder)
    info, rows = record_in(run), run.metrics()
    assert recorder.folder == run.path
    assert recorder.rows == rows
    assert recorder.summary.items() <= info.items()
    assert info["iterations"] == len(rows)
    assert info["timesteps"] == rows[-1]["time/total_timesteps"]
    assert info["mean_return"] == record_in(run, "evaluation.json")["mean"]
    assert info["train_seconds"] > 0.0
    assert info["eval_seconds"] > 0.0


class Weights(Recorder):
    """Keeps the weights at each evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, dict[str, np.ndarray]]] = []

    def started(self, trainer: Any, folder: Path) -> None:
        super().started(trainer, folder)
        self.trainer = trainer

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        self.seen.append((evaluation.mean, weights_of(self.trainer.policy)))


def script_means(monkeypatch: pytest.MonkeyPatch, *means: float) -> None:
    """Make every evaluation find the next of these means."""
    left = list(means)

    def evaluate(self: Evaluator, policy: Any, seed: int, **options: Any) -> Evaluation:
        return Evaluation((left.pop(0),), seed, True, self.threshold, (1,))

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)


def test_unsolved_the_best_evaluated_policy_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script_means(monkeypatch, 5.0, 9.0, 7.0, 8.0)  # three selections, and the proof of the best
    watcher = Weights()
    run = cartpole(tmp_path, total_timesteps=384, eval_every=128, listener=watcher)
    assert [mean for mean, _ in watcher.seen] == [5.0, 9.0, 7.0]
    assert run.solved is False
    assert run.info["mean_return"] == 8.0
    assert same_weights(weights_of(run.policy), watcher.seen[1][1])
    assert not same_weights(watcher.seen[1][1], watcher.seen[2][1])


class Disturbing(Weights):
    """Does something where it is told to."""

    def __init__(self, where: str, disturb: Callable[[], None], after: int = 0) -> None:
        super().__init__()
        self.where, self.disturb, self.left = where, disturb, after

    def reach(self, where: str) -> None:
        if where == self.where:
            self.left -= 1
            if self.left < 0:
                self.disturb()

    def started(self, trainer: Any, folder: Path) -> None:
        super().started(trainer, folder)
        self.reach("started")

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        super().iterated(iteration, row)
        self.reach("iterated")

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        super().evaluated(evaluation, timesteps)
        self.reach("evaluated")

    def concluded(self, verdict: Any, summary: dict[str, Any]) -> None:
        super().concluded(verdict, summary)
        self.reach("concluded")


def signal_once() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def signal_twice() -> None:
    signal_once()
    signal_once()


def break_down() -> None:
    raise RuntimeError("no more")


@pytest.mark.parametrize("where", ["started", "iterated", "evaluated"])
def test_an_interrupted_run_finishes_the_iteration_and_keeps_a_policy(
    tmp_path: Path, where: str
) -> None:
    listener = Disturbing(where, signal_once)
    with pytest.raises(Interrupted) as caught:
        cartpole(tmp_path, total_timesteps=512, listener=listener)
    assert (caught.value.signum, caught.value.folder) == (signal.SIGINT, str(listener.folder))
    run = upright.load(listener.folder)
    assert run.status == "interrupted"
    assert len(run.metrics()) == len(listener.rows) >= 1
    assert run.info["timesteps"] == listener.trainer.timesteps
    action, _ = run.policy.predict(np.zeros(4), deterministic=True)
    assert action in (0, 1)
    checkpoint = max((run.path / "checkpoints").iterdir())
    assert len(list(checkpoint.iterdir())) == 4


def test_a_signal_after_the_verdict_leaves_the_run_finished(tmp_path: Path) -> None:
    listener = Disturbing("concluded", signal_once)
    with pytest.raises(KeyboardInterrupt):
        cartpole(tmp_path, total_timesteps=512, listener=listener)
    assert upright.load(listener.folder).status == "finished"


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    listener = Disturbing("evaluated", signal_twice)
    with pytest.raises(Interrupted) as caught:
        cartpole(tmp_path, total_timesteps=512, listener=listener)
    assert caught.value.folder == ""
    run = upright.load(listener.folder)
    assert (run.status, listener.rows) == ("interrupted", [])
    assert same_weights(weights_of(run.policy), listener.seen[0][1])


def test_the_handlers_of_the_caller_come_back(tmp_path: Path) -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    cartpole(tmp_path, total_timesteps=128)
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before


def test_interrupted_before_any_evaluation_the_last_weights_are_kept(tmp_path: Path) -> None:
    listener = Disturbing("iterated", signal_once, after=1)
    with pytest.raises(KeyboardInterrupt):
        cartpole(tmp_path, total_timesteps=100_000, listener=listener)
    run = upright.load(listener.folder)
    assert len(run.metrics()) == 2
    assert same_weights(weights_of(run.policy), weights_of(listener.trainer.policy))


def test_interrupted_after_a_proof_the_proven_weights_are_kept(
    tmp_path: Path, easy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Selected and proven; then a better one whose proof fails.
    script_means(monkeypatch, 1.0, 1.0, 2.0, 0.0)
    listener = Disturbing("evaluated", signal_once, after=1)
    settings = QUICK | {"eval_every": 128, "until": "budget"}
    with pytest.raises(KeyboardInterrupt):
        upright.train(easy, algo="ppo", out=tmp_path, listener=listener, **settings)
    (_, proven), (_, later) = listener.seen
    kept = weights_of(upright.load(listener.folder).policy)
    assert not same_weights(proven, later)
    assert same_weights(kept, proven)


def test_a_run_that_broke_before_its_first_checkpoint_has_no_weights(tmp_path: Path) -> None:
    listener = Disturbing("iterated", break_down)
    with pytest.raises(RuntimeError, match="no more"):
        cartpole(tmp_path, total_timesteps=100_000, listener=listener)
    with pytest.raises(UprightError, match=r"\(failed\) has no weights yet"):
        _ = upright.load(listener.folder).policy


def test_a_run_that_breaks_says_failed(tmp_path: Path) -> None:
    listener = Disturbing("iterated", break_down)
    with pytest.raises(RuntimeError, match="no more"):
        cartpole(tmp_path, total_timesteps=512, listener=listener)
    assert upright.load(listener.folder).status == "failed"


def test_a_loss_that_is_not_a_number_stops_the_run_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(log_probs: np.ndarray, *arguments: Any) -> tuple[float, np.ndarray]:
        return float("nan"), log_probs * float("nan")

    monkeypatch.setattr("upright.learning.ppo.clipped_surrogate", broken)
    recorder = Recorder()
    with pytest.raises(UprightError, match="policy_gradient_loss became nan in iteration 1"):
        cartpole(tmp_path, total_timesteps=512, listener=recorder)
    run = upright.load(recorder.folder)
    assert run.status == "failed"
    assert run.metrics() == []
    assert not (run.path / "evaluation.json").exists()


class Poisoned(Probe):
    """Its reward is not a number."""

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self.observe(), float("nan"), True, False, {}


@pytest.mark.parametrize("algo", ["reinforce", "actor-critic", "ppo"])
def test_a_reward_that_is_not_a_number_stops_the_run(tmp_path: Path, algo: str) -> None:
    recorder = Recorder()
    with pytest.raises(UprightError, match="became nan"):
        upright.train(Poisoned, algo=algo, out=tmp_path, listener=recorder, num_envs=8)
    assert upright.load(recorder.folder).status == "failed"


@pytest.mark.parametrize(
    "arguments",
    [
        {"env": "CartPol-v1"},
        {"env": "CartPole-v1", "algo": "dqn"},
        {"env": "CartPole-v1", "gamma": 2.0},
        {"env": "CartPole-v1", "no_such_setting": 1},
        {"env": "CartPole-v1", "preset": "nothing"},
        {"env": "CartPole-v1", "until": "never"},
        {"env": "MountainCarContinuous-v0", "num_envs": 0},
        {"env": "Acrobot-v1", "backend": "vector"},
    ],
    ids=str,
)
def test_bad_input_leaves_nothing_on_the_disk(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(UprightError):
        upright.train(**arguments, out=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_a_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "runs"
    blocked.write_text("mine")
    with pytest.raises(UprightError, match="Cannot write the run"):
        cartpole(blocked)
    assert blocked.read_text() == "mine"


def test_a_factory_trains_as_an_id_does(tmp_path: Path, easy: str) -> None:
    def made() -> gym.Env[Any, Any]:
        return gym.make(easy)

    settings = QUICK | {"total_timesteps": 512, "backend": "sync"}
    by_id = upright.train(easy, algo="ppo", out=tmp_path, **settings)
    by_factory = upright.train(made, algo="ppo", out=tmp_path, **settings)
    assert policy_bytes(by_factory) == policy_bytes(by_id)
    assert by_factory.path == tmp_path / "made" / "ppo-s0"
    assert by_factory.info["threshold"] == 0.9
    assert upright.verify(by_factory).holds


def test_a_lambda_is_a_factory_too(tmp_path: Path) -> None:
    run = upright.train(
        lambda: ActionReward(), algo="ppo", out=tmp_path, total_timesteps=128, **SMALL
    )
    assert run.status == "finished"
    assert not set(run.path.parent.name) & set('<>:"|?*')


def test_a_verified_run_of_a_factory_needs_the_factory_again(tmp_path: Path) -> None:
    run = upright.train(ObsReward, algo="ppo", out=tmp_path, total_timesteps=128, **SMALL)
    assert run.evaluate(episodes=3).threshold is None
    with pytest.raises(UprightError, match="ObsReward") as caught:
        upright.load(run.path).evaluate(episodes=3)
    assert "env=" in caught.value.hint
    again = upright.load(run.path, env=ObsReward)
    assert again.evaluate(episodes=3) == run.evaluate(episodes=3)
    assert upright.verify(again).holds


def test_an_untouched_verdict_holds_and_is_identical(run: Run) -> None:
    verification = upright.verify(run)
    assert (verification.holds, verification.identical) == (True, True)
    recorded = record_in(run, "evaluation.json")
    assert list(verification.proof.returns) == recorded["proof"]["returns"]
    assert list(verification.selection.returns) == recorded["selection"]["returns"]


def edit(folder: Path, name: str, change: Any) -> None:
    path = folder / name
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def shift_first_return(evaluation: dict[str, Any]) -> None:
    """Another return, with statistics that agree with it."""
    changed = Evaluation(
        (evaluation["returns"][0] + 1.0, *evaluation["returns"][1:]),
        evaluation["seed"],
        evaluation["deterministic"],
        evaluation["threshold"],
        tuple(evaluation["lengths"]),
        evaluation["num_envs"],
        evaluation["backend"],
    )
    evaluation.update(changed.as_dict())


def lower_every_threshold(record: dict[str, Any]) -> None:
    record["threshold"] = record["selection"]["threshold"] = record["proof"]["threshold"] = 1.0
    record["selection"]["solved"] = record["proof"]["solved"] = record["solved"] = True


def shift_the_proof_and_the_mean(record: dict[str, Any]) -> None:
    shift_first_return(record["proof"])
    record["mean"], record["interval"] = record["proof"]["mean"], record["proof"]["interval"]


def prove_by_the_selection(record: dict[str, Any]) -> None:
    record["proof"] = record["selection"]
    record["mean"], record["interval"] = record["proof"]["mean"], record["proof"]["interval"]


EDITS = {
    "mean": lambda record: record.update(mean=500.0),
    "solved": lambda record: record.update(solved=True),
    "threshold": lambda record: record.update(threshold=1.0),
    "interval": lambda record: record.update(interval=[499.0, 500.0]),
    "env": lambda record: record.update(env="Acrobot-v1"),
    "every threshold": lower_every_threshold,
    "no threshold": lambda record: record["proof"].update(threshold=None, solved=None),
    "returns of the proof": lambda record: record["proof"]["returns"].__setitem__(0, 500.0),
    "consistent returns": shift_the_proof_and_the_mean,
    "consistent selection": lambda record: shift_first_return(record["selection"]),
    "seed": lambda record: record["proof"].update(seed=1),
    "digest": lambda record: record.update(weights_sha256="0" * 64),
    "selection as proof": prove_by_the_selection,
    "a field less": lambda record: record["proof"].pop("returns"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_verdict_does_not_hold(run_copy: Path, name: str) -> None:
    edit(run_copy, "evaluation.json", EDITS[name])
    verification = upright.verify(upright.load(run_copy))
    assert verification.holds is False
    assert verification.reason.endswith(".")


def test_a_threshold_that_is_not_the_environments_is_the_reason(run_copy: Path) -> None:
    edit(run_copy, "evaluation.json", lower_every_threshold)
    assert "threshold" in upright.verify(upright.load(run_copy)).reason


def test_other_weights_do_not_hold(run_copy: Path) -> None:
    path = run_copy / "policy.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    verification = upright.verify(upright.load(run_copy))
    assert verification.holds is False
    assert "weights" in verification.reason


def test_other_weights_with_their_own_digest_do_not_hold(run_copy: Path) -> None:
    weights = upright.load(run_copy).policy.weights
    weights["actor.4.weight"] = -weights["actor.4.weight"]
    data = weights_bytes(weights)
    (run_copy / "policy.safetensors").write_bytes(data)
    digest = sha256(data)
    edit(run_copy, "evaluation.json", lambda record: record.update(weights_sha256=digest))
    verification = upright.verify(upright.load(run_copy))
    assert (verification.holds, verification.identical) == (False, False)


def test_other_settings_do_not_hold(run_copy: Path) -> None:
    path = run_copy / "settings.toml"
    text = path.read_text()
    assert 'activation = "tanh"' in text
    path.write_text(text.replace('activation = "tanh"', 'activation = "relu"'))
    assert read_recipe(path).settings.activation == "relu"
    assert upright.verify(upright.load(run_copy)).holds is False


def test_on_other_versions_an_identical_repetition_holds(run_copy: Path) -> None:
    edit(run_copy, "evaluation.json", lambda record: record["versions"].update(numpy="1.0"))
    verification = upright.verify(upright.load(run_copy))
    assert (verification.holds, verification.identical) == (True, True)


def test_on_other_versions_the_mean_must_be_in_the_interval(run_copy: Path) -> None:
    def near(record: dict[str, Any]) -> None:
        record["versions"]["numpy"] = "1.0"
        shift_the_proof_and_the_mean(record)

    edit(run_copy, "evaluation.json", near)
    mean = record_in(upright.load(run_copy), "evaluation.json")["mean"]
    edit(run_copy, "run.json", lambda info: info.update(mean_return=mean))
    verification = upright.verify(upright.load(run_copy))
    assert (verification.holds, verification.identical) == (True, False)
    assert "differ" in verification.reason

    def far(record: dict[str, Any]) -> None:
        for _ in range(100):
            shift_the_proof_and_the_mean(record)

    edit(run_copy, "evaluation.json", far)
    mean = record_in(upright.load(run_copy), "evaluation.json")["mean"]
    edit(run_copy, "run.json", lambda info: info.update(mean_return=mean))
    proof = record_in(upright.load(run_copy), "evaluation.json")["proof"]
    repeated = verification.proof.mean
    inside = proof["interval"][0] <= repeated <= proof["interval"][1]
    assert upright.verify(upright.load(run_copy)).holds is inside


def test_a_run_json_that_tells_of_another_verdict_is_believed_nowhere(
    run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    solved = upright.load(run_copy).solved
    edit(run_copy, "run.json", lambda info: info.update(solved=not solved, mean_return=1234.5))
    run = upright.load(run_copy)
    assert run.solved is None
    assert "solved=None" in repr(run)
    assert upright.verify(run).reason == "run.json tells of another verdict than evaluation.json."
    assert main(["resume", str(run_copy), "--json"]) == 2
    assert main(["runs", str(run_copy)]) == 0
    said = capsys.readouterr()
    assert "1234" not in said.out
    assert "run.json tells of another verdict" in said.err
    # A run that is not at its end may be between the two files; what counts is the verdict.
    edit(run_copy, "run.json", lambda info: info.update(status="interrupted"))
    assert upright.load(run_copy).solved is solved


def test_a_run_without_a_verdict_cannot_be_verified(run_copy: Path) -> None:
    (run_copy / "evaluation.json").unlink()
    with pytest.raises(UprightError, match="has no verdict"):
        upright.verify(upright.load(run_copy))
