"""The interpreter and the machine around it."""

import os
import platform
import sys
import sysconfig
from pathlib import Path

from upright.doctor.fact import Fact
from upright.doctor.limits import limits
from upright.doctor.patient import Patient
from upright.ground import usable_cores

BYTES_IN_GIB = 2**30


def check_python(patient: Patient) -> Fact:
    """Which Python it is, and whose packages it has."""
    version = f"Python {platform.python_version()}"
    if sys.prefix != sys.base_prefix:
        return Fact("ok", f"{version}, in the virtual environment {sys.prefix}.")
    if (Path(sys.prefix) / "conda-meta").is_dir():
        return Fact("ok", f"{version}, in the conda environment {sys.prefix}.")
    where = "in Colab" if "COLAB_RELEASE_TAG" in os.environ else "in no virtual environment"
    if (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists():
        found = f"{version}, {where}, and this system's own package manager keeps its packages."
        return Fact("note", found, "`python -m venv .venv` makes a place for yours.")
    return Fact("ok", f"{version}, {where}.")


def check_machine(patient: Patient) -> Fact:
    """The system, the cores and the memory that a training can have."""
    from upright.ground import memory_bytes

    most, memory = limits(), memory_bytes()
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    parts = [system, _cores(most.cores)]
    least = min((each for each in (memory, most.memory) if each is not None), default=None)
    if least is not None:
        limited = ", as this container is limited to" if least != memory else ""
        parts.append(f"{least / BYTES_IN_GIB:.1f} GiB of memory{limited}")
    found = f"{'; '.join(parts)}."
    if least is not None and least < BYTES_IN_GIB:
        return Fact("note", found, "Pictures and many environments at once need more.")
    return Fact("ok", found)


def _cores(quota: float | None) -> str:
    there = os.cpu_count() or 1
    usable = usable_cores()
    said = f"{usable} of {there} cores usable" if usable != there else f"{there} cores"
    if quota is not None and quota < usable:
        return f"{said}, of which this container may have {quota:g}"
    return said
