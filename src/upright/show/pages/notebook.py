"""A run as a notebook shows it: what it is, the verdict, the curve, a video."""

from upright.ground import UprightError
from upright.runs import Run
from upright.show.curves import plot
from upright.show.html import data_uri, on_a_page
from upright.show.pages.words import headline, sentence
from upright.show.video import MOST_STEPS, replay

_STYLE = "max-width:100%;width:420px;border-radius:6px;border:1px solid #8884"


def card(run: Run) -> str:
    """HTML of a run; what cannot be drawn is said in its place."""
    record = run.record
    name = f"{record.env} · {record.algo}, seed {record.seed}"
    return (
        '<div style="max-width:900px;line-height:1.45">'
        f"<div><b>{on_a_page(name)}</b> · {on_a_page(headline(run))}</div>"
        f'<div style="opacity:.8">{on_a_page(sentence(run))}</div>'
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:.6em 0">'
        f"{_curve(run)}{_video(run)}</div>"
        f'<div style="opacity:.8"><code>{on_a_page(str(run.source))}</code></div></div>'
    )


def _curve(run: Run) -> str:
    try:
        source = data_uri("image/png", plot([run]).data("png"))
    except UprightError as error:
        return f"<i>{on_a_page(error.message)}</i>"
    return f'<img alt="learning curve" style="{_STYLE}" src="{source}">'


def _video(run: Run) -> str:
    try:
        shown = replay(run, MOST_STEPS)
    except UprightError as error:
        return f"<i>{on_a_page(error.message)}</i>"
    return f'<video controls loop muted playsinline style="{_STYLE}" src="{shown.uri}"></video>'
