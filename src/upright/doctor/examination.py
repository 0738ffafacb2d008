"""All checks, in the order in which they are told."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from upright.doctor.computing import check_gpu, check_numpy, check_pytorch, check_workers
from upright.doctor.dying import check_resume, check_verdict
from upright.doctor.fact import Fact, Health
from upright.doctor.folders import check_folder, check_runs
from upright.doctor.machine import check_machine, check_python
from upright.doctor.packages import (
    check_extra,
    check_gymnasium,
    check_packages,
    check_pygame,
    extras,
)
from upright.doctor.patient import Patient
from upright.doctor.seeing import check_browser, check_display, check_ffmpeg
from upright.ground import UprightError, raised

Look = Callable[[Patient], Fact]
REPAIR = "`pip install --force-reinstall upright` repairs an installation; else, report this line."


@dataclass(frozen=True)
class Entry:
    """One check of this machine, and what it found.

    Attributes:
        group: What it belongs to.
        name: What was looked at; with its group, as programs may ask for it.
        state: "ok", "note" or "problem".
        found: What was seen, in a sentence.
        remedy: What to do about it, in one line; may be empty.
    """

    group: str
    name: str
    state: Health
    found: str
    remedy: str


MACHINE_CHECKS: dict[str, dict[str, Look]] = {
    "machine": {"python": check_python, "system": check_machine},
    "packages": {
        "required": check_packages,
        "pygame": check_pygame,
        "gymnasium": check_gymnasium,
    },
    "computing": {
        "numpy": check_numpy,
        "pytorch": check_pytorch,
        "gpu": check_gpu,
        "workers": check_workers,
    },
    "seeing": {"display": check_display, "ffmpeg": check_ffmpeg, "browser": check_browser},
    "disk": {"folder": check_folder, "runs": check_runs},
    "a run": {"resume": check_resume, "verdict": check_verdict},
}


def examined(here: Path) -> Generator[Entry]:
    """Every check in turn, and last one of each extra; a temporary folder goes at the end.

    Args:
        here: The folder that runs would be started in.
    """
    try:
        temporary = TemporaryDirectory(prefix="upright-", ignore_cleanup_errors=True)
    except OSError as error:
        found = f"There is no temporary folder: {error.strerror or error}."
        remedy = "Set TMPDIR to a folder that can be written."
        yield Entry("disk", "temporary", "problem", found, remedy)
        return
    with temporary as scratch:
        patient = Patient(here, Path(scratch))
        for group, looks in all_checks().items():
            for name, look in looks.items():
                yield Entry(group, name, *looked_at(look, patient))


def all_checks() -> dict[str, dict[str, Look]]:
    """The table, with a check of every extra that the installed package has."""
    return MACHINE_CHECKS | {"extras": {each: partial(check_extra, each) for each in extras()}}


def looked_at(look: Look, patient: Patient) -> Fact:
    """What a check found; that it failed is a finding too."""
    try:
        return look(patient)
    except UprightError as error:
        return Fact("problem", error.message, error.hint or REPAIR)
    except Exception as error:
        found = f"Looking failed with {raised(error)}"
        return Fact("problem", found, REPAIR)
