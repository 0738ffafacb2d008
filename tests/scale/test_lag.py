"""One rollout ahead: which weights act in which, and the same bytes whoever collects them."""

import random
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kills
import upright
from experiment.test_exactness import Notes, run_folder, started_and_ended
from kills import Case, Server
from probes.masked import Forbidding
from scale.engines import Raises, Strikes, differing, ended_twice, workers_of_this
from scale.test_exact import (
    AROUND,
    SHARDED,
    check_storm,
    course,
    killed_with,
    same_course,
    trainer_of,
)
from support import weights_of
from upright.cli import main
from upright.experiment import Listener
from upright.ground import State
from upright.ground.errors import UprightError
from upright.policy.networks import Weights
from upright.rollout import Rollout
from upright.runs.run import Run
from upright.scale.engine import Engine, Reply
from upright.scale.inprocess import InProcess

LAG: dict[str, Any] = kills.small("ppo") | {"lag": 1, "shards": 4}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.scale.processes.ProcessEngine.waits", (0.0,) * 3)


def played(
    trainer: upright.Trainer, count: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Weights], list[Weights], list[Rollout]]:
    """Weights before every iteration; those that each rollout was collected with; the rollouts."""
    published: list[Weights] = []
    rollouts: list[Rollout] = []
    publish, collect = InProcess.publish, trainer.collector.collect

    def publishing(engine: InProcess, weights: Weights) -> None:
        published.append({name: array.copy() for name, array in weights.items()})
        publish(engine, weights)

    def collecting() -> Rollout:
        rollouts.append(collect())
        return rollouts[-1]

    monkeypatch.setattr(InProcess, "publish", publishing)
    monkeypatch.setattr(trainer.collector, "collect", collecting)
    versions = []
    for _ in range(count):
        versions.append(weights_of(trainer.policy))
        next(trainer)
    return versions, published, rollouts


def numbered(versions: list[Weights], found: list[Weights]) -> list[int]:
    """Which of the versions each of these weights is."""
    known = [b"".join(array.tobytes() for array in each.values()) for each in versions]
    return [known.index(b"".join(array.tobytes() for array in each.values())) for each in found]


