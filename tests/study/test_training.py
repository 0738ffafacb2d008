"""Several seeds as processes: their folders, what is there already, kills, and deaths."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import upright
from kills import differences
from upright.ground.signals import Interrupted
from upright.runs.run import Run
from upright.settings.resolving import resolve
from upright.study import training
from upright.study.children import Child, Children, Onlooker, SeedProgress
from upright.study.local_process import LocalProcess
from upright.study.training import task_of

TINY: dict[str, Any] = {
    "algo": "ppo", "preset": "default", "num_envs": 4, "num_steps": 32, "num_epochs": 1,
    "hidden_sizes": [8], "total_timesteps": 1024, "eval_every": 512, "eval_episodes": 10,
    "until": "budget", "media": False,
}  # fmt: skip
# Long enough to be caught in the midst of it.
LONGER = TINY | {"total_timesteps": 30_000, "eval_every": 15_000, "checkpoint_every": 10_000}


class Heard(Onlooker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.changes: list[tuple[int, str]] = []

    def began(self, recipe: Any, every: Any, notes: Any) -> None:
        self.notes += notes

    def changed(self, one: SeedProgress) -> None:
        self.changes.append((one.number, one.state))

    def noted(self, one: SeedProgress, note: str) -> None:
        self.notes.append(f"{one.number}: {note}")


def folder_of(out: Path, seed: int) -> Path:
    return out / "CartPole-v1" / f"ppo-s{seed}"


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[upright.Seeds, Path]:
    """Three seeds, for reading only."""
    out = tmp_path_factory.mktemp("trained")
    return upright.seeds("CartPole-v1", seeds="0-1,4", jobs=2, out=out, **TINY), out


def test_each_seed_has_the_run_that_train_would_give(
    trained: tuple[upright.Seeds, Path], tmp_path: Path
) -> None:
    several, out = trained
    assert [run.recipe.seed for run in several.runs] == [0, 1, 4]
    assert sorted(path.name for path in (out / "CartPole-v1").iterdir()) == [
        "ppo-s0", "ppo-s1", "ppo-s4",
    ]  # fmt: skip
    for seed in (0, 4):
        alone = upright.train("CartPole-v1", seed=seed, out=tmp_path, **TINY).path
        assert differences(alone, folder_of(out, seed)) == []
        names = {path.name for path in alone.iterdir() if "tfevents" not in path.name}
        beside = folder_of(out, seed).iterdir()
        assert names == {path.name for path in beside if "tfevents" not in path.name}


def test_the_object_has_runs_statistics_and_pictures(
    trained: tuple[upright.Seeds, Path],
) -> None:
    several, _ = trained
    proofs = [run.verdict().proof.mean for run in several.runs]
    assert several.scores == proofs
    assert several.aggregates.mean.value == pytest.approx(sum(proofs) / 3)
    assert several.aggregates.median.value == sorted(proofs)[1]
    assert min(proofs) <= several.aggregates.iqm.low <= several.aggregates.iqm.high <= max(proofs)
    assert several.failures == {}
    assert several.runs[0].plot().data("svg").startswith(b"<?xml")
    assert several.plot()._repr_png_().startswith(b"\x89PNG")
    page = several._repr_html_()
    assert "CartPole-v1 · ppo, 3 seeds" in page
    assert "Solved and verified: 0 of 3" in page
    assert repr(several).startswith("<3 runs: Solved and verified: 0 of 3; Mean return: ")


def test_a_second_call_reads_what_is_finished_and_begins_what_is_missing(
    trained: tuple[upright.Seeds, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, out = trained
    before, heard = bytes_in(out), Heard()
    with monkeypatch.context() as patch:
        patch.setattr(Children, "start", lambda *_: pytest.fail("a process was started"))
        again = upright.seeds("CartPole-v1", seeds=[4, 0], out=out, onlooker=heard, **TINY)
    assert again.scores == [first.scores[2], first.scores[0]]
    assert heard.changes == heard.notes == []
    assert bytes_in(out) == before
    more = upright.seeds("CartPole-v1", seeds="0-2", out=out, onlooker=heard, **TINY)
    assert heard.changes == [(2, "training"), (2, "finished")]
    assert more.scores[:2] == first.scores[:2]
    assert {name: data for name, data in bytes_in(out).items() if name in before} == before


def test_runs_of_other_settings_stay_and_are_told(tmp_path: Path) -> None:
    upright.train("CartPole-v1", seed=1, out=tmp_path, **TINY | {"gamma": 0.5})
    before, heard = bytes_in(tmp_path), Heard()
    found = upright.seeds("CartPole-v1", seeds=[1], out=tmp_path, onlooker=heard, **TINY)
    assert heard.notes == [
        f"{tmp_path / 'CartPole-v1'} has runs of 1 seed with other settings; they stay, beside "
        "the new ones."
    ]
    assert found.runs[0].path.name == "ppo-s1-2"
    assert {name: data for name, data in bytes_in(tmp_path).items() if name in before} == before


def test_what_only_says_how_often_to_write_makes_no_other_run(tmp_path: Path) -> None:
    first = upright.seeds("CartPole-v1", seeds=[0], out=tmp_path, **TINY)
    again = upright.seeds("CartPole-v1", seeds=[0], out=tmp_path, keep=3, **TINY)
    assert [run.path for run in first.runs] == [run.path for run in again.runs]


def test_a_recipe_that_cannot_be_trained_is_refused_once_and_nothing_is_made(
    tmp_path: Path,
) -> None:
    with pytest.raises(upright.UprightError, match="There is no picture"):
        upright.seeds("CartPole-v1", seeds=[0, 1], out=tmp_path, network="cnn", **TINY)
    with pytest.raises(upright.UprightError, match="total_timesteps"):
        upright.seeds("CartPole-v1", seeds=[0], out=tmp_path, **TINY | {"total_timesteps": 0})
    assert list(tmp_path.iterdir()) == []


class Several:
    """`python -m upright seeds` of `LONGER` in a process group of its own."""

    def __init__(self, out: Path, *words: str, env: str = "CartPole-v1") -> None:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in LONGER.items()
                 if name not in ("media", "hidden_sizes")]  # fmt: skip
        self.errors = out.parent / f"{out.name}.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "upright", "seeds", env, "--out", str(out), "--no-media",
                 "--hidden-sizes=8", *flags, *words],
                stdout=subprocess.DEVNULL, stderr=errors, cwd=out.parent, start_new_session=True,
            )  # fmt: skip

    def stderr(self) -> str:
        return self.errors.read_text()

    def reach(self, folder: Path, rows: int) -> None:
        """Wait for so many rows in a run's log."""
        log = folder / "metrics.jsonl"
        while not log.exists() or log.read_bytes().count(b"\n") < rows:
            assert self.process.poll() is None, self.stderr()
            time.sleep(0.002)

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def start() -> Iterator[Callable[..., Several]]:
    """Starts them, and leaves none behind."""
    begun: list[Several] = []

    def go(*args: Any, **options: Any) -> Several:
        begun.append(Several(*args, **options))
        return begun[-1]

    yield go
    for each in begun:
        each.process.kill()
        each.process.wait()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of `LONGER` that nothing stopped."""
    out = tmp_path_factory.mktemp("undisturbed")
    upright.seeds("CartPole-v1", seeds="0-2", jobs=2, out=out, **LONGER)
    return out


def wait_until_nobody_writes(out: Path) -> None:
    """A child whose parent is gone ends by itself, with a checkpoint."""
    for path in out.glob("*/*/run.json"):
        while Run(path.parent).status == "running":
            time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
@pytest.mark.parametrize(
    ("signum", "to_all"),
    [
        (signal.SIGKILL, False),
        pytest.param(signal.SIGINT, False, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, True, marks=pytest.mark.long),
    ],
    ids=["SIGKILL", "SIGINT", "SIGTERM", "SIGKILL to all"],
)
def test_seeds_that_are_stopped_as_a_whole_go_on_to_the_same_bytes(
    start: Callable[..., Several], undisturbed: Path, tmp_path: Path, signum: int, to_all: bool
) -> None:
    out = tmp_path / "runs"
    several = start(out, "--seeds=0-2", "--jobs=2")
    several.reach(folder_of(out, 0), 4)
    several.reach(folder_of(out, 1), 4)
    children = several.children()
    for pid in children if to_all else []:
        os.kill(pid, signum)
    several.process.send_signal(signum)
    code = several.process.wait()
    assert code == (-signum if signum == signal.SIGKILL else 128 + signum)
    wait_until_nobody_writes(out)
    status = "died" if to_all else "interrupted"
    stopped = [seed for seed in (0, 1) if Run(folder_of(out, seed)).status == status]
    assert stopped
    if signum != signal.SIGKILL:
        assert "The same command goes on from where they stopped." in several.stderr()
        assert "Traceback" not in several.stderr()
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    heard = Heard()
    found = upright.seeds("CartPole-v1", seeds="0-2", out=out, onlooker=heard, **LONGER)
    for seed in stopped:
        assert any(note.startswith(f"{seed}: Going on from step ") for note in heard.notes)
    # The lock of a seed that was done when its process was killed may lie beside them.
    assert len(list((out / "CartPole-v1").glob("[!.]*"))) == len(found.runs) == 3
    for seed in range(3):
        assert differences(folder_of(undisturbed, seed), folder_of(out, seed)) == []


SLOW = """
import time
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Slow(CartPoleEnv):
    steps = 0
    def step(self, action):
        Slow.steps += 1
        time.sleep(0.0 if Slow.steps < 700 else 0.2)
        return super().step(action)
