"""A window: the picture, and below it the numbers of the moment."""

from typing import Any

import numpy as np
import pygame
from pygame.font import Font

from upright.ground import UprightError
from upright.show.playing.pace import Pace, Show, play_here
from upright.show.playing.player import Moment

UNSEEN = ("dummy", "offscreen")
WINDOW_SIZE, SMALLEST = (760, 640), (240, 200)
BACKGROUND, RAIL, INK, DIM, ACCENT = "#16181d", "#2a2e37", "#f2f4f8", "#a4abb8", "#6ea8fe"
KEYS = "space: pause     right: one step     + and -: speed     q: quit"
NAMED_KEYS = {pygame.K_ESCAPE: "q", pygame.K_SPACE: " ", pygame.K_RIGHT: "n"}
MAX_BARS = 6
REDRAWN_AFTER = (pygame.KEYDOWN, pygame.VIDEORESIZE, pygame.WINDOWEXPOSED)


def open_display() -> None:
    """Start SDL's display.

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
        self._show, self._pace = show, Pace(show.player.fps, show.speed)

    def play(self) -> None:
        """Play until the episodes are over or the window is closed."""
        try:
            play_here(self._show, self._pace, self._draw, self._listen)
        finally:
            pygame.display.quit()

    def _listen(self, seconds: float) -> bool:
        """Answer the keys until the first of them; whether they, or the system, want a drawing."""
        milliseconds = int(min(seconds, 0.1) * 1000)
        first = pygame.event.wait(milliseconds) if milliseconds else pygame.event.poll()
        events = [first, *pygame.event.get()]
        for event in events:
            if event.type == pygame.QUIT:
                self._pace.press("q")
            elif event.type == pygame.KEYDOWN:
                self._pace.press(NAMED_KEYS.get(event.key, event.unicode))
        return any(event.type in REDRAWN_AFTER for event in events)

    def _draw(self, moment: Moment) -> None:
        """The picture above, the panel below."""
        screen = self._screen = pygame.display.get_surface() or self._screen
        width, height = (max(a, b) for a, b in zip(screen.get_size(), SMALLEST, strict=True))
        screen.fill(BACKGROUND)
        panel = panel_of(self._show, moment, self._pace.status, width)
        room = max(1, height - panel.get_height())
        picture = letterboxed(moment.image, width, room)
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
    text, small = Font(None, 26), Font(None, 20)
    panel = pygame.Surface((width, 108 + 24 * len(bars)))
    panel.fill(BACKGROUND)
    pygame.draw.line(panel, RAIL, (0, 0), (width, 0))

    def write(words: str, colour: str, left: int, top: int, room: int, font: Font = small) -> None:
        """Text that is cut where its room ends."""
        while words and font.size(words)[0] > room:
            words = words[:-1]
        panel.blit(font.render(words, True, colour), (left, top))

    write(f"{show.title} · {moment.label}".strip(" ·"), DIM, 16, 12, width - 130)
    write(status, ACCENT, width - 16 - small.size(status)[0], 12, width)
    cells = {"Episode": f"{moment.episode:,}", "Step": f"{moment.step:,}"}
    cells["Return"] = f"{moment.episode_return:z,.1f}"
    if moment.value is not None:
        cells["V(s)"] = f"{moment.value:z,.2f}"
    share = (width - 32) // len(cells)
    for column, (name, value) in enumerate(cells.items()):
        write(name, DIM, 16 + column * share, 36, share)
        write(value, INK, 16 + column * share, 52, share, text)
    for row, (name, probability) in enumerate(bars):
        top = 84 + 24 * row
        write(name, INK, 16, top, 104)
        rail = pygame.Rect(126, top + 1, max(1, width - 198), 12)
        pygame.draw.rect(panel, RAIL, rail, border_radius=3)
        rail.width = round(rail.width * probability)
        pygame.draw.rect(panel, ACCENT, rail, border_radius=3)
        percent = f"{probability:.1%}"
        write(percent, INK, width - 16 - small.size(percent)[0], top, 56)
    write(moment.end or KEYS, DIM, 16, panel.get_height() - 24, width - 32)
    return panel
