"""What every page is made of: files of `web/`, text of strangers, data URIs, digests."""

import base64
import hashlib
from html import escape
from importlib.resources import files

from upright.ground import printable


def asset(name: str) -> str:
    """The text of a file of `web/`."""
    return (files("upright.show") / "web" / name).read_text(encoding="utf-8")


def on_a_page(text: str) -> str:
    """Text of a stranger's file as HTML, with nothing in it that no page can hold."""
    return escape(printable(text, "\ufffd"))


def data_uri(kind: str, data: bytes) -> str:
    """A file in the place of its address; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def digest_source(text: str) -> str:
    """A script or a style as a Content-Security-Policy names it: by its SHA-256."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
