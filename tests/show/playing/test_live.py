"""The page's server: who gets in, what viewers get, and that it goes away."""

import base64
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from show.playing.test_pace import moment
from upright.ground.errors import UprightError
from upright.show.playing.live import LivePage
from upright.show.playing.pace import Show
from upright.show.playing.player import Moment
from upright.show.playing.stage import LARGEST_SIDE, Pictures

SECONDS = 20.0


class Endless:
    """Stands in for a player: every moment has its step's shade, and counts."""

    fps = 200.0

    def __init__(self, fault: Exception | None = None, noise: int = 0) -> None:
        self.played, self.begun, self._fault = 0, 0, fault
        rng = np.random.default_rng(0)
        self._noise = rng.integers(0, 256, (noise, noise, 3), np.uint8) if noise else None

    def play(self, episodes: int | None) -> Iterator[Moment]:
        self.begun += 1
        for step in range(10**9 if episodes is None else episodes):
            self.played += 1
            if self._fault is not None and step == 20:
                raise self._fault
            shade = np.full((8, 8, 3), step % 256, np.uint8)
            image = shade if self._noise is None else self._noise
            yield moment(step, "", (0.25, 0.75))._replace(image=image, value=float("nan"))


class Served:
    """A page that plays in a thread of its own, as the command's main thread does."""

    def __init__(self, player: Endless, **options: Any) -> None:
        self.player, self.error = player, None
        self.page = LivePage(Show(player, "<b>Still", ("a", "b"), **options))  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def _play(self) -> None:
        try:
            self.page.play()
        except Exception as error:
            self.error = error

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=SECONDS)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
        """The status and the body of an answer; `host="..."` takes the place of the usual one."""
        connection = self.connection()
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        read = answer.read() if answer.status != 200 or path != "/stream" else b""
        connection.close()
        return answer.status, read

    def order(self, **what: Any) -> int:
        origin = self.page.address.rstrip("/")
        return self.ask("POST", "/control", json.dumps(what), origin=origin)[0]

    def end(self) -> None:
        self.page._stage.stopped = True
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


