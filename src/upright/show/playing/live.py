"""A page on this machine: one player, any number of viewers, over Server-Sent Events.

GET / is the page, GET /stream its events, POST /control what a viewer wants. Nothing else is there,
and no other web page reaches it.
"""

import json
import time
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from upright.ground import UprightError, raised
from upright.show.html import asset
from upright.show.playing.pace import Show, paced
from upright.show.playing.player import Moment
from upright.show.playing.stage import Pictures, Stage, facts_of
from upright.show.serving import SameOrigin, address_of, listening, own_page, port_of, served

MOST_VIEWERS = 32
CONTROL_BYTES = 1000
FAREWELL_SECONDS = 1.0


class LivePage:
    """A server that is there when this is made, and plays when it is told to.

    Args:
        show: What is shown.
        port: Where; None takes a free one.

    Raises:
        UprightError: It cannot listen there.
    """

    def __init__(self, show: Show, port: int | None = None) -> None:
        self._show, self._stage, self._pictures = show, Stage(show), Pictures()
        self._skipped: Moment | None = None
        self._socket = listening(port, "Try --as terminal.")
        self.port = port_of(self._socket)
        self.address = address_of(self.port)

    def play(self) -> None:
        """Serve, and play in this thread until the episodes are over or a signal comes."""
        try:
            with served(_app(self._stage, self.port), self._socket):
                self._play_and_say_how_it_ended()
        finally:
            self._socket.close()

    def _play_and_say_how_it_ended(self) -> None:
        over = "The watch was stopped."
        try:
            self._play()
            over = "All episodes are over."
        except UprightError as error:
            over = error.message
            raise
        except Exception as error:
            over = f"{raised(error)}."
            raise
        finally:
            self._stage.publish({"over": over})
            until = time.monotonic() + FAREWELL_SECONDS
            while self._stage.viewers and time.monotonic() < until:
                time.sleep(0.01)

    def _play(self) -> None:
        stage, show = self._stage, self._show
        stage.restarting = True
        while stage.restarting:
            stage.restarting = stage.stopped = False
            moments = show.player.play(show.episodes)
            self._publish(next(moments))
            for moment in paced(moments, stage, self._wait):
                if stage.worth_drawing(moment):
                    self._publish(moment)
                else:
                    self._skipped = moment

    def _publish(self, moment: Moment) -> None:
        self._skipped = None
        self._stage.publish(facts_of(self._show, moment, self._pictures))

    def _wait(self, seconds: float) -> None:
        """Wait; a pause shows the moment at which it came, even one that went by too fast."""
        if self._skipped is not None and self._stage.paused:
            self._publish(self._skipped)
        self._stage.wait(seconds)


def _app(stage: Stage, port: int) -> ASGIApp:
    html = asset("live.html")

    async def page(request: Request) -> Response:
        return own_page(html)

    async def stream(request: Request) -> Response:
        if len(stage.viewers) >= MOST_VIEWERS:
            return Response("Too many look on already.", 503, media_type="text/plain")
        return EventStream(stage)

    async def control(request: Request) -> Response:
        order = await _order(request)
        done = order is not None and stage.obey(order)
        return Response(status_code=204 if done else 400)

    routes = [Route("/", page), Route("/stream", stream)]
    routes.append(Route("/control", control, methods=["POST"]))
    return SameOrigin(Router(routes, redirect_slashes=False), port)


class EventStream(StreamingResponse):
    """What one viewer gets; however it leaves, it is counted out."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._news = stage, stage.enter()
        super().__init__(stage.events(self._news), media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until nobody listens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stage.viewers.discard(self._news)


async def _order(request: Request) -> dict[str, Any] | None:
    """The small JSON object that was sent; None where it is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > CONTROL_BYTES:
            return None
    with suppress(ValueError, RecursionError):
        order = json.loads(body)
        return order if isinstance(order, dict) else None
    return None
