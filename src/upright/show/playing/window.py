"""A window: the picture, and below it the numbers of the moment."""

import math
from typing import Any

import numpy as np
import pygame

from upright.ground import UprightError
from upright.show.playing.pace import Show, paced
from upright.show.playing.player import Moment

UNSEEN = ("dummy", "offscreen")
WINDOW_SIZE, SMALLEST = (760, 640), (240, 200)
BACKGROUND, RAIL, INK, DIM, ACCENT = "#16181d", "#2a2e37", "#f2f4f8", "#a4abb8", "#6ea8fe"
KEYS = "space: pause     right: one step     + and -: speed     q: quit"
MAX_BARS = 6
REDRAWN_AFTER = (pygame.KEYDOWN, pygame.VIDEORESIZE, pygame.WINDOWEXPOSED)


def open_display() -> str:
    """Start SDL's display; the name of its driver.

    Raises:
        UprightError: There is none, or only one that nobody sees.
    """
    hint = "`--as page` shows it in a browser, `--as terminal` right here."
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error as error:
        raise UprightError(f"There is no display for a window: {error}.", hint) from error
    # Without a display SDL does not fail: it draws where nobody looks.
    if driver in UNSEEN:
        pygame.display.quit()
        raise UprightError(f"There is no display for a window (SDL's driver is {driver}).", hint)
    return driver


class Window:
    """A resizable window that plays.

    Args:
        show: What is shown.

    Raises:
        UprightError: There is no display.
    """

    def __init__(self, show: Show) -> None:
        open_display()
        try:
            self._screen = pygame.display.set_mode(WINDOW_SIZE, pygame.RESIZABLE)
        except pygame.error as error:
            raise UprightError(f"No window could be opened: {error}.", "Try --as page.") from error
        pygame.display.set_caption(show.title)
        pygame.font.init()
        self._show, self._pace = show, show.pace()
        self._moment: Moment | None = None

    def play(self) -> None:
        """Play until the episodes are over or the window is closed."""
        try:
            moments = self._show.player.play(self._show.episodes)
            for moment in paced(moments, self._pace, self._listen):
                self._moment = moment
                self._listen(0.0)
                if self._pace.worth_drawing(moment):
                    self._draw()
        finally:
            pygame.display.quit()

    def _listen(self, seconds: float) -> None:
        """Answer the keys for so many seconds, or until the first of them."""
        milliseconds = 100 if math.isinf(seconds) else min(int(seconds * 1000), 100)
        first = pygame.event.wait(milliseconds) if milliseconds else pygame.event.poll()
        events = [first, *pygame.event.get()]
        for event in events:
            self._answer(event)
        if any(event.type in REDRAWN_AFTER for event in events) and not self._pace.stopped:
            self._draw()

    def _answer(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self._pace.stopped = True
        elif event.type == pygame.KEYDOWN:
            self._press(event.key, event.unicode)

    def _press(self, key: int, character: str) -> None:
        pace = self._pace
        if key == pygame.K_ESCAPE or character == "q":
            pace.stopped = True
        elif key == pygame.K_SPACE:
            pace.toggle()
        elif key == pygame.K_RIGHT or character == "n":
            pace.step()
        elif character in ("+", "=", "-"):
            pace.change_speed(faster=character != "-")

    def _draw(self) -> None:
        """The picture above, the panel below."""
        if self._moment is None:
            return
        screen = self._screen = pygame.display.get_surface() or self._screen
        width, height = (max(a, b) for a, b in zip(screen.get_size(), SMALLEST, strict=True))
        screen.fill(BACKGROUND)
        panel = panel_of(self._show, self._moment, self._pace.status, width)
        room = max(1, height - panel.get_height())
        picture = letterboxed(self._moment.image, width, room)
        corner = ((width - picture.get_width()) // 2, (room - picture.get_height()) // 2)
        screen.blit(picture, corner)
        screen.blit(panel, (0, room))
        pygame.display.flip()


def letterboxed(image: Any, width: int, height: int) -> pygame.Surface:
    """The picture, as large as fits into so many pixels, its proportions kept."""
    surface = pygame.surfarray.make_surface(np.swapaxes(image, 0, 1))
    scale = min(width / surface.get_width(), height / surface.get_height())
    size = [max(1, round(side * scale)) for side in surface.get_size()]
    return pygame.transform.smoothscale(surface, size)


def panel_of(show: Show, moment: Moment, status: str, width: int) -> pygame.Surface:
    """The numbers of a moment, and a bar for each action's probability."""
    bars = show.probabilities(moment)[:MAX_BARS]
    text, small = pygame.font.Font(None, 26), pygame.font.Font(None, 20)
    panel = pygame.Surface((width, 108 + 24 * len(bars)))
    panel.fill(BACKGROUND)
    pygame.draw.line(panel, RAIL, (0, 0), (width, 0))
    _write(panel, small, f"{show.title} · {moment.label}".strip(" ·"), DIM, 16, 12, width - 130)
    _write(panel, small, status, ACCENT, width - 16 - small.size(status)[0], 12, width)
    cells = ["Episode", f"{moment.episode:,}", "Step", f"{moment.step:,}"]
    cells += ["Return", f"{moment.episode_return:,.1f}"]
    cells += [] if moment.value is None else ["V(s)", f"{moment.value:,.2f}"]
    share = (width - 32) // (len(cells) // 2)
    for column, (name, value) in enumerate(zip(cells[::2], cells[1::2], strict=True)):
        left = 16 + column * share
        _write(panel, small, name, DIM, left, 36, share)
        _write(panel, text, value, INK, left, 52, share)
    for row, (name, probability) in enumerate(bars):
        _bar(panel, small, name, probability, 84 + 24 * row)
    _write(panel, small, moment.end or KEYS, DIM, 16, panel.get_height() - 24, width - 32)
    return panel


def _bar(panel: pygame.Surface, font: pygame.font.Font, name: str, share: float, top: int) -> None:
    left, right = 16 + 110, panel.get_width() - 16 - 56
    _write(panel, font, name, INK, 16, top, 104)
    rail = pygame.Rect(left, top + 1, max(1, right - left), 12)
    pygame.draw.rect(panel, RAIL, rail, border_radius=3)
    filled = rail.copy()
    filled.width = round(rail.width * share)
    pygame.draw.rect(panel, ACCENT, filled, border_radius=3)
    percent = f"{share:.1%}"
    _write(panel, font, percent, INK, right + 56 - font.size(percent)[0], top, 56)


def _write(
    panel: pygame.Surface,
    font: pygame.font.Font,
    words: str,
    colour: str,
    left: int,
    top: int,
    width: int,
) -> None:
    """Text that is cut where its room ends."""
    while words and font.size(words)[0] > width:
        words = words[:-1]
    panel.blit(font.render(words, True, colour), (left, top))
