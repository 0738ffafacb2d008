"""The same run, byte for byte, whoever collects its shards, in whatever order, lost or not."""

import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import kills
import upright
from experiment.test_exactness import Ends, Remembering, same_state
from kills import KILLED, Case, Server
from probes.masked import Forbidding, ForbiddingTwo
from probes.spaces import Wandering
from scale.engines import Strikes, differing, ended_twice, into_a_storm, workers_of_this
from support import same_weights, weights_of
from upright.ground import limit_threads

ITERATIONS = 4
AROUND = {
    "env_kwargs": {"g": 9.0},
    "wrapper": ["gymnasium.wrappers:TimeLimit(max_episode_steps=30)"],
    "frame_stack": 3,
}


def trainer_of(env: Any, algo: str, settings: dict[str, Any], workers: int = 0) -> upright.Trainer:
    chosen = {"preset": "default", "seed": 6, "total_timesteps": 20_000, "shards": 2, **settings}
    return upright.Trainer(env, algo, workers=workers, **chosen)


def course(trainer: upright.Trainer, count: int = ITERATIONS) -> list[Any]:
    """What came of the next iterations, and the weights after each."""
    return [(next(trainer), weights_of(trainer.policy)) for _ in range(count)]


def same_course(one: list[Any], other: list[Any]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a == b and same_weights(v, w) for (a, v), (b, w) in pairs)


def check_storm(env: Any, algo: str, settings: dict[str, Any], seed: int = 1) -> None:
    """In this process; in a storm; and cut, restored in another storm, and gone on with."""
    calm, stormy, later = (trainer_of(env, algo, settings) for _ in range(3))
    first, second = into_a_storm(stormy, 3, seed), into_a_storm(later, 2, seed + 1)
    straight = course(calm)
    assert same_course(straight[:2], course(stormy, 2))
    cut, weights = stormy.state(), weights_of(stormy.policy)
    assert same_course(straight[2:], course(stormy, 2))
    assert same_state(stormy.state(), calm.state())
    assert stormy.restore(weights, cut) == []  # back to where workers have been
    assert same_course(straight[2:3], course(stormy, 1))
    assert later.restore(weights, cut) == []
    assert same_state(later.state(), cut)
    assert same_course(straight[2:], course(later, 2))
    assert first.lost + second.lost > 0
    for each in (calm, stormy, later):
        each.close()


def matrix() -> list[Any]:
    return [
        pytest.param(algo, backend, option, id=f"{algo}-{backend}-{option}")
        for algo in kills.algorithms()
        for backend in ("sync", "vector")
        for option in kills.options(algo)
    ]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.scale.processes.ProcessEngine.waits", (0.0,) * 3)


@pytest.mark.parametrize(("algo", "backend", "option"), matrix())
def test_a_run_in_shards_is_the_same_in_any_storm(algo: str, backend: str, option: str) -> None:
    settings = kills.small(algo) | {"backend": backend} | kills.options(algo)[option]
    check_storm("CartPole-v1", algo, settings)


@pytest.mark.parametrize("algo", kills.algorithms())
@pytest.mark.parametrize(
    ("env", "settings"),
    [
        (Forbidding, {}),
        (ForbiddingTwo, {"shards": 4}),
        ("Pendulum-v1", AROUND | {"normalize_obs": True, "normalize_rewards": True}),
        pytest.param(
            Wandering,
            {"frame_stack": 2, "normalize_obs": True},
            marks=pytest.mark.skipif(not find_spec("torch"), reason="needs the extra torch"),
        ),
    ],
    ids=["masks", "two masks", "wrapped, stacked and normalised", "pictures"],
)
def test_so_is_one_of_any_environment(algo: str, env: Any, settings: dict[str, Any]) -> None:
    check_storm(env, algo, kills.small(algo) | settings)


def test_acting_takes_one_thread_and_learning_those_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []
    monkeypatch.setattr("upright.scale.inprocess.limit_threads", taken.append)
    trainer = trainer_of("CartPole-v1", "ppo", kills.small("ppo") | {"threads": 2})
    trainer.collector.collect()
    assert taken == [1, 2]
    trainer.close()
    limit_threads(1)


def test_a_run_before_its_first_iteration_is_gone_on_with() -> None:
    one, other = (trainer_of("CartPole-v1", "ppo", kills.small("ppo")) for _ in range(2))
    course(other, 2)
    assert other.restore(one.policy.weights, one.state()) == []
    assert same_state(one.state(), other.state())
    assert same_course(course(one), course(other))
    one.close()
    other.close()


