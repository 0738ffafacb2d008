"""Which Upright this is, and what else the last bit of a run's numbers depends on."""

import os
import platform
from pathlib import Path

VERSION = "0.1.0"


def versions() -> dict[str, str]:
    """What the last bit of a run's numbers depends on besides its settings."""
    import gymnasium
    import numpy
    import torch

    return {
        "upright": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "gymnasium": gymnasium.__version__,
        "cpu": f"{_cpu_model()}, {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores",
    }


def _cpu_model() -> str:
    """The processor's name; matrix libraries choose their kernels by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
