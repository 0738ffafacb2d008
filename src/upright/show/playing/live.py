"""A page on this machine: one player, any number of viewers, over Server-Sent Events.

GET / is the page, GET /stream its events, POST /control what a viewer wants. Nothing else is there,
and no other web page reaches it.
"""

import asyncio
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from upright.ground import UprightError
from upright.show.html import asset, digest_source
from upright.show.playing.pace import Show, paced
from upright.show.playing.player import Moment
from upright.show.playing.stage import Pictures, Stage, facts_of

LOOPBACK = "127.0.0.1"
MOST_VIEWERS, MOST_CONNECTIONS = 32, 100
CONTROL_BYTES = 1000
FAREWELL_SECONDS = 1.0
NEVER_FRAMED = (
    "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


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
        self._socket = _listening(port)
        self.port = int(self._socket.getsockname()[1])
        self.address = f"http://{LOOPBACK}:{self.port}/"

    def play(self) -> None:
        """Serve, and play in this thread until the episodes are over or a signal comes."""
        try:
            with _served(_app(self._stage, self.port), self._socket):
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
            over = f"{type(error).__name__}: {error}"
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


def _listening(port: int | None) -> socket.socket:
    """A socket that only this machine reaches."""
    try:
        return socket.create_server((LOOPBACK, port or 0), backlog=MOST_CONNECTIONS)
    except OSError as error:
        where = f"port {port} of {LOOPBACK}" if port else LOOPBACK
        raise UprightError(
            f"Nothing can be served on {where}: {os.strerror(error.errno or 0)}.",
            "Leave --port out for a free one." if port else "Try --as terminal.",
        ) from error


class Server(uvicorn.Server):
    """One that is gone when it is to end, whoever does not let go."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what can be closed in good order, and then the rest."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


@contextmanager
def _served(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
    """The server runs in a thread of its own, and is gone when this is left."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=3.0)


def _app(stage: Stage, port: int) -> ASGIApp:
    html = asset("live.html")
    # The page's own style and script, and no other, by their digests.
    inner = re.findall(r"<(style|script)>(.*?)</\1>", html, re.DOTALL)
    policy = "; ".join([NEVER_FRAMED, *(f"{tag}-src {digest_source(x)}" for tag, x in inner)])

    async def page(request: Request) -> Response:
        return HTMLResponse(html, headers={"content-security-policy": policy})

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


class SameOrigin:
    """Lets in only what was asked for by this page's own address, from this page.

    Args:
        app: What is behind it.
        port: The page's.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        names = [LOOPBACK, "localhost", "[::1]"]
        self._hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403."""
        if not self._admits(scope):
            refusal = Response("Not from here.", 403, media_type="text/plain")
            await refusal(scope, receive, send)
            return

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, sent)

    def _admits(self, scope: Scope) -> bool:
        given: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").lower())
        hosts, origins = given.get("host", []), given.get("origin", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return False
        if not self._origins.issuperset(origins):
            return False
        # Only a page sends orders, and a browser says which one.
        if scope["method"] != "GET" and not origins:
            return False
        site = given.get("sec-fetch-site", ["none"])
        return set(site) <= {"same-origin", "none"} or _is_a_link(scope, given)


def _is_a_link(scope: Scope, given: dict[str, list[str]]) -> bool:
    """Whether a person followed a link to the page, which may stand on any other page."""
    opened = given.get("sec-fetch-mode") == ["navigate"]
    whole = given.get("sec-fetch-dest") == ["document"]
    return opened and whole and scope["method"] == "GET" and scope["path"] == "/"


_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
