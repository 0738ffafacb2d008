"""Ways to type a command: in a shell of its own, or in this process where that is enough."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from upright.cli import main


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Typed = Callable[..., Outcome]


@pytest.fixture
def shell(tmp_path: Path) -> Typed:
    """Runs `upright WORDS` as a process, in an empty folder, warnings being errors."""

    def typed(*words: str | Path) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "upright", *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONWARNINGS": "error"},
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return typed


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """Runs the same in this process."""
    monkeypatch.chdir(tmp_path)

    def typed(*words: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return typed
