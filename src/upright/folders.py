"""Making a run folder: it is there at once and whole, and takes nobody's place."""

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from upright.checkpoint import SCHEMA
from upright.errors import UprightError
from upright.files import as_json, sync_folder, write_synced
from upright.recipe import Recipe

METRICS, EPISODES = "metrics.jsonl", "episodes.jsonl"
PICTURES = CURVE, REPLAY = "curve.png", "replay.mp4"


def new_run_folder(out: str | Path, recipe: Recipe, files: Mapping[str, bytes | Path]) -> Path:
    """A run folder that is there at once and whole; a name that is taken gets a number.

    Args:
        out: The folder of runs.
        recipe: What the folder is named after.
        files: The first files, by relative path: their bytes, or what to copy.

    Raises:
        UprightError: It cannot be written.
    """
    parent = Path(out) / folder_name(recipe.env)
    temporary = parent / f".{recipe.algo}-s{recipe.seed}.{secrets.token_hex(4)}.tmp"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        try:
            for name, content in files.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    shutil.copyfile(content, temporary / name)
                    with (temporary / name).open("rb+") as copied:
                        os.fsync(copied.fileno())
                else:
                    write_synced(temporary / name, content)
            (temporary / "checkpoints").mkdir(exist_ok=True)
            for folder in (*temporary.rglob("*"), temporary):
                if folder.is_dir():
                    sync_folder(folder)
            return _place(temporary, parent, f"{recipe.algo}-s{recipe.seed}")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UprightError(
            f"Cannot write the run below {out}: {error.strerror}.",
            "Choose another folder with --out.",
        ) from error


def copy_of_run(source: Path, out: str | Path, recipe: Recipe) -> Path:
    """A fresh run folder with the files of another, which was checked before.

    Raises:
        UprightError: It cannot be written.
    """
    files = [path for path in source.rglob("*") if path.is_file()]
    return new_run_folder(
        out, recipe, {path.relative_to(source).as_posix(): path for path in files}
    )


def _place(temporary: Path, parent: Path, name: str) -> Path:
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}-{number}")
        number += 1
        if folder.exists():
            continue
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            continue
        sync_folder(parent)
        return folder


def folder_name(env: str) -> str:
    """The folder of an environment's runs: its id, in characters that every system takes."""
    return re.sub(r"[^\w.-]", "-", env.replace("/", "--")).strip("-.") or "env"


def first_files(recipe: Recipe, command: str, info: dict[str, Any]) -> dict[str, bytes]:
    """What a run folder holds before the first step."""
    record = {
        "schema": SCHEMA,
        "env": recipe.env,
        "algo": recipe.algo,
        "seed": recipe.seed,
        "preset": recipe.preset,
        "status": "running",
        **info,
    }
    return {
        "settings.toml": tomli_w.dumps(recipe.flat()).encode(),
        "command.txt": f"{command}\n".encode(),
        METRICS: b"",
        EPISODES: b"",
        "run.json": as_json(record),
    }
