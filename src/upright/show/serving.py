"""A page that this machine alone can open: where it listens, who is let in, how it ends."""

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from upright.ground import UprightError
from upright.show.html import digest_source

LOOPBACK = "127.0.0.1"
MOST_CONNECTIONS = 100
NEVER_FRAMED = (
    "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def listening(port: int | None, otherwise: str = "") -> socket.socket:
    """A socket that only this machine reaches.

    Args:
        port: Where; None takes a free one.
        otherwise: The hint where not even a free one can be had.

    Raises:
        UprightError: It cannot listen there.
    """
    try:
        return socket.create_server((LOOPBACK, port or 0), backlog=MOST_CONNECTIONS)
    except OSError as error:
        where = f"port {port} of {LOOPBACK}" if port else LOOPBACK
        raise UprightError(
            f"Nothing can be served on {where}: {os.strerror(error.errno or 0)}.",
            "Leave --port out for a free one." if port else otherwise,
        ) from error


def port_of(listener: socket.socket) -> int:
    """The port that a socket listens on."""
    return int(listener.getsockname()[1])


def address_of(port: int) -> str:
    """What a person opens."""
    return f"http://{LOOPBACK}:{port}/"


class Server(uvicorn.Server):
    """One that is gone when it is to end, whoever does not let go."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what can be closed in good order, and then the rest."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


@contextmanager
def served(app: ASGIApp, listener: socket.socket) -> Iterator[None]:
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


def own_page(html: str, policy: str = NEVER_FRAMED) -> HTMLResponse:
    """A page whose policy allows its own style and script, by their digests, and no other."""
    inner = re.findall(r"<(style|script)>(.*?)</\1>", html, re.DOTALL)
    allowed = "; ".join([policy, *(f"{tag}-src {digest_source(text)}" for tag, text in inner)])
    return HTMLResponse(html, headers={"content-security-policy": allowed})


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