class Viewer:
    """One that looks on."""

    def __init__(self, served: Served) -> None:
        self._connection = served.connection()
        self._connection.request("GET", "/stream")
        self.answer = self._connection.getresponse()

    def snapshot(self) -> dict[str, Any]:
        """The next one."""
        while not (line := self.answer.readline()).startswith(b"data: "):
            assert line, "the stream ended"
        return json.loads(line[6:])

    def until(self, found: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while not found(now := self.snapshot()):
            assert time.monotonic() < end
        return now

    def leave(self) -> None:
        self.answer.close()
        self._connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    opened = Served(Endless())
    yield opened
    opened.end()


@pytest.fixture(scope="module")
def steady() -> Iterator[Served]:
    """One for all tests that leave no trace in it."""
    opened = Served(Endless())
    yield opened
    opened.end()


def soon(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def stands_still(served: Served) -> bool:
    """Whether nothing is played for a while."""
    before = served.player.played
    time.sleep(0.3)
    return served.player.played == before


def test_a_viewer_gets_pictures_and_numbers_that_move_on(served: Served) -> None:
    viewer = Viewer(served)
    assert viewer.answer.headers["content-type"].startswith("text/event-stream")
    first = viewer.snapshot()
    assert first["title"] == "<b>Still"
    assert first["actions"] == [["a", 0.25], ["b", 0.75]]
    assert first["value"] is None
    assert (first["paused"], first["over"], first["label"]) == (False, None, "step 8")
    later = viewer.until(lambda now: now["step"] > first["step"] + 5)
    kind, data = later["image"].split(";base64,")
    assert kind == "data:image/png"
    shade = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert (shade == later["step"] % 256).all()
    viewer.leave()


def test_two_look_on_and_one_that_leaves_ends_nothing(served: Served) -> None:
    first, second = Viewer(served), Viewer(served)
    steps = [viewer.until(lambda now: now["step"] > 3)["step"] for viewer in (first, second)]
    first.leave()
    second.until(lambda now: now["step"] > max(steps) + 20)
    assert served.player.begun == 1
    second.leave()


def test_with_nobody_there_nothing_is_played_and_a_newcomer_sees_at_once(served: Served) -> None:
    soon(lambda: served.player.played > 0)
    soon(lambda: stands_still(served))
    assert served.player.played <= 2
    viewer = Viewer(served)
    viewer.until(lambda now: now["step"] > 5)
    viewer.leave()
    soon(lambda: stands_still(served))
    again = Viewer(served)
    assert again.snapshot()["step"] >= 5
    again.until(lambda now: now["step"] > 20)
    again.leave()


def test_a_slow_viewer_gets_the_newest_and_nothing_is_kept_for_it() -> None:
    served = Served(Endless(noise=300))
    slow, quick = Viewer(served), Viewer(served)
    slow.snapshot()
    seen = quick.until(lambda now: now["step"] > 150)["step"]
    steps = [slow.snapshot()["step"]]
    while steps[-1] < seen:  # what lies in the sockets' buffers is old; then comes the newest
        steps.append(slow.snapshot()["step"])
    assert max(np.diff(steps)) > 20
    for viewer in (slow, quick):
        viewer.leave()
    served.end()


def test_the_controls_do_what_they_say(served: Served) -> None:
    viewer = Viewer(served)
    viewer.until(lambda now: now["step"] > 2)
    assert served.order(do="pause") == 204
    viewer.until(lambda now: now["paused"])
    soon(lambda: stands_still(served))
    # The newest is shown, though it went by faster than pages are drawn.
    other = Viewer(served)
    before = other.snapshot()["step"]
    assert before == served.player.played - 2
    other.leave()
    assert served.order(do="step") == 204
    assert viewer.until(lambda now: now["step"] > before)["step"] == before + 1
    assert served.order(do="speed", speed=2) == 204
    assert viewer.until(lambda now: now["speed"] == 2)["paused"]
    assert served.order(do="restart") == 204
    viewer.until(lambda now: now["step"] == 0)
    assert served.player.begun == 2
    assert served.order(do="resume") == 204
    viewer.until(lambda now: now["step"] > 3 and not now["paused"])
    viewer.leave()


NONSENSE = [
    "",
    "[]",
    "{",
    '{"do": "rm"}',
    '{"do": ["pause"]}',
    '{"do": "speed"}',
    '{"do": "speed", "speed": NaN}',
    '{"do": "speed", "speed": Infinity}',
    '{"do": "speed", "speed": 0}',
    '{"do": "speed", "speed": true}',
    '{"do": "speed", "speed": "2"}',
    '{"do": "pause", "more": "' + "x" * 2000 + '"}',
    "[" * 900,
    "\\ud800",
]


def test_nonsense_is_refused_and_changes_nothing(steady: Served) -> None:
    origin = steady.page.address.rstrip("/")
    for body in NONSENSE:
        assert steady.ask("POST", "/control", body, origin=origin)[0] == 400, body
    viewer = Viewer(steady)
    now = viewer.snapshot()
    assert (now["paused"], now["speed"]) == (False, 1)
    viewer.leave()


def test_only_this_pages_own_address_is_answered(steady: Served) -> None:
    port = steady.page.port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert steady.ask("GET", "/", host=host)[0] == 200, host
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        for path in ("/", "/stream", "/nothing"):
            assert steady.ask("GET", path, host=host)[0] == 403, host


def test_no_other_page_reaches_it(steady: Served) -> None:
    here, port = steady.page.address.rstrip("/"), steady.page.port
    body = '{"do": "resume"}'
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"{here}0", ""):
        assert steady.ask("GET", "/stream", origin=origin)[0] == 403, origin
        assert steady.ask("POST", "/control", body, origin=origin)[0] == 403, origin
    assert steady.ask("POST", "/control", body)[0] == 403
    for site in ("cross-site", "same-site"):
        for path in ("/", "/stream"):
            assert steady.ask("GET", path, sec_fetch_site=site)[0] == 403
        assert steady.ask("POST", "/control", body, origin=here, sec_fetch_site=site)[0] == 403
        framed = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"}
        assert steady.ask("GET", "/", **framed)[0] == 403
    assert steady.ask("POST", "/control", body, origin=here, sec_fetch_site="same-origin")[0] == 204


def test_a_link_on_another_page_may_be_followed_to_it(steady: Served) -> None:
    link = {
        "sec_fetch_site": "cross-site",
        "sec_fetch_mode": "navigate",
        "sec_fetch_dest": "document",
    }
    assert steady.ask("GET", "/", **link)[0] == 200
    assert steady.ask("GET", "/stream", **link)[0] == 403


PATHS = [
    "/../../etc/passwd",
    "/..%2f..%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/....//etc/passwd",
    "//etc/passwd",
    "/etc/passwd",
    "/live.html",
    "/web/live.html",
    "/stream/",
    "/control/..",
    "/%00",
    "/..\\..\\etc\\passwd",
]


def test_no_path_names_a_file(steady: Served) -> None:
    for path in PATHS:
        status, body = steady.ask("GET", path)
        assert status in (400, 404), path
        assert b"root:" not in body
        assert b"<html" not in body
    for method in ("PUT", "DELETE", "OPTIONS", "POST"):
        assert steady.ask(method, "/", origin=steady.page.address.rstrip("/"))[0] == 405


def test_the_page_allows_its_own_code_only(steady: Served) -> None:
    connection = steady.connection()
    connection.request("GET", "/")
    answer = connection.getresponse()
    html, headers = answer.read().decode(), answer.headers
    connection.close()
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "Still" not in html
    assert "http:" not in html
    assert "innerHTML" not in html


def test_the_end_is_told_and_the_port_is_free_again() -> None:
    served = Served(Endless(), episodes=30)
    viewer = Viewer(served)
    assert viewer.until(lambda now: now["over"] is not None)["over"] == "All episodes are over."
    served.thread.join(SECONDS)
    assert not served.thread.is_alive()
    assert served.error is None
    assert is_free(served.page.port)
    viewer.leave()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (UprightError("The environment fell <b>over</b>."), "The environment fell <b>over</b>."),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero."),
    ],
)
def test_a_fault_is_told_to_the_viewers_and_raised(fault: Exception, said: str) -> None:
    served = Served(Endless(fault))
    viewer = Viewer(served)
    assert viewer.until(lambda now: now["over"] is not None)["over"] == said
    served.thread.join(SECONDS)
    assert served.error is fault
    viewer.leave()


