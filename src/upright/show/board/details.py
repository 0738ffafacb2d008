"""What the board says of one run when it is asked: its verdict, settings, files and commands."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from upright.ground import TOML_BYTES, UprightError, printable, read_bytes, shortened
from upright.runs import COMMAND_FILE, REPLAY_FILE, Run
from upright.settings import Recipe, resolve
from upright.show.pages import REPORT, shown, told

LONGEST = 400
# How a run is gone on with depends on the machine, not on what it is.
LEFT_OUT = ("env", "algo", "preset", "seed")
NEXT = ("watch", "report", "diagnose", "verify")


def details_of(path: Path) -> dict[str, Any]:
    """A run's details as JSON values; what cannot be read is said in its place."""
    try:
        run = Run(path)
    except UprightError as error:
        return {"headline": "It cannot be opened", "sentence": _text(error), "files": []}
    verdict, headline, sentence = told(run)
    found: dict[str, Any] = {
        "headline": headline,
        "sentence": _text(sentence if sentence.startswith(str(path)) else _begun(sentence)),
        "solved": verdict.solved if verdict else None,
        "commands": [f"upright {verb} {_text(shlex.quote(str(path)))}" for verb in NEXT],
        "files": [name for name in (REPORT, REPLAY_FILE) if (path / name).is_file()],
        "made": [[_text(name), _text(value)] for name, value in _made(run)],
        "settings": [],
    }
    with suppress(UprightError):
        found["typed"] = _text(read_bytes(path / COMMAND_FILE, TOML_BYTES).decode(errors="replace"))
    try:
        found["settings"] = _settings(run.recipe)
    except UprightError as error:
        found["settings_problem"] = _text(error)
    return found


def _begun(sentence: str) -> str:
    """With a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def _settings(recipe: Recipe) -> list[list[Any]]:
    """Name, value and, where it is another than the preset's, the preset's."""
    usual: dict[str, Any] = {}
    with suppress(UprightError):  # a preset that is not known here
        preset = resolve(recipe.env, recipe.algo, preset=recipe.preset, seed=recipe.seed)
        usual = preset.flat()
    own = recipe.flat()
    rows = []
    for name in [*own, *(name for name in usual if name not in own)]:
        value, other = own.get(name), usual.get(name)
        if name not in LEFT_OUT:
            differs = bool(usual) and value != other
            rows.append([_text(name), _value(value), _value(other) if differs else None])
    return rows


def _made(run: Run) -> list[tuple[str, Any]]:
    record = run.record
    facts = [
        ("started", record.started),
        ("seconds of training", record.train_seconds),
        ("seconds of evaluations", record.eval_seconds),
        ("backend", record.backend),
        ("device", record.device),
        ("threads", record.threads),
        ("gone on with", f"{len(record.resumptions)} times" if record.resumptions else None),
        *record.versions.items(),
    ]
    return [(name, value) for name, value in facts if value is not None]


def _value(value: Any) -> str:
    return "none" if value is None else _text(shown(value))


def _text(value: object) -> str:
    """A stranger's text as any page can hold it."""
    return printable(shortened(str(value).strip(), LONGEST), "\ufffd")
