"""A link to a file or a folder of the project leads to a page that shows it.

So does `[source]` beside everything that was made from a docstring, to its first line.
"""

import html
import inspect
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parents[2]
FOLDER = "files"
LANGUAGES = {".py": "python", ".toml": "toml", ".js": "javascript", ".sh": "bash", ".txt": "none"}
Page = tuple[str, dict[str, Any], str]


def setup(app: Any) -> dict[str, bool]:
    """Look at links as pages are read, and add the pages that they lead to."""
    app.add_transform(FileLinks)
    app.connect("doctree-read", _link_sources)
    app.connect("env-purge-doc", lambda app, env, page: _linked(env).pop(page, None))
    app.connect("html-collect-pages", _pages)
    return {"parallel_read_safe": False}


class FileLinks(SphinxTransform):
    """Turns links to what is no page into links to the page that shows it."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Look at every link of a page; what is not of the project is left to Sphinx."""
        page = self.env.docname
        for kind in (addnodes.download_reference, addnodes.pending_xref):
            for node in list(self.document.findall(kind)):
                path = _path(page, node.get("reftarget", ""))
                if node.get("reftype") != "myst" or path is None:
                    continue
                _linked(self.env).setdefault(page, set()).add(path)
                uri = self.app.builder.get_relative_uri(page, _name(path))
                link = nodes.reference("", "", *node.children, refuri=uri, internal=True)
                node.replace_self(link)


def _link_sources(app: Any, doctree: nodes.document) -> None:
    """Put `[source]` beside what is described of the package."""
    page = app.env.docname
    for signature in doctree.findall(addnodes.desc_signature):
        place = _place(signature.get("module") or "", signature.get("fullname") or "")
        if place is None:
            continue
        path, line = place
        _linked(app.env).setdefault(page, set()).add(path)
        uri = f"{app.builder.get_relative_uri(page, _name(path))}#L-{line}"
        words = nodes.inline("", "[source]", classes=["source-link"])
        signature += nodes.reference("", "", words, refuri=uri, internal=True)


def _place(module: str, name: str) -> tuple[str, int] | None:
    """The file and the line in which something is defined; None for what has neither."""
    if not module or not name:
        return None
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = inspect.getattr_static(found, part, None) or getattr(found, part)
        found = getattr(found, "fget", None) or getattr(found, "func", None) or found
        path = Path(inspect.getsourcefile(found) or "").resolve()
        return path.relative_to(ROOT).as_posix(), inspect.getsourcelines(found)[1]
    except (AttributeError, TypeError, ValueError):  # an attribute, or another's
        return None


def _linked(env: Any) -> dict[str, set[str]]:
    """The paths that pages link to, by page; kept with what Sphinx keeps of them."""
    if not hasattr(env, "linked_files"):
        env.linked_files = {}
    linked: dict[str, set[str]] = env.linked_files
    return linked


def _path(page: str, target: str) -> str | None:
    """What a link means, from the project's root; None where it is nothing that a page shows."""
    path = Path(os.path.normpath(ROOT / Path(page).parent / target))
    shown = path.is_dir() or (path.is_file() and path.suffix in LANGUAGES)
    return path.relative_to(ROOT).as_posix() if shown and path.is_relative_to(ROOT) else None


def _name(path: str) -> str:
    return f"{FOLDER}/{path}/index" if (ROOT / path).is_dir() else f"{FOLDER}/{path}"


def _pages(app: Any) -> Iterator[Page]:
    """A page for each linked path, and for all that a linked folder holds."""
    waiting = set().union(*_linked(app.env).values())
    done: set[str] = set()
    while waiting:
        path = waiting.pop()
        done.add(path)
        within = _within(ROOT / path)
        waiting |= {each for each in within if each not in done}
        body = _listing(path, within) if within else _source(app, path)
        title = html.escape(path)
        yield _name(path), {"title": title, "body": f"<h1>{title}</h1>{body}"}, "page.html"


def _within(folder: Path) -> list[str]:
    """What of a folder is shown; nothing where it is a file."""
    if not folder.is_dir():
        return []
    kept = (each for each in sorted(folder.iterdir()) if not each.name.startswith(("__py", ".")))
    kinds = (each for each in kept if each.is_dir() or each.suffix in LANGUAGES)
    return [each.relative_to(ROOT).as_posix() for each in kinds]


def _listing(path: str, within: list[str]) -> str:
    rows = (
        (os.path.relpath(_name(each), Path(_name(path)).parent), Path(each).name) for each in within
    )
    items = "".join(f'<li><a href="{uri}.html">{name}</a></li>' for uri, name in rows)
    return f"<ul>{items}</ul>"


def _source(app: Any, path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    language = LANGUAGES[Path(path).suffix]
    shown: str = app.builder.highlighter.highlight_block(
        text, language, linenos="inline", lineanchors="L"
    )
    return shown
