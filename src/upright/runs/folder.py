"""What a run folder holds, and making one: it is there at once and whole, and takes nobody's place.

run.json  settings.toml  command.txt  metrics.jsonl  episodes.jsonl  events.out.tfevents.*
checkpoints/000016384/  policy.safetensors  evaluation.json  curve.png  replay.mp4
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from upright.ground import UprightError, free_name, hidden_folder, sync_folder
from upright.settings import command_line

if TYPE_CHECKING:
    from upright.settings import Recipe

RUN_FILE, SETTINGS_FILE, COMMAND_FILE = "run.json", "settings.toml", "command.txt"
METRICS_LOG, EPISODES_LOG = "metrics.jsonl", "episodes.jsonl"
CHECKPOINTS = "checkpoints"
BUNDLE_SUFFIX = ".zip"
WEIGHTS_FILE, VERDICT_FILE = "policy.safetensors", "evaluation.json"
PICTURES = CURVE_FILE, REPLAY_FILE = "curve.png", "replay.mp4"


def new_run_folder(out: str | Path, recipe: "Recipe", files: Mapping[str, bytes | Path]) -> Path:
    """A run folder that is there at once and whole; a name that is taken gets a number.

    Args:
        out: The folder of runs.
        recipe: What the folder is named after.
        files: The first files, by relative path: their bytes, or what to copy.

    Raises:
        UprightError: It cannot be written.
    """
    parent = folder_of(recipe.env, out)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with hidden_folder(parent, files) as written:
            (written / CHECKPOINTS).mkdir(exist_ok=True)
            sync_folder(written)
            return placed(written, parent, f"{recipe.algo}-s{recipe.seed}")
    except OSError as error:
        raise UprightError(
            f"Cannot write the run below {out}: {error.strerror}.",
            "Choose another folder with --out.",
        ) from error


def copy_of_run(source: Path, out: str | Path, recipe: "Recipe") -> Path:
    """A fresh run folder with the files of another, which was checked before.

    Raises:
        UprightError: It cannot be written.
    """
    files = [path for path in source.rglob("*") if path.is_file()]
    return new_run_folder(
        out, recipe, {path.relative_to(source).as_posix(): path for path in files}
    )


def recipe_files(recipe: "Recipe") -> dict[str, bytes]:
    """The recipe, and the line that a person would type to repeat it."""
    return {
        SETTINGS_FILE: tomli_w.dumps(recipe.flat()).encode(),
        COMMAND_FILE: f"{command_line(recipe)}\n".encode(),
    }


def placed(written: Path, parent: Path, name: str) -> Path:
    """The folder under the first name, of `name`, name-2, name-3 ..., that is not taken."""
    while True:
        folder = free_name(parent / name)
        try:
            written.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            continue
        sync_folder(parent)
        return folder


def folder_of(env: str, out: str | Path) -> Path:
    """The folder of an environment's runs below `out`: its id, as every system takes it.

    Raises:
        UprightError: `out` has bytes that are no text, and a run's record could not name it.
    """
    try:
        str(out).encode()
    except UnicodeEncodeError as error:
        raise UprightError(
            f"The folder {out} has a name that is not UTF-8.", "Choose another one with --out."
        ) from error
    return Path(out) / (re.sub(r"[^\w.-]", "-", env.replace("/", "--")).strip("-.") or "env")


def checkpoint_folders(parent: Path) -> Iterator[Path]:
    """The checkpoint folders in `parent`, newest first, whole or not; links are none."""
    if parent.is_symlink() or not parent.is_dir():
        return
    found = [path for path in parent.iterdir() if path.name.isascii() and path.name.isdigit()]
    for path in sorted(found, key=lambda path: int(path.name), reverse=True):
        if path.is_dir() and not path.is_symlink():
            yield path