"""


@pytest.mark.long
def test_a_second_signal_leaves_at_once_and_leaves_no_process(
    start: Callable[..., Several], tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    out = tmp_path / "runs"
    several = start(out, "--seeds=0", "--backend=sync", env="slow.py:Slow")
    folder = out / "slow.py-Slow" / "ppo-s0"
    several.reach(folder, 5)
    (child,) = several.children()
    several.process.terminate()
    while "a second signal leaves" not in several.stderr():
        time.sleep(0.01)
    several.process.terminate()
    assert several.process.wait() == 128 + signal.SIGTERM
    assert "Traceback" not in several.stderr()
    assert not Path(f"/proc/{child}").exists()
    assert Run(folder).status == "died"


DYING = """
import os, pathlib, signal
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Dying(CartPoleEnv):
    def step(self, action):
        mark = pathlib.Path({mark!r})
        if mark.exists():
            mark.unlink()
            {fault}
        return super().step(action)
"""
FAULTS = {
    "raises": ("raise RuntimeError('the pole broke')", "the pole broke"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
    "exits": ("os._exit(7)", "exit code 7, and said nothing"),
    "says and dies": ("os.write(2, b'core\\xff dumped\\n'); os._exit(3)", "core\ufffd dumped"),
    "is stopped": ("os.kill(os.getpid(), signal.SIGTERM)", "interrupted by SIGTERM"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_child_that_dies_is_named_and_the_others_go_on(fault: str, tmp_path: Path) -> None:
    code, said = FAULTS[fault]
    mark = tmp_path / "mark"
    (tmp_path / "dying.py").write_text(DYING.format(mark=str(mark), fault=code))
    mark.touch()
    env, heard = f"{tmp_path}/dying.py:Dying", Heard()
    chosen: dict[str, Any] = {"jobs": 1, "out": tmp_path / "runs", "onlooker": heard, **TINY}
    several = upright.seeds(env, seeds=[5, 6], **chosen)
    assert list(several.failures) == [5]
    assert said in several.failures[5]
    assert [run.recipe.seed for run in several.runs] == [6]
    assert heard.changes[1:] == [(5, "failed"), (6, "training"), (6, "finished")]
    assert said in several._repr_html_()
    healed = upright.seeds(env, seeds=[5, 6], **chosen)
    assert healed.failures == {}
    assert [run.recipe.seed for run in healed.runs] == [5, 6]


def test_where_every_child_dies_the_first_is_named(tmp_path: Path) -> None:
    code = DYING.replace("mark.unlink()", "pass")
    mark = tmp_path / "mark"
    mark.touch()
    fault = "raise RuntimeError('the pole broke')"
    (tmp_path / "dying.py").write_text(code.format(mark=str(mark), fault=fault))
    with pytest.raises(upright.UprightError, match=r"None of 2 .* seed 0 failed: .*the pole br"):
        upright.seeds(f"{tmp_path}/dying.py:Dying", seeds=[0, 1], out=tmp_path / "runs", **TINY)


NOISY = """
import sys
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Noisy(CartPoleEnv):
    def step(self, action):
        print("{}", "x" * 2000)
        sys.stdin.read()
        return super().step(action)
