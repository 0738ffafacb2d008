"""The board as a page on this machine, which asks what is new every second.

GET / is the page, /changes what is new, /run a run's details, /replay and /report its files. Runs
are called by numbers that the board gave them, so that no address names a file. Nothing can be
changed.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from upright.ground import STOPPING, UprightError, interrupting, read_bytes
from upright.runs import REPLAY_FILE
from upright.show.board.details import details_of
from upright.show.board.memory import Board
from upright.show.board.row import in_a_cell
from upright.show.curves import ON_DARK, ON_LIGHT
from upright.show.html import asset, on_a_page
from upright.show.pages import REPORT
from upright.show.serving import (
    NEVER_FRAMED,
    SameOrigin,
    address_of,
    listening,
    own_page,
    port_of,
    served,
)

SCRIPTS = ("board-words.js", "board-chart.js", "board-panels.js", "board-table.js", "board.js")
FILE_BYTES = 64 << 20
LONGEST_NUMBER = 15
# A run's report is a stranger's page: it is shown, and can do nothing.
SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class BoardPage:
    """A server that is there when this is made, and looks at the runs when it is told to.

    Args:
        folder: Where the runs are.
        port: Where it listens; None takes a free port.

    Raises:
        UprightError: There is no such folder, or it cannot listen there.
    """

    def __init__(self, folder: str | Path, port: int | None = None) -> None:
        self.board = Board(folder)
        self._socket = listening(port)
        self.port = port_of(self._socket)
        self.address = address_of(self.port)

    def serve(self) -> None:
        """Serve, and look at the runs in this thread, until a signal comes."""
        with served(_app(self.board, self.port), self._socket):
            self.board.keep_looking()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def show_board(folder: str | Path, port: int | None, say: Callable[[str], None]) -> None:
    """Show the runs under a folder until a person ends it.

    Args:
        folder: Where the runs are.
        port: The page's; None takes a free one.
        say: Tells the person who started it how it ends; the address goes to stdout.

    Raises:
        UprightError: There is no such folder, or it cannot listen there.
    """
    try:
        with interrupting(*STOPPING), closing(BoardPage(folder, port)) as page:
            say("On a page that this machine alone can open: Ctrl-C ends it.")
            print(page.address, flush=True)
            page.serve()
    except KeyboardInterrupt:
        say("Stopped.")


def board_html(board: Board) -> str:
    """The page, whose texts all come by its script."""
    return Template(asset("board.html")).substitute(
        title=on_a_page(in_a_cell(board.folder)),
        light=" ".join(ON_LIGHT),
        dark=" ".join(ON_DARK),
        style=asset("board.css"),
        script="\n".join(map(asset, SCRIPTS)),
    )


def _app(board: Board, port: int) -> ASGIApp:
    page = own_page(board_html(board), f"{NEVER_FRAMED}; media-src 'self'")

    def home(request: Request) -> Response:
        return page

    def changes(request: Request) -> Response:
        since = _number(request, "since")
        return _refused() if since is None else JSONResponse(board.changes(since))

    def run(request: Request) -> Response:
        path = _run(request)
        return _refused(404) if path is None else JSONResponse(details_of(path))

    def replay(request: Request) -> Response:
        return _file(_run(request), REPLAY_FILE, "video/mp4")

    def report(request: Request) -> Response:
        answer = _file(_run(request), REPORT, "text/html")
        answer.headers["content-security-policy"] = SANDBOX
        return answer

    def _run(request: Request) -> Path | None:
        number = _number(request, "id")
        return None if number is None else board.run_at(number)

    routes = [Route("/", home), Route("/changes", changes), Route("/run", run)]
    routes += [Route("/replay", replay), Route("/report", report)]
    return SameOrigin(Router(routes, redirect_slashes=False), port)


def _number(request: Request, name: str) -> int | None:
    """A count in the address; None where it is none."""
    text = request.query_params.get(name, "")
    whole = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    return int(text) if whole else None


def _file(folder: Path | None, name: str, kind: str) -> Response:
    """A file of a run's, never by way of a link."""
    if folder is None:
        return _refused(404)
    try:
        return Response(read_bytes(folder / name, FILE_BYTES), media_type=kind)
    except UprightError:
        return _refused(404)


def _refused(status: int = 400) -> Response:
    return Response("There is no such thing here.", status, media_type="text/plain")