def test_what_cannot_be_played_again_is_named_and_begun_anew() -> None:
    settings = {"num_envs": 4, "num_steps": 3}
    one, other = (trainer_of(Remembering, "ppo", settings) for _ in range(2))
    course(one, 3)
    assert other.restore(one.policy.weights, one.state()) == [0, 1, 2, 3]
    into_a_storm(one, 2, 1)
    assert one.restore(weights_of(one.policy), one.state()) == []
    notes = [note for iteration, _ in course(one, 3) for note in iteration.notes]
    assert any("was lost over shard" in note for note in notes)
    assert any("began a new episode" in note for note in notes)
    one.close()
    other.close()


# With worker processes: each algorithm once in the short form.
PROCESSES = [
    pytest.param(algo, backend, marks=[pytest.mark.long] if (a + b) % 2 else [])
    for a, algo in enumerate(kills.algorithms())
    for b, backend in enumerate(("sync", "vector"))
]


@pytest.mark.parametrize(("algo", "backend"), PROCESSES)
def test_a_run_is_the_same_with_worker_processes_that_are_killed(
    monkeypatch: pytest.MonkeyPatch, algo: str, backend: str
) -> None:
    settings = kills.small(algo) | {"backend": backend, "shards": 4, "normalize_obs": True}
    here = trainer_of("CartPole-v1", algo, settings)
    straight = course(here)
    here.close()
    strikes = Strikes(monkeypatch, {1, 6})
    there = trainer_of("CartPole-v1", algo, settings, workers=2)
    assert same_course(straight[:2], course(there, 2))
    cut, weights = there.state(), weights_of(there.policy)
    next(there)
    assert there.restore(weights, cut) == []  # back to where workers have been
    assert same_course(straight[2:3], course(there, 1))
    there.close()
    elsewhere = trainer_of("CartPole-v1", algo, settings, workers=1)
    assert elsewhere.restore(weights, cut) == []
    assert same_course(straight[2:], course(elsewhere, 2))
    elsewhere.close()
    assert strikes.struck
    assert workers_of_this() == []


SHARDED = {"shards": 2, "num_envs": 4, "checkpoint_every": 256, "until": "budget", "seed": 0}


def test_a_run_ended_and_resumed_with_other_workers_is_the_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = SHARDED | {"preset": "default", "total_timesteps": 2000, "num_steps": 64}
    whole = upright.train("CartPole-v1", "ppo", out=tmp_path / "whole", **chosen)
    Strikes(monkeypatch, {3, 8})
    folder = ended_twice(tmp_path, **chosen)
    assert upright.resume(folder, workers=1).recipe.workers == 1
    assert differing(whole.path, folder) == []
    assert workers_of_this() == []


@pytest.fixture(scope="module")
def server() -> Any:
    server = Server()
    yield server
    server.close()


def killed_with(server: Server, case: Case, out: Path, rng: random.Random, seconds: float) -> int:
    """Kill a driver again and again, and resume it with another number of workers each time."""
    ended = server.train(case, out, kills.moment(rng, seconds))
    struck = int(ended.status == KILLED)
    while ended.status == KILLED:
        after = kills.moment(rng, seconds) if struck < 4 else -1.0
        words = {"path": str(case.folder(out)), "workers": rng.choice([0, 1, 2, 3])}
        ended = server.ask("resume", words, case.folder(out), after)
        struck += ended.status == KILLED
    assert ended.status == 0, ended.error
    return struck


@pytest.mark.long
@pytest.mark.parametrize("backend", ["sync", "vector"])
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_killed_driver_goes_on_exactly_with_any_number_of_workers(
    tmp_path: Path, server: Server, algo: str, backend: str
) -> None:
    rng = random.Random(f"sharded {algo} {backend}")
    case = Case.of("CartPole-v1", algo, backend, "normalize_obs", 77, timesteps=2000)
    whole = case.also(shards=2)
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


@pytest.mark.long
def test_a_worker_killed_in_every_iteration_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = kills.small("ppo") | {"shards": 4}
    here = trainer_of("CartPole-v1", "ppo", settings)
    straight = course(here, 20)
    here.close()
    strikes = Strikes(monkeypatch, set(range(0, 200, 5)))
    there = trainer_of("CartPole-v1", "ppo", settings, workers=2)
    assert same_course(straight, course(there, 20))
    there.close()
    assert strikes.struck > 10


def test_the_listener_hears_of_lost_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hears(Ends):
        said: tuple[str, ...] = ()

        def noted(self, notes: Any) -> None:
            self.said += tuple(notes)

    Strikes(monkeypatch, {0})
    listener = Hears(-1, "never")
    chosen = SHARDED | {"preset": "default", "total_timesteps": 512, "num_steps": 64, "workers": 1}
    upright.train("CartPole-v1", "ppo", out=tmp_path, listener=listener, **chosen)
    (said,) = listener.said
    assert said == (
        "Worker 0 was lost over shard 0 (environments 0 to 1): its process ended by signal 9. "
        "Another takes its place, and nothing else is lost."
    )
