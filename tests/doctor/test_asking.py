"""What is asked of a process of its own may crash, hang or raise."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from upright.doctor import asking
from upright.doctor.asking import answer_in, ask, asked, first_answer
from upright.ground import UprightError


def code(folder: Path, body: str) -> str:
    """An environment whose file does something when it is imported."""
    path = folder / "mine.py"
    path.write_text(f"import os, signal, sys, time\n{body}\n")
    return f"{path}:Env"


def test_an_answer_comes_after_what_libraries_print(tmp_path: Path) -> None:
    body = (
        "print('hello from a library')\nimport gymnasium\nEnv = lambda: gymnasium.make('Taxi-v4')"
    )
    assert ask(tmp_path, "step", code(tmp_path, body)) == 10


def test_a_crash_is_named(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="was ended by SIGSEGV"):
        ask(tmp_path, "step", code(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)"))


def test_an_exit_without_an_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="ended with exit code 3"):
        ask(tmp_path, "step", code(tmp_path, "os._exit(3)"))


def test_silence_is_named_and_the_process_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(UprightError, match=r"No answer within 0\.1 seconds"):
        ask(tmp_path, "step", code(tmp_path, "time.sleep(600)"))


def test_what_is_meant_for_a_person_arrives_with_its_hint(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="CartPoll-v1") as refused:
        ask(tmp_path, "step", "CartPoll-v1")
    assert "CartPole" in refused.value.hint


def test_any_other_error_arrives_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="KeyError: 'nonsense'"):
        ask(tmp_path, "nonsense")


@pytest.mark.parametrize("said", ["", "hello", "{}", "[1]", ' {"answer": 1}'])
def test_what_is_no_answer_is_none(said: str) -> None:
    with pytest.raises(UprightError, match="ended with exit code 0"):
        answer_in(said, 0)


def test_what_a_library_says_in_parting_is_passed_over() -> None:
    assert answer_in('hello\n{"answer": 7}\nbye', -11) == 7


def test_what_cannot_be_imported_over_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gymnasium.py").write_text("raise ImportError('half an installation')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UprightError, match="half an installation"):
        ask(tmp_path, "step", "CartPole-v1")


def test_a_signal_without_a_name_has_its_number() -> None:
    with pytest.raises(UprightError, match="was ended by signal 250"):
        answer_in("", -250)


def test_the_process_is_gone_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), asked(tmp_path, "die", str(tmp_path)) as process:
        raise KeyboardInterrupt
    assert process.returncode == -signal.SIGKILL


def test_what_goes_wrong_before_a_first_answer_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    asking_now = asked(tmp_path, "die", str(taken))
    with asking_now as process, pytest.raises(UprightError, match="taken"):
        first_answer(process)


def test_a_first_answer_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.01)
    asking_now = asked(tmp_path, "step", code(tmp_path, "time.sleep(600)"))
    with asking_now as process, pytest.raises(UprightError, match="was ended by SIGKILL"):
        first_answer(process)


def test_a_signal_while_it_is_started_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def interrupted(*words: Any, **options: Any) -> Any:
        started.append(start(*words, **options))
        os.kill(os.getpid(), signal.SIGINT)
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), asked(tmp_path, "die", str(tmp_path)):
        pytest.fail("it was handed out")
    assert started[0].returncode == -signal.SIGKILL


def test_what_a_library_leaves_is_left_where_it_works(tmp_path: Path) -> None:
    body = "open('LOG.TXT', 'w').close()\nimport gymnasium\nEnv = lambda: gymnasium.make('Taxi-v4')"
    (tmp_path / "scratch").mkdir()
    ask(tmp_path / "scratch", "step", code(tmp_path, body))
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["LOG.TXT"]
