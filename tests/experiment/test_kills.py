"""A training that is killed at any moment goes on as if nothing had been."""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import kills
import upright
from kills import INTERVALS, KILLED, Case, Server, differences


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def pick(rng: random.Random, algo: str, backend: str) -> Case:
    """A training with an option, an environment and a checkpoint interval drawn at random."""
    option = rng.choice(sorted(kills.options(algo)))
    env = rng.choice(kills.environments(backend))
    return Case.of(env, algo, backend, option, rng.choice(INTERVALS))


def compare_with_killed(
    server: Server, case: Case, folder: Path, rng: random.Random, kill: int
) -> None:
    """Hold a killed run against an undisturbed one; a training that was too fast is repeated."""
    seconds = kills.undisturbed(server, case, folder / "undisturbed")
    for attempt in range(8):
        out = folder / f"killed-{attempt}"
        hits = kills.killed_and_resumed(server, case, out, rng, seconds / 2**attempt, kill)
        assert differences(case.folder(folder / "undisturbed"), case.folder(out)) == [], case
        if hits:
            return
    pytest.fail(f"No kill came in time: {case}")


@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_killed_training_goes_on_exactly(tmp_path: Path, server: Server, algo: str) -> None:
    rng = random.Random(f"short {algo}")
    backend = kills.backends()[kills.algorithms().index(algo) % len(kills.backends())]
    case = Case.of("CartPole-v1", algo, backend, "plain", 77, timesteps=2000)
    compare_with_killed(server, case, tmp_path, rng, 2)


@pytest.mark.long
@pytest.mark.parametrize("kill", [1, 2, 6])
@pytest.mark.parametrize("backend", kills.backends())
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_training_killed_many_times_goes_on_exactly(
    tmp_path: Path, server: Server, algo: str, backend: str, kill: int
) -> None:
    rng = random.Random(f"long {algo} {backend} {kill}")
    compare_with_killed(server, pick(rng, algo, backend), tmp_path, rng, kill)


@pytest.mark.long
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_training_that_may_end_early_is_solved_exactly_as_without_kills(
    tmp_path: Path, server: Server, algo: str
) -> None:
    tuned = {"preset": "tuned", "seed": 2, "checkpoint_every": 300, "keep": 2}
    case = Case("CartPole-v1", algo, tuned)
    compare_with_killed(server, case, tmp_path, random.Random(f"tuned {algo}"), 4)
    assert upright.load(case.folder(tmp_path / "undisturbed")).solved


def killed_at_operations(
    server: Server,
    case: Case,
    folder: Path,
    choose: Callable[[Sequence[str]], list[int]],
    kind: str,
) -> None:
    """Kill at single operations on files, the resume at the same one, and compare."""
    ended = server.train(case, folder / "undisturbed")
    assert ended.status == 0, ended.error
    found = {}
    for at in choose(ended.operations):
        out = folder / f"killed-{at}"
        server.train(case, out, fault=(kind, at))
        if not case.folder(out).exists():
            continue
        server.resume(case.folder(out), fault=(kind, at // 2))
        ended = server.resume(case.folder(out))
        assert ended.status == 0, f"{at}: {ended.error}"
        if differing := differences(case.folder(folder / "undisturbed"), case.folder(out)):
            found[at] = differing
    assert found == {}


def concluding(operations: Sequence[str]) -> list[int]:
    """The policy, the verdict and run.json taking their places, and the events being written."""
    replaced = [at for at, name in enumerate(operations) if name == "replace"]
    events = max(at for at, name in enumerate(operations) if name == "mkdir")
    return [*replaced[-3:], events, (events + len(operations)) // 2]


TUNED = Case(
    "CartPole-v1", "ppo", {"preset": "tuned", "seed": 2, "checkpoint_every": 2000, "keep": 1}
)


def tiny(algo: str) -> Case:
    return Case.of("CartPole-v1", algo, "sync", "plain", 256, timesteps=600)


@pytest.mark.parametrize(
    "case",
    [pytest.param(TUNED, marks=pytest.mark.long), tiny("ppo")],
    ids=["solved", "budget"],
)
def test_a_training_killed_while_it_concludes_goes_on_exactly(
    tmp_path: Path, server: Server, case: Case
) -> None:
    killed_at_operations(server, case, tmp_path, concluding, "killed")


def test_a_training_killed_at_an_operation_on_a_file_goes_on_exactly(
    tmp_path: Path, server: Server
) -> None:
    def sample(operations: Sequence[str]) -> list[int]:
        return random.Random("operations").sample(range(len(operations)), 4)

    killed_at_operations(server, tiny("ppo"), tmp_path, sample, "torn and killed")


@pytest.mark.long
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_training_killed_at_any_operation_on_a_file_goes_on_exactly(
    tmp_path: Path, server: Server, algo: str
) -> None:
    every, first = len(kills.algorithms()), kills.algorithms().index(algo)

    def share(operations: Sequence[str]) -> list[int]:
        return list(range(first, len(operations), every))

    killed_at_operations(server, tiny(algo), tmp_path, share, "torn and killed")


def run_until_killed(words: list[str], folder: Path, seconds: float) -> int:
    """A command line that is killed some time after its log began; its status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "upright", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (folder / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.005)
    if "resume" in words:
        seconds += 2.0
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


def upright_says(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "upright", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def command_line_killed(server: Server, case: Case, folder: Path, kill: int) -> None:
    rng = random.Random(f"command line {case.algo}")
    seconds = kills.undisturbed(server, case, folder / "undisturbed")
    out = folder / "killed"
    words = case.words(out)
    for _ in range(kill):
        status = run_until_killed(words, case.folder(out), rng.uniform(0.0, seconds))
        assert status in (0, KILLED)
        words = ["resume", str(case.folder(out))]
    upright_says("resume", str(case.folder(out)))
    assert differences(case.folder(folder / "undisturbed"), case.folder(out)) == []


def test_a_killed_command_line_goes_on_exactly(tmp_path: Path, server: Server) -> None:
    case = Case.of("CartPole-v1", "ppo", "vector", "minibatches", 77)
    command_line_killed(server, case, tmp_path, 1)


@pytest.mark.long
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_command_line_killed_twice_goes_on_exactly(
    tmp_path: Path, server: Server, algo: str
) -> None:
    case = Case.of("CartPole-v1", algo, "sync", "schedules", 1).also(shards=2, workers=1)
    command_line_killed(server, case, tmp_path, 2)
