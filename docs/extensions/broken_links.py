"""Holds the finished site against itself: every link leads somewhere, and nothing is fetched."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


def setup(app: Any) -> dict[str, bool]:
    """Look when everything is written."""
    app.connect("build-finished", _check, priority=900)
    return {"parallel_read_safe": True}


class Link(NamedTuple):
    """Where a page points to; whether a browser fetches it by itself."""

    target: str
    fetched: bool


class Page(HTMLParser):
    """The anchors of a page, and its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[Link] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag is called, and where it leads."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if "src" in given:
            self.links.append(Link(given["src"], True))
        if "href" in given:
            self.links.append(Link(given["href"], tag == "link"))


def _check(app: Any, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    root = Path(app.outdir)
    written = (path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts)
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in written}
    for path, page in pages.items():
        for complaint in _complaints(path, page, pages):
            LOGGER.warning("%s: %s", path.relative_to(root), complaint)


def _complaints(path: Path, page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for target, fetched in dict.fromkeys(page.links):
        parts = urlsplit(target)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            if fetched:
                yield f"a browser would fetch {target}"
            continue
        there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not there.is_file():
            yield f"there is no {target}"
        elif there in pages and unquote(parts.fragment) not in {"", *pages[there].anchors}:
            yield f"there is no anchor {target}"
