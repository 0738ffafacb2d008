"""The benchmarks' pieces run, and what they say of made-up runs is true; no time is asserted."""

import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upright
from upright.envs import make_env, reward_threshold
from upright.judging import Evaluator
from upright.policy import Policy
from upright.settings import resolve

pytest.importorskip("stable_baselines3", reason="the peer that the benchmarks measure beside")
pytestmark = pytest.mark.filterwarnings(
    "ignore:builtin type .* has no __module__:DeprecationWarning"  # Python says it of Box2D's
)
FOLDER = Path(__file__).parents[2] / "benchmarks"
NEEDS_RAY = pytest.mark.skipif(not find_spec("ray"), reason="needs the extra ray")
TASKS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name.startswith("Lunar") and not find_spec("Box2D"), reason="needs the extra box2d"
        ),
    )
    for name in ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCar-v0", "LunarLander-v3")
]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What imports a file of benchmarks/."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    for path in FOLDER.glob("*.py"):  # a room of the tests may have a file's name
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_every_file_finds_what_it_imports(benchmark: Any, name: str) -> None:
    assert benchmark(name).__doc__


def test_every_task_has_the_zoos_settings_and_a_bar(benchmark: Any) -> None:
    zoo, classic = benchmark("peers").zoo(), benchmark("classic")
    for task in classic.REQUIRED:
        assert {"n_envs", "n_timesteps", "n_steps", "gamma"} <= set(zoo[task])
        assert reward_threshold(task, resolve(task).reward_threshold) is not None


@pytest.mark.parametrize("task", [*TASKS, "MountainCarContinuous-v0"])
def test_the_peer_can_be_judged_on_every_task(benchmark: Any, task: str) -> None:
    peers = benchmark("peers")
    less = {"n_envs": 2, "n_steps": 8, "batch_size": 16, "n_epochs": 1}
    model = peers.make_model(task, 0, {**peers.zoo()[task], **less})
    model.learn(16, log_interval=None)
    policy = peers.Greedy(model)
    assert (model.get_vec_normalize_env() is not None) == peers.zoo()[task].get("normalize", False)
    with closing(Evaluator(task, 2)) as evaluator:
        evaluator.refuse_misfit(policy)
    obs = np.array([model.observation_space.sample() for _ in range(2)])
    actions = policy.bounded(policy.act(obs, 0.0))
    assert all(model.action_space.contains(action) for action in actions)


def test_the_peer_is_stopped_at_its_limit_and_counted_as_that(benchmark: Any) -> None:
    run = benchmark("peers").solve("Acrobot-v1", 0, every=10**9, limit=0.02)
    assert (run.solved, run.train_seconds) == (False, 0.02)
    assert run.timesteps > 0


def test_only_a_peer_whose_schedules_end_ends_by_itself(benchmark: Any) -> None:
    peers = benchmark("peers")
    assert peers.budget_of(peers.zoo()["CartPole-v1"]) == 100_000
    assert peers.budget_of(peers.zoo()["Acrobot-v1"]) == peers.WITHOUT_END


def test_a_report_says_what_was_required_and_what_was_stopped(benchmark: Any) -> None:
    classic, solving = benchmark("classic"), benchmark("solving")
    ours = [solving.Solve("we", seed, True, 2.0, 1.0, 100) for seed in range(4)]
    theirs = [solving.Solve("they", seed, seed == 0, 8.0, 1.0, 100) for seed in range(3)]
    ratio, solved = classic.requirements("Acrobot-v1", ours, theirs)
    assert (ratio.met, solved.met) == (False, True)
    assert ratio.measured.startswith("over 4.0 of medians")
    assert ratio.measured.endswith("2 of 3 stopped")
    text = classic.section({"Acrobot-v1": (ours, theirs)})
    assert "| Acrobot-v1 | they | 1 of 3 |" in text
    assert text.count("### Every run of Acrobot-v1") == 1
    data = tomllib.loads(text.partition("```toml")[2].partition("```")[0])
    assert data["tuned"]["ppo"]["result"] == {
        "bar": -100.0,
        "seeds": [0, 3],
        "solved": 4,
        "timesteps": [100, 100, 100],
        "seconds": [2.0, 2.0, 2.0],
    }


