"""Memory and open files stay flat however long a training goes."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kills
import soak
from upright.runs.folder import checkpoint_folders

GROWTH_KIB = 20 * 1024
GROWTH = 0.05


def soaked(seconds: float, backend: str, out: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, soak.__file__, str(seconds), backend, str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def quarters(samples: list[int]) -> tuple[float, float]:
    """The medians of the first and the last quarter, after a warm-up of a tenth."""
    warm = samples[len(samples) // 10 :]
    quarter = max(1, len(warm) // 4)
    return statistics.median(warm[:quarter]), statistics.median(warm[-quarter:])


def check(seconds: float, backend: str, out: Path) -> None:
    told = soaked(seconds, backend, out)
    first, last = quarters(told["memory"])
    assert last - first < max(GROWTH_KIB, GROWTH * first), told["memory"]
    first, last = quarters(told["files"])
    assert last <= first + 2, told["files"]
    assert told["iterations"] > soak.FEWEST_ITERATIONS
    (folder,) = out.glob("*/*/checkpoints")
    assert len(list(checkpoint_folders(folder))) in (3, 4)
    assert len(list(folder.iterdir())) <= 5


@pytest.mark.long
def test_memory_and_open_files_stay_flat(tmp_path: Path) -> None:
    check(float(os.environ.get("UPRIGHT_SOAK_SECONDS", "5")), "vector", tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("backend", kills.backends())
def test_memory_and_open_files_stay_flat_for_long(tmp_path: Path, backend: str) -> None:
    seconds = float(os.environ.get("UPRIGHT_SOAK_SECONDS", "1800"))
    check(seconds / len(kills.backends()), backend, tmp_path)
