"""Several runs of one recipe as a card in a notebook."""

from collections.abc import Mapping, Sequence

from upright.ground import UprightError, how_many
from upright.runs import Run
from upright.show.curves import plot
from upright.show.html import data_uri, on_a_page

_STYLE = "max-width:100%;width:520px;border-radius:6px;border:1px solid #8884"


def many_card(runs: Sequence[Run], sentences: Sequence[str], failures: Mapping[int, str]) -> str:
    """HTML of several runs; what cannot be drawn is said in its place.

    Args:
        runs: At least one, all of one recipe.
        sentences: What they come to.
        failures: Why other seeds have no run here, by seed.
    """
    record = runs[0].record
    try:
        source = data_uri("image/png", plot(runs).data("png"))
        curve = f'<img alt="mean learning curve" style="{_STYLE}" src="{source}">'
    except UprightError as error:
        curve = f"<i>{on_a_page(error.message)}</i>"
    failed = [f"Seed {seed} failed: {error}" for seed, error in failures.items()]
    lines = "".join(f"<div>{on_a_page(each)}</div>" for each in (*sentences, *failed))
    name = f"{record.env} · {record.algo}, {how_many(len(runs), 'seed')}"
    return (
        '<div style="max-width:900px;line-height:1.45">'
        f"<div><b>{on_a_page(name)}</b></div>"
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:.6em 0">'
        f"{curve}<div>{lines}</div></div></div>"
    )
