"""Ask a process of its own: what crashes, hangs or loads PyTorch does so over there."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upright.ground import Interrupted, Interruption, UprightError, in_a_line

# A laptop that loads PyTorch for the first time may take a minute.
PATIENCE_SECONDS = 180.0
ANSWERED = ('{"answer": ', '{"error": ')
# It finds what this process finds, and nothing in the folder in which it was started.
STARTING = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from upright.doctor.answering import answer; answer()"
)


def ask(folder: Path, question: str, *arguments: str) -> Any:
    """The answer of a process of its own.

    Args:
        folder: Where it works; some libraries leave files there.
        question: One of `answering.ANSWERS`.
        *arguments: What is asked about.

    Raises:
        UprightError: It failed, crashed, or took too long.
    """
    with asked(folder, question, *arguments) as process:
        try:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise UprightError(
                f"No answer within {PATIENCE_SECONDS:g} seconds.", "Try again on an idle machine."
            ) from None
    return answer_in(said, process.returncode)


@contextmanager
def asked(folder: Path, question: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """That process, while it is at work; it is gone at the end, whatever happens."""
    process = None
    try:
        with Interruption(lambda signum: None) as held:  # or one is started that nobody knows of
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", STARTING, json.dumps(sys.path), question, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                encoding="utf-8",
                errors="replace",
            )
        if held.signum is not None:
            raise Interrupted(held.signum)
        yield process
    finally:
        if process is not None:
            with process:
                process.kill()


def first_answer(process: "subprocess.Popen[str]") -> Any:
    """What a process answers while it goes on.

    Raises:
        UprightError: It failed, crashed, or took too long and was killed.
    """
    assert process.stdout is not None
    late = threading.Timer(PATIENCE_SECONDS, process.kill)
    late.start()
    try:
        said = next((line for line in process.stdout if line.startswith(ANSWERED)), "")
    finally:
        late.cancel()
    return answer_in(said, 0 if said else process.wait())


def answer_in(said: str, code: int) -> Any:
    """What a process answered in a line; libraries may have greeted before it, or parted after it.

    Args:
        said: All that it wrote.
        code: How it ended.

    Raises:
        UprightError: It said what went wrong, or nothing at all.
    """
    lines = [line for line in said.splitlines() if line.startswith(ANSWERED)]
    if not lines:
        raise UprightError(f"The process that tried it {_ended(code)}.")
    answer = json.loads(lines[-1])
    if "error" in answer:
        raise UprightError(in_a_line(answer["error"]), in_a_line(answer["hint"]))
    return answer["answer"]


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
