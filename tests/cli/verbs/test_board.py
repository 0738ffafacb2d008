"""What `upright board` refuses, says and leaves behind."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Typed
from cli.test_bad_input import assert_refused

SECONDS = 20.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("There is no folder runs", "./runs by default")),
        (("nowhere",), ("There is no folder nowhere",)),
        (("a\x1b[2J",), ("\\x1b[2J",)),
        ((".", "--port", "0"), ("out of range", "1 to 65535")),
        ((".", "--port", "http"), ("'http'",)),
        ((".", "--prot", "5"), ("'--prot'", "--port")),
    ],
)
def test_bad_input_gets_one_sentence(
    words: tuple[str, ...], said: tuple[str, ...], inside: Typed
) -> None:
    assert_refused(inside("board", *words), *said)


def test_a_file_is_no_folder(inside: Typed, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    assert_refused(inside("board"), "There is no folder runs")


def test_a_port_that_is_taken_is_named(inside: Typed, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = inside("board", tmp_path, "--port", port)
    assert_refused(outcome, f"port {port} of 127.0.0.1", "Leave --port out")


def asked(address: str, path: str) -> Any:
    port = int(address.removeprefix("http://127.0.0.1:").rstrip("/"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_follows_the_folder_and_a_signal_ends_it(
    signum: int, finished_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "upright", "board"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert asked(address, "/changes?since=0")["runs"] == []
            (folder / "run").symlink_to(finished_run, target_is_directory=True)  # which is none
            (folder / "copied").mkdir()
            for name in ("run.json", "settings.toml", "metrics.jsonl"):
                (folder / "copied" / name).write_bytes((finished_run / name).read_bytes())
            until = time.monotonic() + SECONDS
            while not (runs := asked(address, "/changes?since=0")["runs"]):
                assert time.monotonic() < until
                time.sleep(0.05)
            process.send_signal(signum)
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert [run["path"] for run in runs] == ["copied"]
    assert process.returncode == 0
    assert out == ""
    assert err.splitlines() == [
        "Opening the board of runs ...",
        "On a page that this machine alone can open: Ctrl-C ends it.",
        "Stopped.",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["copied", "run"]
