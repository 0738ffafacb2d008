"""What a benchmark's numbers depend on besides the code: the machine, the versions, the day."""

import datetime
import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("upright", "torch", "numpy", "gymnasium", "stable-baselines3")


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def memory() -> str:
    """Physical memory in GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{total / 2**30:.1f} GiB"


def operating_system() -> str:
    """The system's name and its kernel's version."""
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def load_average() -> str:
    """Mean number of processes that wanted a core over the last minute."""
    try:
        return f"{os.getloadavg()[0]:.2f}"
    except (AttributeError, OSError):
        return "unknown"


def versions() -> str:
    """Python's version and those of the packages that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {packages}"


def command() -> str:
    """The line that repeats this process, from the project's root; --out is left out."""
    words = iter(sys.argv[1:])
    said = []
    for word in words:
        if word == "--out":
            next(words, None)
        elif not word.startswith("--out="):
            said.append(word)
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *said])


def describe() -> list[tuple[str, str]]:
    """Rows of (what, value) for the head of a report; call it before the work starts."""
    return [
        ("date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("command", f"`{command()}`"),
        ("processor", f"{cpu_model()} ({platform.machine()})"),
        ("cores", str(os.cpu_count())),
        ("memory", memory()),
        ("system", operating_system()),
        ("load average before the start", load_average()),
        ("versions", versions()),
    ]


def head(script: str, title: str, *more: tuple[str, str]) -> str:
    """How a report begins, in Markdown; call it before the work starts.

    Args:
        script: The file that writes it.
        title: Its heading.
        *more: Rows of (what, value) beside those of `describe`.
    """
    facts = "\n".join(f"- {what}: {value}" for what, value in (*describe(), *more))
    note = f"<!-- Written by benchmarks/{script}; not to be edited by hand. -->"
    return f"{note}\n\n# {title}\n\n{facts}"


def span(seeds: Sequence[int]) -> tuple[str, str]:
    """The row of a head that says which seeds there were."""
    return "seeds", f"{seeds[0]} to {seeds[-1]}"