@pytest.mark.parametrize(
    ("lag", "acts"), [(0, [0, 1, 2, 3, 4]), (1, [0, 0, 1, 2, 3])], ids=["no lag", "lag 1"]
)
@pytest.mark.parametrize("normalize", [False, True])
def test_rollout_v_is_collected_by_version_v_or_by_the_one_before_it(
    lag: int, acts: list[int], normalize: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = LAG | {"lag": lag, "normalize_obs": normalize}
    with closing(trainer_of("CartPole-v1", "ppo", settings)) as trainer:
        versions, published, rollouts = played(trainer, 5, monkeypatch)
    assert numbered(versions, published)[:5] == acts
    assert len(published) == 5 + lag  # the one that is under way
    for version, rollout in zip(acts, rollouts, strict=True):
        if not lag:
            assert rollout.log_probs is None
            continue
        assert rollout.log_probs is not None
        assert rollout.log_probs.shape == rollout.rewards.shape
        trainer.policy.load(versions[version])
        flat = (rollout.obs[:-1].reshape(-1, 4), rollout.actions.ravel())
        expected = trainer.policy.log_probs(*flat).reshape(rollout.rewards.shape)
        np.testing.assert_allclose(rollout.log_probs, expected, rtol=1e-5, atol=1e-6)


def test_the_ratio_is_of_the_policy_that_acted() -> None:
    """Its log-probs are in the batch, and the first step's KL is that to the policy of now."""
    settings = LAG | {"num_epochs": 1, "learning_rate": 0.01}
    with closing(trainer_of("CartPole-v1", "ppo", settings)) as trainer:
        divergences = [next(trainer).metrics["train/approx_kl"] for _ in range(3)]
        rollout = trainer.collector.collect()
        batch = trainer.algorithm.batch(rollout)
    assert rollout.log_probs is not None
    assert batch.old_log_probs.tobytes() == rollout.log_probs[rollout.valid].tobytes()
    assert divergences[0] == pytest.approx(0.0, abs=1e-6)
    assert min(divergences[1:]) > 1e-6


@pytest.mark.parametrize("lag", [0, 1])
def test_workers_collect_the_next_rollout_unasked(lag: int) -> None:
    with closing(trainer_of("CartPole-v1", "ppo", LAG | {"lag": lag}, workers=1)) as trainer:
        next(trainer)
        engine: Engine = trainer.collector._engine  # type: ignore[attr-defined]
        came = engine.wait(60.0 * lag)
        assert (came is not None and isinstance(came[1], Reply)) == (lag == 1)


def options() -> list[Any]:
    return [
        pytest.param(backend, option, id=f"{backend}-{option}")
        for backend in ("sync", "vector")
        for option in kills.options("ppo")
    ]


@pytest.mark.parametrize(("backend", "option"), options())
def test_a_run_one_rollout_ahead_is_the_same_in_any_storm(backend: str, option: str) -> None:
    settings = LAG | {"backend": backend, "shards": 2} | kills.options("ppo")[option]
    check_storm("CartPole-v1", "ppo", settings)


@pytest.mark.parametrize(
    ("env", "settings"),
    [
        (Forbidding, {}),
        ("Pendulum-v1", AROUND | {"normalize_obs": True, "normalize_rewards": True}),
        (Forbidding, {"num_steps": 0}),
    ],
    ids=["masks", "wrapped, stacked and normalised", "masks, whole episodes"],
)
def test_so_is_one_of_any_environment(env: Any, settings: dict[str, Any]) -> None:
    check_storm(env, "ppo", LAG | {"shards": 2} | settings)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_is_the_same_with_worker_processes_that_are_killed(
    monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings = LAG | {"normalize_obs": True}
    with closing(trainer_of("CartPole-v1", "ppo", settings)) as here:
        straight = course(here, 6)
    strikes = Strikes(monkeypatch, {1, 6, 13})
    with closing(trainer_of("CartPole-v1", "ppo", settings, workers=workers)) as there:
        assert same_course(straight[:3], course(there, 3))
        cut, weights = there.state(), weights_of(there.policy)
        course(there, 2)
        assert there.restore(weights, cut) == []  # while a later rollout is under way
        assert same_course(straight[3:4], course(there, 1))
    with closing(trainer_of("CartPole-v1", "ppo", settings, workers=3 - workers)) as elsewhere:
        assert elsewhere.restore(weights, cut) == []
        assert same_course(straight[3:], course(elsewhere, 3))
    assert strikes.struck
    assert workers_of_this() == []


def test_a_run_ended_and_resumed_with_other_workers_is_the_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = SHARDED | {"preset": "default", "total_timesteps": 2000, "num_steps": 64, "lag": 1}
    whole = upright.train("CartPole-v1", "ppo", out=tmp_path / "whole", **chosen)
    Strikes(monkeypatch, {3, 8})
    folder = ended_twice(tmp_path, **chosen)
    notes = Notes()
    resumed = upright.resume(folder, workers=1, listener=notes)
    assert not [note for note in notes.notes if "bit-identical" in note]
    assert resumed.recipe.settings.collects_ahead
    assert differing(whole.path, folder) == []
    assert workers_of_this() == []


def test_a_larger_budget_leads_where_a_straight_run_of_it_leads(tmp_path: Path) -> None:
    chosen = SHARDED | {"preset": "default", "num_steps": 64, "lag": 1, "eval_every": 512}
    short = upright.train("CartPole-v1", "ppo", out=tmp_path, total_timesteps=1024, **chosen)
    longer = upright.resume(short.path, total_timesteps=2048)
    straight = upright.train(
        "CartPole-v1", "ppo", out=tmp_path / "straight", total_timesteps=2048, **chosen
    )
    assert longer.info["timesteps"] == straight.info["timesteps"]
    ours, theirs = (run.policy_at("last").weights for run in (longer, straight))
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)


@pytest.fixture(scope="module")
def server() -> Any:
    server = Server()
    yield server
    server.close()


@pytest.mark.long
def test_a_killed_driver_goes_on_exactly_with_any_number_of_workers(
    tmp_path: Path, server: Server
) -> None:
    rng = random.Random("one rollout ahead")
    case = Case.of("CartPole-v1", "ppo", "sync", "normalize_obs", 77, timesteps=2000)
    whole = case.also(shards=2, lag=1)
    assert server.train(whole, tmp_path / "whole").status == 0
    with_workers = whole.also(workers=2)
    seconds = kills.undisturbed(server, with_workers, tmp_path / "workers")
    struck = 0
    for attempt in range(10):
        out = tmp_path / f"killed-{attempt}"
        struck += killed_with(server, with_workers, out, rng, seconds)
        assert differing(whole.folder(tmp_path / "whole"), with_workers.folder(out)) == []
        if struck > 3:
            return
    assert struck, f"no kill came in time: {case}"


def test_without_a_lag_it_is_another_run_from_the_second_rollout_on() -> None:
    behind, newest = (
        trainer_of("CartPole-v1", "ppo", LAG | {"learning_rate": 0.05, "lag": lag})
        for lag in (1, 0)
    )
    with closing(behind), closing(newest):
        first = [next(each) for each in (behind, newest)]
        later = [[next(each) for _ in range(3)] for each in (behind, newest)]
    assert first[0].episodes == first[1].episodes
    assert later[0] != later[1]


def test_it_solves_what_it_is_to_solve_and_leaves_nobody_behind(tmp_path: Path) -> None:
    run = upright.train(
        "CartPole-v1", "ppo", seed=11, shards=2, workers=1, lag=1, out=tmp_path, media=False
    )
    assert run.solved
    assert upright.verify(run).identical
    assert workers_of_this() == []
    assert "lag = 1\n" in (run.path / "settings.toml").read_text()
    assert "--lag 1" in (run.path / "command.txt").read_text()


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_a_checkpoint_while_a_rollout_is_under_way(
    tmp_path: Path, how: str
) -> None:
    chosen = SHARDED | {"preset": "default", "total_timesteps": 2000, "num_steps": 64, "lag": 1}
    chosen |= {"workers": 2, "backend": "sync"}

    def train(listener: Listener) -> Run:
        return upright.train("CartPole-v1", "ppo", out=tmp_path, listener=listener, **chosen)

    started_and_ended(train, 2, how)
    run = Run(run_folder(tmp_path))
    assert (run.status, run.info["timesteps"]) == ("interrupted", 512)
    assert run.newest_checkpoint()[0] is not None
    assert workers_of_this() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_fault_is_said_and_the_rollout_begun_again_by_who_acted_in_it(workers: int) -> None:
    settings = {"num_envs": 8, "num_steps": 2, "shards": 4, "lag": 1, "seed": 0}
    with closing(trainer_of(Raises, "ppo", settings | {"backend": "sync"}, workers)) as trainer:
        next(trainer)  # the fault is in the third step, hence in the rollout that is under way
        before = trainer.state()
        for _ in range(2):
            with pytest.raises(UprightError, match="Environment 5"):
                next(trainer)
        assert before.same_as(trainer.state())
    assert workers_of_this() == []


SPOILT: dict[str, Any] = {
    "none": lambda arrays: {},
    "others": lambda arrays: {name: array[..., :1] for name, array in arrays.items()},
    "not finite": lambda arrays: {name: array * np.nan for name, array in arrays.items()},
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_recorded_weights_that_cannot_act_are_refused(spoil: Any) -> None:
    with closing(trainer_of("CartPole-v1", "ppo", LAG)) as trainer:
        next(trainer)
        state, weights = trainer.state(), weights_of(trainer.policy)
        prefix = "collector.acting."
        acting = {name: each for name, each in state.arrays.items() if name.startswith(prefix)}
        assert acting
        others = {name: each for name, each in state.arrays.items() if name not in acting}
        with pytest.raises(UprightError, match="recorded"):
            trainer.restore(weights, State(state.values, others | spoil(acting)))
        assert trainer.restore(weights, state) == []


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no shards": ("ppo", {"lag": 1}, "lag is for shards: say --shards too"),
    "two": ("ppo", {"lag": 2, "shards": 2}, "lag = 2 is out of range"),
    "actor-critic": ("actor-critic", {"lag": 1, "shards": 2}, "no setting 'lag'. It belongs to"),
    "reinforce": ("reinforce", {"lag": 1, "shards": 2}, "no setting 'lag'. It belongs to ppo"),
}


@pytest.mark.parametrize(("algo", "settings", "said"), REFUSED.values(), ids=REFUSED)
def test_a_lag_that_cannot_be_is_refused_in_a_sentence(
    algo: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UprightError, match=said):
        upright.Trainer("CartPole-v1", algo, **settings)


def test_the_command_line_says_that_it_is_one_update_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--preset", "default", "--total-timesteps", "512", "--shards", "4", "--lag", "1"]
    assert main(["train", "CartPole-v1", *words, "--out", str(tmp_path), "--no-media"]) == 0
    said = capsys.readouterr().err
    assert "8 environments (vector, 4 shards in this process, one update behind)" in said
    assert main(["train", "CartPole-v1", "--algo", "reinforce", *words]) == 2
    assert "reinforce has no setting 'lag'. It belongs to ppo." in " ".join(
        capsys.readouterr().err.replace("hint: ", "").split()
    )
