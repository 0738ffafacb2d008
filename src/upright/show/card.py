"""A run as a notebook shows it: what it is, the verdict, the curve, a video."""

import base64
from html import escape

from upright.errors import UprightError
from upright.run import Run
from upright.show.plot import plot
from upright.show.replay import MOST_STEPS, replay
from upright.show.words import headline, printable, sentence

_STYLE = "max-width:100%;width:420px;border-radius:6px;border:1px solid #8884"


def card(run: Run) -> str:
    """HTML of a run; what cannot be drawn is said in its place."""
    info = run.info
    name = f"{info.get('env')} · {info.get('algo')}, seed {info.get('seed')}"
    return (
        '<div style="max-width:900px;line-height:1.45">'
        f"<div><b>{escape(printable(name))}</b> · {escape(printable(headline(run)))}</div>"
        f'<div style="opacity:.8">{escape(printable(sentence(run)))}</div>'
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:.6em 0">'
        f"{_curve(run)}{_video(run)}</div>"
        f'<div style="opacity:.8"><code>{escape(printable(str(run.source)))}</code></div></div>'
    )


def _curve(run: Run) -> str:
    try:
        data = base64.b64encode(plot([run]).data("png")).decode()
    except UprightError as error:
        return f"<i>{escape(printable(error.message))}</i>"
    return f'<img alt="learning curve" style="{_STYLE}" src="data:image/png;base64,{data}">'


def _video(run: Run) -> str:
    try:
        shown = replay(run, MOST_STEPS)
    except UprightError as error:
        return f"<i>{escape(printable(error.message))}</i>"
    return f'<video controls loop muted playsinline style="{_STYLE}" src="{shown.uri}"></video>'
