"""One page of a run, self-contained: verdict, curve, replay, settings, versions."""

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
from upright.judging import HEADLINES, Evaluation
from upright.runs import COMMAND_FILE, Run, RunRecord
from upright.show.curves import NARROW, SIZE, Picture, curve_of, picture
from upright.show.html import asset, data_uri, on_a_page
from upright.show.pages.words import headline, sentence, shown
from upright.show.video import MOST_STEPS, replay

REPORT = "report.html"
_SHOWN = 400


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
    kinds = {HEADLINES[True]: "solved", HEADLINES[False]: "unsolved"}
    words = headline(run)
    return Template(asset("report.html")).substitute(
        title=_text(f"{record.env}, {record.algo}, seed {record.seed}"),
        heading=_text(record.env),
        subtitle=_text(
            f"{record.algo}, seed {record.seed}, {run.status}, started {record.started}"
        ),
        kind=kinds.get(words, ""),
        headline=_text(words),
        sentence=_text(_capitalised(sentence(run))),
        replay=_replay(run),
        curve=_curve(run),
        verdict=_verdict(run),
        commands=_commands(run),
        settings=_table(run.recipe.flat().items()),
        conditions=_table(_conditions(record)),
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _text(value: Any) -> str:
    """A value as text of a page, however long or strange."""
    text = shown(value)
    return on_a_page(shortened(text, _SHOWN))


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    cells = (f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows)
    return f"<table>{''.join(cells)}</table>"


def _said(error: UprightError) -> str:
    return f'<p class="soft">{_text(error.message)}</p>'


def _replay(run: Run) -> str:
    try:
        shown = replay(run, MOST_STEPS)
    except UprightError as error:
        return _said(error)
    return f'<video controls loop muted playsinline src="{shown.uri}"></video>'


def _curve(run: Run) -> str:
    """The curve in four forms, of which a browser takes the one that fits."""
    forms = [
        ("(max-width: 600px) and (prefers-color-scheme: dark)", True, NARROW),
        ("(max-width: 600px)", False, NARROW),
        ("(prefers-color-scheme: dark)", True, SIZE),
    ]
    try:
        curves, title = [curve_of(run)], run.record.env
    except UprightError as error:
        return _said(error)
    sources = "".join(
        f'<source media="{media}" srcset="{_svg(picture(curves, title, dark, size))}">'
        for media, dark, size in forms
    )
    last = _svg(picture(curves, title))
    words = "Learning curve: episode return over environment steps"
    return f'<picture>{sources}<img class="curve" alt="{words}" src="{last}"></picture>'


def _svg(drawn: Picture) -> str:
    return data_uri("image/svg+xml", drawn.data("svg"))


def _verdict(run: Run) -> str:
    try:
        verdict = run.verdict()
        recorded = run.recorded_verdict()
    except UprightError as error:
        return _said(error)
    rows: list[tuple[str, Any]] = [
        ("judged after", f"{verdict.candidate.timesteps:,} steps"),
        ("selection", _in_words(verdict.candidate.selection)),
        ("proof, on other seeds", _in_words(verdict.proof)),
        (
            "threshold",
            "none" if verdict.proof.threshold is None else f"{verdict.proof.threshold:g}",
        ),
        ("lowest and highest return of the proof", _extremes(verdict.proof)),
        ("SHA-256 of the weights", recorded.weights_sha256),
    ]
    return _table(rows)


def _in_words(evaluation: Evaluation) -> str:
    low, high = evaluation.interval
    return (
        f"{evaluation.mean:.1f} (95% interval {low:.1f} to {high:.1f}) over "
        f"{len(evaluation.returns)} episodes, seed {evaluation.seed}"
    )


def _extremes(evaluation: Evaluation) -> str:
    return f"{min(evaluation.returns):g} and {max(evaluation.returns):g}"


def _commands(run: Run) -> str:
    lines = [f"upright verify {shlex.quote(str(run.source))}"]
    with suppress(UprightError):  # the settings below say the same
        written = read_bytes(run.path / COMMAND_FILE, TOML_BYTES)
        lines.insert(0, written.decode(errors="replace").strip())
    return "".join(f"<pre>{on_a_page(line)}</pre>" for line in lines)


def _conditions(record: RunRecord) -> Iterable[tuple[str, Any]]:
    yield from record.versions.items()
    for name in ("backend", "threads", "device", "train_seconds", "eval_seconds"):
        value = getattr(record, name)
        if value is not None:
            yield name.replace("_", " "), value
