"""Which Upright this is, and what else the last bit of a run's numbers depends on."""

import os
import platform
from pathlib import Path

VERSION = "0.1.0"


def versions(torch: str = "") -> dict[str, str]:
    """What the last bit of a run's numbers depends on besides its settings.

    Args:
        torch: PyTorch's version, where a policy's network is one of its modules.
    """
    import gymnasium
    import numpy
    from threadpoolctl import threadpool_info

    return {
        "upright": VERSION,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "gymnasium": gymnasium.__version__,
        "blas": ", ".join(
            sorted(
                f"{each['internal_api']} {each['version']} {each.get('architecture', '')}".rstrip()
                for each in threadpool_info()
                if each["user_api"] == "blas" and "numpy" in each["filepath"]
            )
        ),
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores",
    }


def _cpu_model() -> str:
    """The processor's name; matrix libraries choose their kernels by it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
