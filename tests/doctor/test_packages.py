"""What is installed, by metadata that is really on the path; what steps, by stepping."""

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from doctor.conftest import Installs
from upright.doctor import packages
from upright.doctor.packages import (
    TRIED,
    check_extra,
    check_gymnasium,
    check_packages,
    check_pygame,
    extras,
)
from upright.doctor.patient import Patient
from upright.envs.loading import EXTRAS
from upright.ground import UprightError


def test_pygame_beside_pygame_ce_is_a_problem_with_its_remedy(
    patient: Patient, installs: Installs
) -> None:
    installs("pygame", "2.6.1")
    fact = check_pygame(patient)
    assert fact.state == "problem"
    assert fact.found.startswith(f"pygame 2.6.1 and pygame-ce {metadata.version('pygame-ce')} are")
    assert fact.remedy == "`pip uninstall pygame pygame-ce && pip install pygame-ce`"


def test_pygame_ce_alone_is_fine(patient: Patient) -> None:
    fact = check_pygame(patient)
    assert fact.state == "ok"
    assert fact.found.startswith("pygame-ce ")
    assert fact.remedy == ""


def test_what_upright_needs_is_here(patient: Patient) -> None:
    fact = check_packages(patient)
    assert (fact.state, fact.remedy) == ("ok", "")
    assert fact.found.startswith(f"Upright {metadata.version('upright')} and all ")


def test_a_package_below_its_bound_is_a_problem(patient: Patient, installs: Installs) -> None:
    installs("numpy", "1.20.0")
    fact = check_packages(patient)
    assert fact.state == "problem"
    assert fact.found == "numpy 1.20.0 is installed, and >=1.26 is needed."
    assert fact.remedy == "`pip install 'numpy>=1.26'`"


def test_a_package_that_is_missing_is_a_problem(patient: Patient, installs: Installs) -> None:
    installs("upright", "9.0", "surely-not-there>=1", "numpy>=1.26", "safetensors>=99")
    fact = check_packages(patient)
    assert fact.state == "problem"
    assert fact.found.startswith("surely-not-there is not installed; safetensors ")
    assert fact.remedy == "`pip install 'surely-not-there>=1' 'safetensors>=99'`"


def test_where_upright_is_not_installed_it_is_said(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "OWN", "surely-not-there")
    assert extras() == []
    fact = check_packages(patient)
    assert fact.state == "note"
    assert "only on the path" in fact.found


def test_extras_are_those_of_the_metadata(installs: Installs) -> None:
    installs("upright", "9.0", extras=("zebra", "torch"))
    assert extras() == ["torch", "zebra"]


def test_an_extra_that_is_missing_is_a_note_that_says_how_to_add_it(
    patient: Patient, installs: Installs
) -> None:
    needs = ("numpy>=1.26", "surely-not-there>=1; extra == 'zebra'")
    installs("upright", "9.0", *needs, extras=("zebra",))
    fact = check_extra("zebra", patient)
    assert fact.state == "note"
    assert fact.found == "Not installed: surely-not-there."
    assert fact.remedy == "`pip install 'upright[zebra]'` adds it."


def test_an_extra_of_anothers_extra_is_followed(patient: Patient, installs: Installs) -> None:
    installs("upright", "9.0", "herd[stripes]>=1; extra == 'zebra'", extras=("zebra",))
    installs("herd", "2.0", "numpy", "surely-not-there; extra == 'stripes'", extras=("stripes",))
    assert check_extra("zebra", patient).found == "Not installed: surely-not-there."
    installs("surely-not-there", "1.0")
    fact = check_extra("zebra", patient)
    assert fact.state == "ok"
    assert fact.found == "herd 2.0, surely-not-there 1.0."


def test_an_extra_below_its_bound_is_a_problem(patient: Patient, installs: Installs) -> None:
    installs("upright", "9.0", "herd>=3; extra == 'zebra'", extras=("zebra",))
    installs("herd", "2.0")
    fact = check_extra("zebra", patient)
    assert fact.state == "problem"
    assert fact.found == "herd 2.0 is installed, and >=3 is needed."
    assert fact.remedy == "`pip install 'herd>=3'`"


def test_an_extra_for_another_system_is_not_missed(patient: Patient, installs: Installs) -> None:
    needs = "herd; sys_platform == 'plan9' and extra == 'zebra'"
    installs("upright", "9.0", needs, "numpy; extra == 'zebra'", extras=("zebra",))
    assert check_extra("zebra", patient).state == "ok"


def test_every_extra_that_brings_environments_is_tried() -> None:
    assert TRIED.keys() == EXTRAS.keys()


@pytest.mark.parametrize("extra", ["atari", "box2d", "mujoco"])
def test_an_environment_of_an_extra_steps(patient: Patient, extra: str) -> None:
    pytest.importorskip(EXTRAS[extra])
    fact = check_extra(extra, patient)
    assert fact.state == "ok"
    assert fact.found.endswith(f"; {TRIED[extra][0]} steps.")


def test_an_extra_whose_environment_does_not_step_is_a_problem(
    patient: Patient, installs: Installs, tmp_path: Path
) -> None:
    """Installed by its metadata, and what is imported is broken."""
    installs("upright", "9.0", "box2d; extra == 'box2d'", extras=("box2d",))
    installs("box2d", "2.3.10")
    (tmp_path / "site-packages" / "Box2D.py").write_text("raise OSError('no such library')\n")
    fact = check_extra("box2d", patient)
    assert fact.state == "problem"
    assert fact.found.startswith("box2d 2.3.10, and LunarLander-v3 does not step: ")
    assert fact.remedy


def test_cartpole_steps(patient: Patient) -> None:
    fact = check_gymnasium(patient)
    assert fact.state == "ok"
    assert "CartPole-v1" in fact.found


def test_an_extra_of_many_packages_names_a_few(patient: Patient, installs: Installs) -> None:
    needs = [f"herd{number}; extra == 'zebra'" for number in range(5)]
    installs("upright", "9.0", *needs, extras=("zebra",))
    assert check_extra("zebra", patient).found == "Not installed: herd0, herd1, herd2 and 2 more."


def test_a_hint_of_the_environment_is_the_remedy(
    patient: Patient, installs: Installs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*question: Any) -> Any:
        raise UprightError("It has no engine.", "Give it one.")

    installs("upright", "9.0", "numpy; extra == 'mujoco'", extras=("mujoco",))
    monkeypatch.setattr(packages, "ask", refuse)
    assert check_extra("mujoco", patient).remedy == "Give it one."