def test_both_have_the_same_settings(benchmark: Any) -> None:
    same = benchmark("same_settings")
    names = {"n_steps": "num_steps", "n_epochs": "num_epochs", "batch_size": "minibatch_size"}
    theirs = {names.get(name, name): value for name, value in same.THEIRS.items()}
    assert theirs.pop("normalize") is same.OURS["normalize_obs"] is same.OURS["normalize_rewards"]
    assert {name: same.OURS[name] for name in theirs} == theirs
    model = same.peers.make_model("Pendulum-v1", 0, {**same.THEIRS, "n_envs": 1})
    normalizer = model.get_vec_normalize_env()
    assert normalizer.clip_obs == same.OURS["clip_obs"]
    assert normalizer.clip_reward == same.OURS["clip_rewards"]
    layers = [module for module in model.policy.mlp_extractor.policy_net if hasattr(module, "bias")]
    assert tuple(layer.out_features for layer in layers) == same.OURS["hidden_sizes"]


@pytest.mark.long
def test_mean_returns_and_laps_of_both_are_written_down(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    same, classic, throughput = map(benchmark, ("same_settings", "classic", "throughput"))
    monkeypatch.setattr(same, "TASKS", ("Pendulum-v1",))
    monkeypatch.setattr(throughput, "PEER_ENV", "Pendulum-v1")
    for table, names in (
        (same.OURS, ("num_steps", "minibatch_size", "num_epochs")),
        (same.THEIRS, ("n_steps", "batch_size", "n_epochs")),
    ):
        for name, value in zip(names, (32, 16, 1), strict=True):
            monkeypatch.setitem(table, name, value)
    report = tmp_path / "report.md"
    words = ["--tasks", "none", "--mujoco", "--mujoco-steps", "64", "--mujoco-seeds", "1"]
    classic.main([*words, "--out", str(report)])
    assert "## Mean return after 64 steps, the same settings" in report.read_text()
    throughput.main(["--parts", "peer", "--seeds", "1", "--laps", "1", "--out", str(report)])
    assert "| 8 | Stable-Baselines3 PPO | " in report.read_text()


def test_rates_of_every_backend_and_of_the_loop_are_written_down(
    benchmark: Any, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    words = ["--parts", "loop,backends", "--envs", "CartPole-v1", "--sizes", "2", "--seconds", "0"]
    benchmark("throughput").main([*words, "--out", str(report)])
    rows = [line.split(" | ") for line in report.read_text().splitlines() if "CartPole" in line]
    assert ["| CartPole-v1", "2", "vector"] in [row[:3] for row in rows]
    assert [row[-1] for row in rows if row[2] == "vector"] == ["auto |"]
    assert len(rows) >= 3  # the loop, and what is there without an extra


@pytest.mark.long
def test_what_workers_cost_and_bring_is_measured(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale, report = benchmark("scale"), tmp_path / "report.md"
    for name, value in (("STEPS", 16), ("ENVS", ("CartPole-v1", "CartPole-v1"))):
        monkeypatch.setattr(scale, name, value)
    scale.main(["--laps", "1", "--envs", "CartPole-v1", "--out", str(report)])
    text = report.read_text()
    assert "| CartPole-v1, 16 steps | 2 workers | " in text
    assert "| CartPole-v1 | this process | " in text


@pytest.mark.long
@pytest.mark.parametrize("engine", ["process", pytest.param("ray", marks=NEEDS_RAY)])
def test_lost_workers_are_measured_and_lose_nothing(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    faults, report = benchmark("faults"), tmp_path / "report.md"
    monkeypatch.setattr(faults, "FAULTS", dict([*faults.FAULTS.items()][:1]))
    words = ["--env", "CartPole-v1", "--laps", "1", "--iterations", "2", "--engines", engine]
    faults.main([*words, "--out", str(report)])
    text, who = report.read_text(), str(faults.Who(engine, 2))
    assert f"| {who} | killed (SIGKILL) | ended" in text
    assert f"| {who}, struck: weights and metrics as in one process, to the last bit | the" in text
    assert "OTHERS" not in text


@pytest.mark.long
def test_a_rollout_ahead_is_measured(
    benchmark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lag, report = benchmark("lag"), tmp_path / "report.md"
    monkeypatch.setattr(lag, "LAGGED", {"CartPole-v1": 512})
    words = ["--seeds", "1", "--laps", "1", "--envs", "CartPole-v1", "--total-timesteps", "512"]
    lag.main([*words, "--out", str(report)])
    lines = report.read_text().splitlines()
    assert [line[:29] for line in lines if " of 1 | " in line] == [
        "| CartPole-v1 | 0 | 1 of 1 | ",
        "| CartPole-v1 | 1 | 1 of 1 | ",
    ]
    assert sum(line.startswith("| CartPole-v1 | ") for line in lines) == 5


def test_a_simulation_says_to_how_many_workers_a_task_scales(
    benchmark: Any, tmp_path: Path
) -> None:
    scaling, report = benchmark("scaling"), tmp_path / "report.md"
    scaling.main(["--laps", "2", "--out", str(report)])
    text = report.read_text()
    assert text.count("| HalfCheetah | ") == 3
    tasks, wires = scaling.read_costs(scaling.COSTS)
    free = replace(wires, process_ms=0.0, ray_ms=0.0, network_per_s=1e30, copied_per_s=1e30)
    even = replace(tasks[0], jitter=0.0, collect_us=9.0, update_us=1.0)
    free = replace(free, latency_ms=0.0, losses_per_hour=0.0)
    rates = [scaling.rate(even, free, n, scaling.SYNCHRONOUS, 1) for n in (0, 1, 2, 256)]
    assert [each / rates[0] for each in rates] == pytest.approx(
        [1.0, 1.0, 10 / (9 / 2 + 1), 10 / (9 / 256 + 1)]
    )
    assert scaling.rate(even, free, 16, scaling.NEXT[0], 1) == pytest.approx(10 * rates[0])
    lossy = replace(free, losses_per_hour=1e9, recovery_s=1e3)
    assert scaling.rate(even, lossy, 2, scaling.SYNCHRONOUS, 1) < rates[0]


def test_a_third_look_plays_what_the_verdict_did_not(benchmark: Any, tmp_path: Path) -> None:
    third = benchmark("third_look")
    look = third.look_again("CartPole-v1", 500, episodes=20)
    assert (look.bar, look.proof >= 475) == (475.0, True)
    assert look.third == pytest.approx(look.proof, abs=60)
    below = third.Look("CartPole-v1", 501, 475.0, 480.0, 470.0, 2.0)
    text = third.section([look, below], ["CartPole-v1"] * 3, 20)
    assert f"| CartPole-v1 | 475 | 2 of 3 | {look.confirms + 0} of 2 |" in text
    assert "| 470.00 ± 2.00 |" in text
    assert text.endswith(f"| {look.confirms + 0} of 2 | NOT MET |")


def test_a_third_look_gives_a_policy_the_masks_of_its_environment(benchmark: Any) -> None:
    third, policy = benchmark("third_look"), _policy_for("Taxi-v4")
    with closing(make_env("Taxi-v4")) as env:
        returns = third.plain_returns(env, policy, 2)
    assert min(returns) >= -200  # no forbidden pickup or dropoff, which would cost 10


def _policy_for(env: str) -> Policy:
    with closing(upright.Trainer(env, "ppo")) as trainer:
        return trainer.policy


def test_what_is_unknown_is_refused(benchmark: Any) -> None:
    for name, words in (("classic", "--tasks Pong"), ("throughput", "--parts pong")):
        with pytest.raises(SystemExit):
            benchmark(name).read_arguments(words.split())
