"""A training is really killed, and resumed."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import upright
from upright.doctor import dying
from upright.doctor.answering import LITTLE
from upright.doctor.asking import ask, asked
from upright.doctor.dying import check_resume, check_verdict
from upright.doctor.mortal import DEATH
from upright.doctor.patient import Patient


def test_a_killed_training_goes_on_to_the_same_bytes(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes: list[subprocess.Popen[str]] = []

    @contextmanager
    def watched(*words: Any) -> Iterator[subprocess.Popen[str]]:
        with asked(*words) as process:
            processes.append(process)
            yield process

    monkeypatch.setattr(dying, "asked", watched)
    fact = check_resume(patient)
    assert fact.state == "ok"
    steps = re.search(r"killed at step (\d+), and resumed from step (\d+), ", fact.found)
    assert steps is not None
    assert 0 < int(steps[2]) <= int(steps[1]) < LITTLE["total_timesteps"]
    assert int(steps[1]) >= DEATH
    assert "byte for byte" in fact.found
    (killed,) = processes
    assert killed.returncode == -signal.SIGKILL
    (record,) = (patient.scratch / "killed").rglob("run.json")
    run = upright.load(record.parent)
    assert run.status == "finished"
    assert len(run.record.resumptions) == 1
    assert run.record.timesteps is not None
    assert run.record.timesteps >= LITTLE["total_timesteps"]
    undisturbed = upright.load(patient.run)
    assert len(undisturbed.record.resumptions) == 0


@pytest.mark.long
def test_a_resume_that_ends_elsewhere_is_a_problem(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resumes_and_spoils(*words: Any) -> Any:
        since = ask(*words)
        (Path(words[-1]) / "policy.safetensors").unlink()
        return since

    monkeypatch.setattr(dying, "ask", resumes_and_spoils)
    fact = check_resume(patient)
    assert fact.state == "problem"
    assert "has another policy.safetensors than one that never stopped" in fact.found
    assert fact.remedy


def test_a_verdict_holds_or_is_a_problem(patient: Patient) -> None:
    fact = check_verdict(patient)
    assert fact.state == "ok"
    assert fact.found.endswith("Every episode has the recorded return.")
    policy = patient.run / "policy.safetensors"
    data = bytearray(policy.read_bytes())
    data[-1] ^= 1
    policy.write_bytes(data)
    fact = check_verdict(patient)
    assert fact.state == "problem"
    assert fact.found.startswith("A verdict does not hold when it is repeated. ")
    assert fact.remedy
