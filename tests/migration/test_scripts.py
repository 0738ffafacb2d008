"""The lesson and scripts of old gym, migrated, run to their end; nothing old is left in them."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from upright.migration import Relic, migrated

SCRIPTS = Path(__file__).parent / "scripts"
# What each of them has of old gym: all that is found, and no more.
IDIOMS = {
    "actor_critic.py": "import id reset*2 step render render-mode seed",
    "corridor.py": (
        "import*3 metadata*2 np-random own-reset*6 wrapper-reset*2 reset*3 own-step*3 step*3 seed"
    ),
    "cross_entropy.py": "import logger id reset step numpy",
    "lesson.ipynb": "install import render-mode*2 render*3 step*3 reset*2",
    "monitored.py": "import*3 render-mode wrapper*2 reset step",
    "pictures.py": "import render-mode seed render*2 step time-limit*2 numpy*2",
    "q_table.py": "import id*2 seed inside*4 numpy*2 reset step*2",
    "replay.py": "import id seed reset inside step numpy",
    "vectors.py": "import*2 vector reset*2 step numpy wrapper make-arguments package",
    "zoo.py": "import atari*3 reset step id*3",
}
# Gymnasium writes videos with MoviePy, which is not installed here: this one keeps what it gets.
MOVIEPY = """
from pathlib import Path

class ImageSequenceClip:
    def __init__(self, frames, fps):
        assert all(frame.ndim == 3 for frame in frames)
        self.frames = frames

    def write_videofile(self, path, logger=None):
        Path(path).write_bytes(bytes(len(self.frames)))
"""


def counted(words: str) -> Counter[str]:
    """`step*2 reset` as numbers."""
    parts = (word.partition("*") for word in words.split())
    return Counter({name: int(times or 1) for name, _, times in parts})


def code_of(data: bytes, name: str) -> str:
    """What a kernel would run: a notebook's code cells, their magics left out."""
    if name.endswith(".py"):
        return data.decode()
    cells = [cell for cell in json.loads(data)["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("!", "%")))


def run(folder: Path, code: str) -> "subprocess.CompletedProcess[str]":
    """A script in a process of its own, without a display."""
    place = folder / "moviepy" / "video" / "io"
    place.mkdir(parents=True)
    for each in (place, place.parent, place.parent.parent):
        (each / "__init__.py").touch()
    (place / "ImageSequenceClip.py").write_text(MOVIEPY)
    (folder / "script.py").write_text(code)
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_script_is_tried() -> None:
    assert {path.name for path in SCRIPTS.iterdir()} == IDIOMS.keys()


@pytest.mark.parametrize("name", IDIOMS)
def test_what_a_script_has_of_old_gym_is_found_and_no_more(name: str) -> None:
    migration = migrated(SCRIPTS / name)
    assert Counter(each.idiom for each in migration.findings) == counted(IDIOMS[name])
    assert migration.left == ()


@pytest.mark.parametrize("name", IDIOMS)
def test_a_migrated_script_runs_to_its_end(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, code_of(migrated(SCRIPTS / name).data, name))
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", IDIOMS)
def test_a_migrated_script_has_nothing_old_left(name: str, tmp_path: Path) -> None:
    data = migrated(SCRIPTS / name).data
    (tmp_path / name).write_bytes(data)
    again = migrated(tmp_path / name)
    assert (again.findings, again.data) == ((), data)


def test_as_it_stands_a_script_does_not_run(tmp_path: Path) -> None:
    code = (SCRIPTS / "pictures.py").read_text()
    assert "No module named 'gym'" in run(tmp_path, code).stderr


def test_videos_are_made_of_the_episodes_that_were_asked_for(tmp_path: Path) -> None:
    run(tmp_path, migrated(SCRIPTS / "monitored.py").data.decode())
    videos = {path.name for path in (tmp_path / "videos").iterdir()}
    assert videos == {"rl-video-episode-0.mp4", "rl-video-episode-2.mp4"}


def test_a_seed_goes_where_the_environment_draws(tmp_path: Path) -> None:
    code = migrated(SCRIPTS / "corridor.py").data.decode()
    code += "print([float(env.reset(seed=s)[0][0]) for s in range(9) for _ in range(2)])\n"
    last = json.loads(run(tmp_path, code).stdout.splitlines()[-1])
    assert last[::2] == last[1::2]
    assert len(set(last)) == 2


@pytest.fixture
def lesson() -> dict[str, object]:
    found: dict[str, object] = json.loads((SCRIPTS / "lesson.ipynb").read_text())
    return found


def cells(notebook: object) -> list[dict[str, object]]:
    assert isinstance(notebook, dict)
    return list(notebook["cells"])


def test_a_notebook_keeps_all_but_its_old_code(lesson: dict[str, object]) -> None:
    data = migrated(SCRIPTS / "lesson.ipynb").data
    new = json.loads(data)
    assert {name: value for name, value in new.items() if name != "cells"} == {
        name: value for name, value in lesson.items() if name != "cells"
    }
    changed = 0
    for before, after in zip(cells(lesson), cells(new), strict=True):
        if before["source"] == after["source"]:
            assert before == after
            continue
        changed += 1
        told = ("source", "outputs", "execution_count")
        assert {key: before[key] for key in before if key not in told} == {
            key: after[key] for key in after if key not in told
        }
        assert (after["outputs"], after["execution_count"]) == ([], None)
    assert changed == 6
    assert data == (json.dumps(new, indent=1, ensure_ascii=False) + "\n").encode()


def test_the_lessons_findings_say_cell_and_line() -> None:
    found = migrated(SCRIPTS / "lesson.ipynb").findings
    assert found[0] == Relic(
        "install",
        1,
        2,
        "!{sys.executable} -m pip install gym",
        "!{sys.executable} -m pip install gymnasium",
        "OpenAI's gym is no longer maintained; Gymnasium goes on from it.",
        True,
    )
    (step,) = (each for each in found if each.cell == 3 and each.idiom == "step")
    assert (step.line, step.place) == (6, "code cell 3, line 6")
    assert step.old == "obs, rew, done, info = env.step(env.action_space.sample())"
    assert step.new.splitlines()[1] == "done = terminated or truncated"
