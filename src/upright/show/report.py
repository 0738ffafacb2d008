"""One page of a run, self-contained: verdict, curve, replay, settings, versions."""

import base64
import shlex
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from upright.errors import UprightError
from upright.evaluation import Evaluation
from upright.files import write_atomically, write_new
from upright.reading import TOML_BYTES, read_bytes
from upright.run import Run
from upright.show.curves import curve_of
from upright.show.playground import is_simulated, playground
from upright.show.plot import NARROW, SIZE, Picture, picture
from upright.show.replay import MOST_STEPS, replay
from upright.show.words import HEADLINES, headline, printable, sentence, shown

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


def write_playground(run: Run, out: Path) -> Path:
    """Write the page in which the policy can be pushed, or a replay where nothing simulates it.

    Raises:
        UprightError: The run has no policy, cannot be drawn, or the file cannot be written.
    """
    video = None if is_simulated(run) else replay(run, MOST_STEPS).data
    write_new(out, playground(run, video))
    return out


def report(run: Run) -> str:
    """The page's HTML; what cannot be shown is said in its place.

    Raises:
        UprightError: The run's settings cannot be read.
    """
    info = run.info
    env, algo, seed = (str(info.get(name)) for name in ("env", "algo", "seed"))
    kinds = {HEADLINES[True]: "solved", HEADLINES[False]: "unsolved"}
    words = headline(run)
    template = files("upright.show").joinpath("web/report.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=_text(f"{env}, {algo}, seed {seed}"),
        heading=_text(env),
        subtitle=_text(f"{algo}, seed {seed}, {run.status}, started {info.get('started', '?')}"),
        kind=kinds.get(words, ""),
        headline=_text(words),
        sentence=_text(_capitalised(sentence(run))),
        replay=_replay(run),
        curve=_curve(run),
        verdict=_verdict(run),
        commands=_commands(run),
        settings=_table(run.recipe.flat().items()),
        conditions=_table(_conditions(info)),
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _text(value: Any) -> str:
    """A value as text of a page, however long or strange."""
    text = shown(value)
    return escape(printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."))


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
        curves, title = [curve_of(run)], str(run.info.get("env"))
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
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.data('svg')).decode()}"


def _verdict(run: Run) -> str:
    try:
        verdict = run.verdict()
        record = run.verdict_record()
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
        ("SHA-256 of the weights", record.get("weights_sha256")),
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
        written = read_bytes(run.path / "command.txt", TOML_BYTES)
        lines.insert(0, written.decode(errors="replace").strip())
    return "".join(f"<pre>{escape(printable(line))}</pre>" for line in lines)


def _conditions(info: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    versions = info.get("versions")
    yield from (versions if isinstance(versions, dict) else {}).items()
    for name in ("backend", "threads", "device", "train_seconds", "eval_seconds"):
        if name in info:
            yield name.replace("_", " "), info[name]
