"""What a player and its viewers share: the newest moment, as text that a browser reads."""

import asyncio
import io
import json
import math
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from upright.show.html import data_uri
from upright.show.playing.pace import MAX_SPEED, MIN_SPEED, Pace, Show
from upright.show.playing.player import Moment

LARGEST_SIDE = 1280
KEEPALIVE_SECONDS = 10.0


class Stage(Pace):
    """What the player and the viewers share: the newest moment, and how it is to go on.

    A viewer gets the newest snapshot when it is ready for one; what came between is dropped. With
    no viewer there is nobody to play for.
    """

    def __init__(self, show: Show) -> None:
        super().__init__(show.player.fps, show.speed)
        self._facts: dict[str, Any] = {"title": show.title, "fps": show.player.fps, "over": None}
        self._changed = threading.Event()
        self.viewers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = threading.Lock()
        self._snapshot = b""
        self.restarting = False

    def left(self) -> float:
        """Seconds until the next moment is due; infinite with nobody looking."""
        return super().left() if self.viewers else math.inf

    def wait(self, seconds: float) -> None:
        """Spend the time until something changes, or the next moment is due."""
        self._changed.wait(min(seconds, 1.0))
        self._changed.clear()

    def publish(self, news: dict[str, Any]) -> None:
        """Give all viewers something new: a moment, the state of the controls, or how it ended."""
        with self._writing:
            self._facts |= news | {"paused": self.paused, "speed": self.speed}
            text = json.dumps(self._facts, allow_nan=False)
            self._snapshot = f"data: {text}\n\n".encode()
        if self._loop is not None:
            with suppress(RuntimeError):  # the server is gone, and nobody is left to tell
                self._loop.call_soon_threadsafe(self._wake)

    def obey(self, order: dict[str, Any]) -> bool:
        """Do what a viewer wants; False where it is nothing that can be done."""
        speed: Any = order.get("speed")
        match order.get("do"):
            case "pause" | "resume" as wish:
                if self.paused != (wish == "pause"):
                    self.toggle()
            case "step":
                self.step()
            case "restart":
                self.restarting = self.stopped = True
            case "speed" if type(speed) in (int, float) and MIN_SPEED <= speed <= MAX_SPEED:
                self.set_speed(float(speed))
            case _:
                return False
        self._changed.set()
        self.publish({})
        return True

    def enter(self) -> asyncio.Event:
        """A viewer comes; its bell rings when there is news, and now."""
        self._loop = asyncio.get_running_loop()
        news = asyncio.Event()
        news.set()
        self.viewers.add(news)
        self._changed.set()
        return news

    async def events(self, news: asyncio.Event) -> AsyncIterator[bytes]:
        """What one viewer gets, until the end."""
        over = False
        while not over:
            try:
                await asyncio.wait_for(news.wait(), KEEPALIVE_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            news.clear()
            over = self._facts["over"] is not None
            yield self._snapshot

    def _wake(self) -> None:
        for news in self.viewers:
            news.set()


class Pictures:
    """Frames as data URLs: PNG or JPEG, whichever made less of the first one."""

    def __init__(self) -> None:
        self._format = ""

    def url(self, image: Any) -> str:
        """One frame."""
        frame = Image.fromarray(np.ascontiguousarray(image))
        frame.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        if not self._format:
            self._format = min(("png", "jpeg"), key=lambda kind: len(_encoded(frame, kind)))
        return data_uri(f"image/{self._format}", _encoded(frame, self._format))


def _encoded(frame: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    options = {"compress_level": 1} if kind == "png" else {"quality": 90, "subsampling": 0}
    frame.save(file, kind, **options)
    return file.getvalue()


def facts_of(show: Show, moment: Moment, pictures: Pictures) -> dict[str, Any]:
    """A moment as the page reads it."""
    return {
        "image": pictures.url(moment.image),
        **{name: getattr(moment, name) for name in ("episode", "step", "end", "label")},
        "return": _finite(moment.episode_return),
        "reward": _finite(moment.reward),
        "value": None if moment.value is None else _finite(moment.value),
        "actions": [[name, _finite(share)] for name, share in show.probabilities(moment)],
    }


def _finite(number: float) -> float | None:
    """A number that JSON has."""
    return float(number) if math.isfinite(number) else None
