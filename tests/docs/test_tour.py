"""The tour can be walked: what it tells a newcomer to type works, in that order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import blocks

# `upright` is the one under test, wherever its script may be.
UPRIGHT = f'set -eu; upright() {{ "{sys.executable}" -W error -m upright "$@"; }}\n'


@pytest.mark.learning
@pytest.mark.long
def test_the_commands_of_the_tour_can_be_typed_one_after_the_other(tmp_path: Path) -> None:
    lines = [
        line
        for block in blocks("docs/tour.md")
        for line in block.text.splitlines()
        if block.language == "sh"
    ]
    done = subprocess.run(
        ["bash", "-c", UPRIGHT + "\n".join(lines)],
        cwd=tmp_path,
        env=os.environ | {"UPRIGHT_NO_MEDIA": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "Holds: Every episode has the recorded return." in done.stdout
    assert "carries no signal" in done.stdout
    for left in ("pole.html", "pole.gif", "seeds.png", "runs/CartPole-v1/ppo-s0/evaluation.json"):
        assert (tmp_path / left).stat().st_size > 1000
