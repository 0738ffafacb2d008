"""The interpreter, the system, and what a container lets it have."""

import sys
from pathlib import Path

import pytest

from upright.doctor import machine
from upright.doctor.limits import Limits, limits
from upright.doctor.machine import check_machine, check_python
from upright.doctor.patient import Patient


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert limits(tmp_path) == Limits(None, None)


def test_the_tightest_of_a_group_and_those_around_it_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/outer/inner\n",
            "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
            "sys/fs/cgroup/outer/inner/memory.max": "2147483648\n",
            "sys/fs/cgroup/outer/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/outer/memory.max": "max\n",
            "sys/fs/cgroup/cpu.max": "400000 100000\n",
        },
    )
    assert limits(tmp_path) == Limits(1.5, 2**31)


def test_version_1_says_the_same_in_other_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/a:b\n2:cpuacct,cpu:/docker/a\n1:name=x:/\n0::/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n",
        },
    )
    assert limits(tmp_path) == Limits(0.5, 2**30)


def test_no_quota_is_no_limit(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "2:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert limits(tmp_path) == Limits(None, None)


def test_the_machine_is_told_with_its_limits(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "limits", lambda: Limits(0.5, 2**29))
    fact = check_machine(patient)
    assert fact.state == "note"
    assert "of which this container may have 0.5" in fact.found
    assert "0.5 GiB of memory, as this container is limited to" in fact.found
    assert fact.remedy


def test_a_machine_without_limits_is_fine(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "limits", lambda: Limits(None, 2**62))
    fact = check_machine(patient)
    assert fact.state == "ok"
    assert "container" not in fact.found


def test_a_virtual_environment_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/somewhere/.venv")
    fact = check_python(patient)
    assert fact.state == "ok"
    assert fact.found.endswith("in the virtual environment /somewhere/.venv.")


def test_colab_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    fact = check_python(patient)
    assert fact.state == "ok"
    assert fact.found.endswith("in Colab.")


def test_a_python_that_the_system_manages_is_a_note(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    fact = check_python(patient)
    assert fact.state == "note"
    assert "python -m venv" in fact.remedy


def test_conda_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    assert check_python(patient).found.endswith(f"in the conda environment {tmp_path}.")