def test_a_stuck_viewer_does_not_keep_the_server() -> None:
    served = Served(Endless(noise=300))
    stuck, quick = Viewer(served), Viewer(served)
    quick.until(lambda now: now["step"] > 150)
    begun = time.monotonic()
    served.end()
    assert time.monotonic() - begun < SECONDS / 2
    assert is_free(served.page.port)
    for viewer in (stuck, quick):
        viewer.leave()


def test_a_taken_port_is_named(steady: Served) -> None:
    show = Show(Endless(), "Still")  # type: ignore[arg-type]
    with pytest.raises(UprightError, match=f"port {steady.page.port} of 127.0.0.1") as refused:
        LivePage(show, steady.page.port)
    assert "Leave --port out" in refused.value.hint


def test_pictures_are_small_whatever_they_show() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (200, 300, 3), np.uint8)
    flat = np.zeros((3000, 400, 3), np.uint8)
    assert Pictures().url(noise).startswith("data:image/jpeg;")
    url = Pictures().url(flat)
    assert url.startswith("data:image/png;")
    opened = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
    assert max(opened.size) == LARGEST_SIDE


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_with_streams_open(
    signum: int, finished_run: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "upright", "watch", str(finished_run), "--as", "page"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            port = int(address.removeprefix("http://127.0.0.1:").rstrip("/"))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            connection.request("GET", "/stream")
            answer = connection.getresponse()
            assert answer.readline().startswith(b"data: ")
            process.send_signal(signum)
            rest = answer.read()
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    connection.close()
    assert process.returncode == 0
    assert b'"over": "The watch was stopped."' in rest
    assert out == ""
    assert "Traceback" not in err
    assert err.endswith("Stopped.\n")
    assert "this machine alone" in err
    assert is_free(port)
