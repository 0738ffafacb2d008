"""Real processes: what a signal ends goes on exactly, and one process at a time writes a run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import upright
from kills import Case, differences
from support import newest_of
from upright.cli import main
from upright.ground.errors import UprightError
from upright.ground.lock import RunLock
from upright.ground.signals import Interrupted, interrupting
from upright.runs.run import Run

ALONE = Case.of("CartPole-v1", "ppo", "vector", "schedules", 300, timesteps=3000)
CASES = {"alone": ALONE, "workers": ALONE.also(shards=2, workers=2)}
SLOW = """
import time
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Slow(CartPoleEnv):
    steps = 0
    def step(self, action):
        Slow.steps += 1
        time.sleep(0.0 if Slow.steps < 250 else 0.1)
        return super().step(action)
"""


class Training:
    """`python -m upright` in a process group of its own."""

    def __init__(self, words: list[str], folder: Path, cwd: Path) -> None:
        self.folder = folder
        self.errors = cwd / "stderr.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "upright", *words],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=cwd,
                start_new_session=True,
            )

    def stderr(self) -> str:
        return self.errors.read_text()

    def rows(self) -> int:
        path = self.folder / "metrics.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def reach(self, rows: int) -> None:
        """Wait for so many rows in the log."""
        while self.rows() < rows:
            assert self.process.poll() is None, self.stderr()
            time.sleep(0.002)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = path.read_text().split() if path.exists() else []
        is_worker = {
            pid: b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children
        }
        return [int(pid) for pid in children if is_worker[pid]]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    """A training that would take minutes."""
    case = Case.of("CartPole-v1", "ppo", "vector", "plain", 500, timesteps=10_000_000)
    started = Training(case.words(tmp_path), case.folder(tmp_path), tmp_path)
    yield started
    started.end()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs that nothing interrupted, by case, each trained once."""
    done: dict[str, Path] = {}

    def train(name: str) -> Path:
        if name not in done:
            out = tmp_path_factory.mktemp("undisturbed")
            done[name] = upright.train(**CASES[name].training(out)).path
        return done[name]

    return train


@pytest.mark.parametrize(
    ("name", "signum", "to_all"),
    [
        ("alone", signal.SIGINT, False),
        ("alone", signal.SIGTERM, False),
        ("workers", signal.SIGINT, True),
    ],
    ids=["SIGINT", "SIGTERM", "SIGINT to workers too"],
)
def test_an_interrupted_training_says_how_to_go_on_and_goes_on_exactly(
    tmp_path: Path,
    undisturbed: Callable[[str], Path],
    name: str,
    signum: signal.Signals,
    to_all: bool,
) -> None:
    case = CASES[name]
    folder = case.folder(tmp_path)
    training = Training(case.words(tmp_path), folder, tmp_path)
    training.reach(5)
    if to_all:
        os.killpg(training.process.pid, signum)
    else:
        training.process.send_signal(signum)
    assert training.process.wait() == 128 + signum
    said = training.stderr()
    assert "Finishing the iteration" in said
    assert f"resume {folder}`" in said
    assert "Traceback" not in said
    run = Run(folder)
    assert run.status == "interrupted"
    assert newest_of(run).timesteps == run.info["timesteps"] < 3000
    upright.resume(folder)
    assert differences(undisturbed(name), folder) == []


def test_a_second_signal_leaves_at_once_and_the_newest_checkpoint_is_whole(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    words = ["train", "slow.py:Slow", "--algo=ppo", "--num-envs=1", "--num-steps=100"]
    words += ["--checkpoint-every=1", f"--out={tmp_path / 'runs'}"]
    training = Training(words, tmp_path / "runs" / "slow.py-Slow" / "ppo-s0", tmp_path)
    training.reach(2)
    time.sleep(0.2)
    training.process.terminate()
    while "Finishing" not in training.stderr():
        time.sleep(0.002)
    training.process.terminate()
    assert training.process.wait() == 128 + signal.SIGTERM
    assert "Traceback" not in training.stderr()
    assert training.rows() == 2
    run = Run(training.folder)
    assert run.status == "interrupted"
    assert newest_of(run).timesteps == 200
    assert run.policy.weights


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_process_at_a_time_writes_a_run_and_a_killed_one_died(
    training: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    training.reach(10)
    os.killpg(training.process.pid, signal.SIGSTOP)
    before = everything_in(training.folder)
    assert main(["resume", str(training.folder)]) == 2
    assert "is being trained by another process" in capsys.readouterr().err
    assert main(["runs", str(training.folder.parent)]) == 0
    assert "running" in capsys.readouterr().out
    assert everything_in(training.folder) == before
    os.killpg(training.process.pid, signal.SIGKILL)
    training.process.wait()
    assert main(["runs", str(training.folder.parent)]) == 0
    assert "died" in capsys.readouterr().out
    RunLock(training.folder).release()


@pytest.mark.long
def test_workers_that_outlive_a_killed_resume_hold_no_lock(tmp_path: Path) -> None:
    case = Case.of("CartPole-v1", "ppo", "sync", "plain", 500, timesteps=10_000_000)
    case = case.also(shards=2, workers=2)
    folder = case.folder(tmp_path)
    first = Training(case.words(tmp_path), folder, tmp_path)
    first.reach(5)
    first.process.terminate()
    first.process.wait()
    second = Training(["resume", str(folder)], folder, tmp_path)
    rows = first.rows()
    try:
        second.reach(rows + 2)
        workers = second.workers()
        assert len(workers) == 2
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        second.process.kill()
        second.process.wait()
        try:
            RunLock(folder).release()
        except UprightError as error:
            pytest.fail(f"The workers hold the lock: {error}")
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
    finally:
        second.end()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_a_drawing_leaves_no_half_of_it(signum: int, tmp_path: Path) -> None:
    run = upright.train("CartPole-v1", total_timesteps=256, out=tmp_path / "runs").path
    out = tmp_path / "drawn"
    out.mkdir()
    words = ["record", str(run), "--episodes", "10000", "--out", str(out / "long.mp4")]
    recording = Training(words, run, tmp_path)
    try:
        while not list(out.iterdir()):
            assert recording.process.poll() is None, recording.stderr()
            time.sleep(0.01)
        recording.process.send_signal(signum)
        assert recording.process.wait(timeout=60) == 128 + signum
    finally:
        recording.end()
    assert list(out.iterdir()) == []
    assert "error: interrupted." in recording.stderr()
    assert "Traceback" not in recording.stderr()


def test_the_second_signal_is_the_systems_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    after_the_first: list[object] = []

    def ended() -> None:
        with interrupting(signal.SIGTERM):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                after_the_first.append(signal.getsignal(signal.SIGTERM))

    with pytest.raises(Interrupted) as raised:
        ended()
    assert raised.value.signum == signal.SIGTERM
    assert after_the_first == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGTERM) == before
