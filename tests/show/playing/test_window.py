"""The window: which displays count, what the keys do, and one on a real X server."""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from PIL import ImageGrab

from show.playing.test_pace import StillPlayer, moment
from upright.ground.errors import UprightError
from upright.show.playing.pace import Show
from upright.show.playing.window import Window, letterboxed, open_display, panel_of

SECONDS = 40.0
SCREEN = ("-screen", "0", "900x700x24")


@pytest.mark.parametrize("driver", ["dummy", "offscreen"])
def test_a_driver_that_nobody_sees_is_no_display(
    driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(UprightError, match=driver) as refused:
        open_display()
    assert "--as page" in refused.value.hint
    assert not pygame.display.get_init()


def test_a_driver_that_fails_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "nosuchdriver")
    with pytest.raises(UprightError, match="There is no display for a window"):
        open_display()


@pytest.mark.parametrize("size", [(600, 400), (300, 900), (1000, 100), (1, 1)])
@pytest.mark.parametrize("shape", [(400, 600), (84, 84), (1, 7)])
def test_the_picture_fits_and_keeps_its_proportions(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    image = np.full((*shape, 3), 200, np.uint8)
    width, height = letterboxed(image, *size).get_size()
    assert width <= size[0]
    assert height <= size[1]
    scale = min(size[0] / shape[1], size[1] / shape[0])
    assert abs(width - shape[1] * scale) <= 1
    assert abs(height - shape[0] * scale) <= 1


def test_left_is_left_and_up_is_up() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:10, 20:] = (255, 0, 0)
    surface = letterboxed(image, 80, 40)
    assert surface.get_at((70, 5))[:3] == (255, 0, 0)
    assert surface.get_at((5, 5))[:3] == (0, 0, 0)
    assert surface.get_at((70, 35))[:3] == (0, 0, 0)


@pytest.mark.parametrize("width", [240, 760, 1600])
@pytest.mark.parametrize("probabilities", [None, (0.0, 1.0), tuple([0.02] * 50)])
def test_the_panel_has_room_for_whatever_is_said(width: int, probabilities: Any) -> None:
    pygame.font.init()
    show = Show(StillPlayer(), "A title that is rather long " * 9)  # type: ignore[arg-type]
    now = moment(10**9, "truncated", probabilities)._replace(value=-1e12)
    panel = panel_of(show, now, "paused 0.125×", width)
    assert panel.get_width() == width
    assert panel.get_height() < 280


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """One on the dummy driver, as if that were a display."""
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("upright.show.playing.window.UNSEEN", ())
    yield Window(Show(EndlessPlayer(), "Endless", ("left", "right")))  # type: ignore[arg-type]
    pygame.display.quit()


class EndlessPlayer:
    """Stands in for a player; it presses keys while it plays."""

    fps = 1000.0

    def __init__(self) -> None:
        self.keys: dict[int, list[pygame.event.Event]] = {}
        self.played = 0

    def play(self, episodes: int | None) -> Iterator[Any]:
        while True:
            for event in self.keys.get(self.played, ()):
                pygame.event.post(event)
            yield moment(self.played, "", (0.25, 0.75))
            self.played += 1


def key(code: int, character: str = "") -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=code, unicode=character)


@pytest.mark.parametrize(
    "event", [key(pygame.K_q, "q"), key(pygame.K_ESCAPE), pygame.event.Event(pygame.QUIT)]
)
def test_q_escape_and_closing_end_it(window: Window, event: pygame.event.Event) -> None:
    window._show.player.keys[5] = [event]  # type: ignore[attr-defined]
    window.play()
    assert window._show.player.played == 5  # type: ignore[attr-defined]
    assert not pygame.display.get_init()


def test_the_other_keys_pause_step_and_change_the_speed(window: Window) -> None:
    pressed = [
        key(pygame.K_SPACE, " "),
        key(pygame.K_RIGHT),
        key(pygame.K_RIGHT),
        key(pygame.K_PLUS, "+"),
        key(pygame.K_MINUS, "-"),
        key(pygame.K_MINUS, "-"),
    ]
    window._show.player.keys = {3: pressed, 5: [key(pygame.K_q, "q")]}  # type: ignore[attr-defined]
    window.play()
    assert window._show.player.played == 5  # type: ignore[attr-defined]
    assert window._pace.paused
    assert window._pace.speed == 0.5


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of our own."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    ours, theirs = os.pipe()
    with subprocess.Popen(
        # Without -noreset it begins anew, and refuses whoever comes, when a screenshot is done.
        [
            "Xvfb",
            "-noreset",
            "-displayfd",
            str(theirs),
            "-screen",
            "0",
            "900x700x24",
            "-nolisten",
            "tcp",
        ],
        pass_fds=[theirs],
        stderr=subprocess.DEVNULL,
    ) as server:
        os.close(theirs)
        try:
            ready, _, _ = select.select([ours], [], [], SECONDS)
            number = os.read(ours, 16).decode().strip() if ready else ""
            if not number:
                pytest.skip("Xvfb did not start")
            yield f":{number}"
        finally:
            server.terminate()
            os.close(ours)


def seen_on(display: str) -> np.ndarray:
    return np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB"))


def test_where_there_is_a_display_a_window_opens_and_moves(
    display: str, finished_run: Path, tmp_path: Path
) -> None:
    hidden = ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    with subprocess.Popen(
        [sys.executable, "-m", "upright", "watch", str(finished_run)],
        env=environment | {"DISPLAY": display, "PYTHONWARNINGS": "error"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            first = until(lambda: seen_on(display), lambda image: (image == 255).mean() > 0.2)
            until(lambda: seen_on(display), lambda image: (image[:500] != first[:500]).any())
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0
    assert out == ""
    assert "In a window, since there is a display" in err
    assert err.endswith("Stopped.\n")
    assert "Traceback" not in err


def until(look: Any, found: Any) -> Any:
    end = time.monotonic() + SECONDS
    while not found(image := look()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return image