"""


def test_what_an_environment_prints_and_reads_disturbs_nothing(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    several = upright.seeds(f"{tmp_path}/noisy.py:Noisy", seeds=[0], out=tmp_path, **TINY)
    assert several.failures == {}


def test_a_finished_run_whose_files_disagree_is_named_and_not_trained_again(tmp_path: Path) -> None:
    upright.seeds("CartPole-v1", seeds=[0, 1], out=tmp_path, **TINY)
    verdict = folder_of(tmp_path, 0) / "evaluation.json"
    verdict.write_text(re.sub(r'"timesteps": \d+', '"timesteps": 7', verdict.read_text()))
    before = bytes_in(tmp_path)
    again = upright.seeds("CartPole-v1", seeds=[0, 1], out=tmp_path, **TINY)
    assert "on which evaluation.json rests" in again.failures[0]
    assert bytes_in(tmp_path) == before


def test_a_run_that_another_process_trains_is_left_to_it_and_nothing_is_begun(
    start: Callable[..., Several], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs"
    several = start(out, "--seeds=0", "--jobs=1", "--total-timesteps=10000000")
    several.reach(folder_of(out, 0), 5)
    chosen = LONGER | {"total_timesteps": 10_000_000}
    monkeypatch.setattr(training, "LISTENING_SECONDS", 0.1)
    with pytest.raises(upright.UprightError, match=r"Seed 0 is being trained by another process"):
        upright.seeds("CartPole-v1", seeds=[0, 1], out=out, **chosen)
    assert [path.name for path in (out / "CartPole-v1").glob("[!.]*")] == ["ppo-s0"]


def test_a_seed_that_another_command_will_come_to_is_left_to_it(
    start: Callable[..., Several], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs"
    several = start(out, "--seeds=0,1", "--jobs=1", "--total-timesteps=10000000")
    several.reach(folder_of(out, 0), 5)
    chosen = LONGER | {"total_timesteps": 10_000_000}
    with pytest.raises(upright.UprightError, match=r"^Seed 1 is being trained by another process"):
        upright.seeds("CartPole-v1", seeds=[1, 2], out=out, **chosen)
    upright.seeds("CartPole-v1", seeds=[1], out=out, **TINY)  # of other settings it is another
    assert sorted(each.name for each in (out / "CartPole-v1").glob("[!.]*")) == ["ppo-s0", "ppo-s1"]


@pytest.mark.parametrize("name", ["a file", "a file/in it", "/proc/runs"])
def test_a_folder_that_cannot_be_made_is_refused_before_a_process_begins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Children, "start", lambda *_: pytest.fail("a process was started"))
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(upright.UprightError, match=r"^Cannot write into "):
        upright.seeds("CartPole-v1", seeds=[0], out=tmp_path / name, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_a_run_that_cannot_be_read_is_told_and_stays(tmp_path: Path) -> None:
    upright.train("CartPole-v1", seed=0, out=tmp_path, **TINY)
    (folder_of(tmp_path, 0) / "run.json").write_text("x")
    before, heard = bytes_in(tmp_path), Heard()
    found = upright.seeds("CartPole-v1", seeds=[0], out=tmp_path, onlooker=heard, **TINY)
    (note,) = set(heard.notes)
    assert note.startswith(f"{folder_of(tmp_path, 0)} is taken for nobody's run, and stays: ")
    assert found.runs[0].path.name == "ppo-s0-2"
    assert {name: data for name, data in bytes_in(tmp_path).items() if name in before} == before


@pytest.mark.parametrize("seeds", [3, None, 0.5])
def test_what_is_no_seeds_is_refused(seeds: Any, tmp_path: Path) -> None:
    with pytest.raises(upright.UprightError, match=r"^Seeds are numbers, or a text such as 0-15"):
        upright.seeds("CartPole-v1", seeds=seeds, out=tmp_path, **TINY)


def test_an_interruption_is_raised_when_the_checkpoints_are_there(tmp_path: Path) -> None:
    class Impatient(Heard):
        def changed(self, one: SeedProgress) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        upright.seeds("CartPole-v1", seeds=[0, 1], out=tmp_path, onlooker=Impatient(), **LONGER)


def test_a_training_that_is_stopped_before_it_began_did_not_fail(tmp_path: Path) -> None:
    recipe = resolve("CartPole-v1", "ppo", preset="default")
    process = LocalProcess(task_of(recipe, SeedProgress(0), tmp_path, media=False))
    child = Child(SeedProgress(0), process)
    child.stop()
    while not child.is_over():
        time.sleep(0.01)
    assert child.was_stopped
