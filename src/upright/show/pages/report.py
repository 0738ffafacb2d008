"""A run as one page, self-contained, and as a card in a notebook."""

import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Any

from upright.ground import (
    TOML_BYTES,
    UprightError,
    read_bytes,
    shortened,
    write_atomically,
    write_new,
)
from upright.judging import Evaluation, Finding, Verdict
from upright.runs import COMMAND_FILE, Run, findings_of
from upright.show.curves import NARROW, SIZE, curve_of, picture, plot
from upright.show.html import asset, data_uri, on_a_page
from upright.show.pages.words import shown, told
from upright.show.video import MOST_STEPS, replay

REPORT = "report.html"
# The curve's forms, of which a browser takes the first that fits: whether dark, and how large.
FORMS = {
    "(max-width: 600px) and (prefers-color-scheme: dark)": (True, NARROW),
    "(max-width: 600px)": (False, NARROW),
    "(prefers-color-scheme: dark)": (True, SIZE),
    "": (False, SIZE),
}
KINDS = {True: "solved", False: "unsolved", None: ""}
CONDITIONS = ("backend", "threads", "device", "train_seconds", "eval_seconds")
_SHOWN = 400
_CARD = "max-width:100%;width:420px;border-radius:6px;border:1px solid #8884"


def write_report(run: Run, out: Path | None = None) -> Path:
    """Write the page.

    Args:
        run: The run.
        out: A new file; None for report.html in the run folder, in the place of an earlier one.

    Raises:
        UprightError: The run cannot be read, or the file cannot be written.
    """
    page = report(run)
    if out is not None:
        write_new(out, page)
        return out
    path = run.path / REPORT
    try:
        write_atomically(path, page)
    except OSError as error:
        raise UprightError(
            f"Cannot write {path}: {error.strerror}.", "Choose another file with --out."
        ) from error
    return path


def report(run: Run) -> str:
    """The page's HTML; what cannot be shown is said in its place.

    Raises:
        UprightError: The run's settings cannot be read.
    """
    record = run.record
    verdict, headline, sentence = told(run)
    conditions = ((name.replace("_", " "), getattr(record, name)) for name in CONDITIONS)
    return Template(asset("report.html")).substitute(
        title=_text(f"{record.env}, {record.algo}, seed {record.seed}"),
        heading=_text(record.env),
        subtitle=_text(
            f"{record.algo}, seed {record.seed}, {run.status}, started {record.started}"
        ),
        kind=KINDS[verdict.solved if verdict else None],
        headline=_text(headline),
        sentence=_text(sentence[:1].upper() + sentence[1:].removesuffix(".") + "."),
        replay=_replay(run),
        curve=_curve(run),
        verdict=_verdict(run, verdict) if verdict else _said(sentence),
        diagnosis=_diagnosis(run, verdict),
        commands=_commands(run),
        settings=_table(run.recipe.flat().items()),
        conditions=_table(
            [*record.versions.items(), *(each for each in conditions if each[1] is not None)]
        ),
    )


def card(run: Run) -> str:
    """HTML of a run for a notebook; what cannot be drawn is said in its place."""
    record = run.record
    _, headline, sentence = told(run)
    try:
        source = data_uri("image/png", plot([run]).data("png"))
        curve = f'<img alt="learning curve" style="{_CARD}" src="{source}">'
    except UprightError as error:
        curve = f"<i>{on_a_page(error.message)}</i>"
    try:
        video = _video(run, f'style="{_CARD}" ')
    except UprightError as error:
        video = f"<i>{on_a_page(error.message)}</i>"
    name = f"{record.env} · {record.algo}, seed {record.seed}"
    return (
        '<div style="max-width:900px;line-height:1.45">'
        f"<div><b>{on_a_page(name)}</b> · {on_a_page(headline)}</div>"
        f'<div style="opacity:.8">{on_a_page(sentence)}</div>'
        '<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start;margin:.6em 0">'
        f"{curve}{video}</div>"
        f'<div style="opacity:.8"><code>{on_a_page(str(run.source))}</code></div></div>'
    )


def _text(value: Any) -> str:
    """A value as text of a page, however long or strange."""
    return on_a_page(shortened(shown(value), _SHOWN))


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    cells = (f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _said(message: str) -> str:
    return f'<p class="soft">{_text(message)}</p>'


def _video(run: Run, style: str = "") -> str:
    source = replay(run, MOST_STEPS).uri
    return f'<video controls loop muted playsinline {style}src="{source}"></video>'


def _replay(run: Run) -> str:
    try:
        return _video(run)
    except UprightError as error:
        return _said(error.message)


def _curve(run: Run) -> str:
    """The curve in its forms."""
    try:
        curves, title = [curve_of(run)], run.record.env
    except UprightError as error:
        return _said(error.message)
    drawn = [picture(curves, title, dark, size).data("svg") for dark, size in FORMS.values()]
    *sources, last = (data_uri("image/svg+xml", each) for each in drawn)
    others = "".join(
        f'<source media="{media}" srcset="{source}">'
        for media, source in zip(FORMS, sources, strict=False)
    )
    words = "Learning curve: episode return over environment steps"
    return f'<picture>{others}<img class="curve" alt="{words}" src="{last}"></picture>'


def _verdict(run: Run, verdict: Verdict) -> str:
    proof = verdict.proof
    return _table(
        [
            ("judged after", f"{verdict.candidate.timesteps:,} steps"),
            ("selection", _in_words(verdict.candidate.selection)),
            ("proof, on other seeds", _in_words(proof)),
            ("threshold", "none" if proof.threshold is None else f"{proof.threshold:g}"),
            (
                "lowest and highest return of the proof",
                f"{min(proof.returns):g} and {max(proof.returns):g}",
            ),
            ("SHA-256 of the weights", run.recorded_verdict().weights_sha256),
        ]
    )


def _diagnosis(run: Run, verdict: Verdict | None) -> str:
    """What is unusual, under a heading of its own; nothing where nothing is."""
    findings: list[Finding] = []
    with suppress(UprightError):  # the curve says what is wrong with the metrics
        findings = findings_of(run, verdict)
    points = (f"<li>{_text(each.sentence)} {_text(each.hint)}</li>" for each in findings)
    return f"<h2>What is unusual</h2><ul>{''.join(points)}</ul>" if findings else ""


def _in_words(evaluation: Evaluation) -> str:
    low, high = evaluation.interval
    return (
        f"{evaluation.mean:z.1f} (95% interval {low:z.1f} to {high:z.1f}) over "
        f"{len(evaluation.returns):,} episodes, seed {evaluation.seed}"
    )


def _commands(run: Run) -> str:
    lines = [f"upright verify {shlex.quote(str(run.source))}"]
    with suppress(UprightError):  # the settings below say the same
        written = read_bytes(run.path / COMMAND_FILE, TOML_BYTES)
        lines.insert(0, written.decode(errors="replace").strip())
    return "".join(f"<pre>{on_a_page(line)}</pre>" for line in lines)
