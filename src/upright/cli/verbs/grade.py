"""Verify every run in a folder of students' folders and bundles. Exit code 1 if one does not hold.

Each folder in FOLDER is a student's, and so is each bundle. No code of theirs is executed.
"""

import argparse
import csv
import sys
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from upright.cli.arguments import add_switches, announce, columns, plain, print_json
from upright.ground import UprightError

if TYPE_CHECKING:
    from upright.runs import Run
    from upright.settings import Recipe

HEADER = (
    "student", "run", "environment", "algorithm", "seed", "verdict", "solved", "mean",
    "95% interval", "threshold", "steps", "remark",
)  # fmt: skip


@dataclass(frozen=True)
class Grade:
    """What one run is worth; what nothing vouches for is left out.

    Attributes:
        student: Whose it is: the folder's, or the bundle's, name.
        run: Where it lies, seen from that folder.
        environment: What it was trained for.
        algorithm: How.
        seed: Its own.
        holds: Whether its verdict holds.
        solved: What the verdict says; None without a threshold.
        mean: The proof's mean return.
        low: Of that mean's 95% interval.
        high: Likewise.
        threshold: From where it counts as solved.
        steps: Transitions until the judged policy.
        remark: Why the verdict does not hold, or what a teacher should know of it.
    """

    student: str
    run: str = ""
    environment: str = ""
    algorithm: str = ""
    seed: int | None = None
    holds: bool = False
    solved: bool | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    steps: int | None = None
    remark: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright grade` takes."""
    parser.add_argument("folder", metavar="FOLDER", help="where the students' folders are")
    add_switches(parser, "--json")
    parser.add_argument("--csv", action="store_true", help="print comma-separated values")


def run(args: argparse.Namespace) -> int:
    """Grade."""
    announce(f"Verifying the runs in {args.folder} ...")
    from upright.runs import handed_in

    grades: list[Grade] = []
    owners: dict[str, str] = {}
    for student, path in handed_in(args.folder):
        grades.append(_grade(Path(args.folder), student, path, owners))
        announce(f"{student}: {' '.join(_row(grades[-1])[1:])}")
    if args.json:
        print_json({"folder": args.folder, "runs": [asdict(each) for each in grades]})
    elif args.csv:
        _print_csv(grades)
    elif grades:
        print(columns(HEADER, map(_row, grades)))
    else:
        announce("There is none.")
    return 0 if all(each.holds for each in grades) else 1


def _grade(folder: Path, student: str, path: Path | None, owners: dict[str, str]) -> Grade:
    """One run, verified; `owners` says whose weights were seen so far."""
    from upright.runs import Run

    if path is None:
        return Grade(student, remark="There is no run.")
    grade = Grade(student, path.relative_to(folder).as_posix())
    try:
        opened = Run(path)
        record = opened.record
        grade = replace(grade, environment=record.env, algorithm=record.algo, seed=record.seed)
        return _verified(grade, opened, owners)
    except UprightError as error:
        return replace(grade, remark=error.message)


def _verified(grade: Grade, opened: "Run", owners: dict[str, str]) -> Grade:
    from upright.api import verify

    _ = opened.env  # that nobody trusts its code is to be said first
    verification = verify(opened)
    if not verification.holds:
        return replace(grade, remark=verification.reason)
    recorded, remarks = opened.recorded_verdict(), _unusual(opened.recipe)
    first = owners.setdefault(recorded.weights_sha256, grade.student)
    if first != grade.student:
        remarks.append(f"the same weights as {first}, as the same settings and seed give them")
    low, high = recorded.interval
    return replace(
        grade,
        holds=True,
        solved=recorded.solved,
        mean=recorded.mean,
        low=low,
        high=high,
        threshold=recorded.threshold,
        steps=recorded.timesteps,
        remark="; ".join(remarks),
    )


def _unusual(recipe: "Recipe") -> list[str]:
    """What of the task is another than `upright train` with its id alone would have."""
    from upright.settings import ENVIRONMENT, resolve

    usual = resolve(recipe.env, recipe.algo)
    task = ("reward_threshold", *ENVIRONMENT, "eval_episodes")
    both = [(name, getattr(recipe, name), getattr(usual, name)) for name in task]
    return [f"{name} {said}" for name, said, otherwise in both if said != otherwise]


def _row(grade: Grade) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:z,.1f}"

    interval = "-" if grade.low is None else f"{number(grade.low)} to {number(grade.high)}"
    texts = (grade.student, grade.run, grade.environment, grade.algorithm)
    return (
        *(plain(text, 60) or "-" for text in texts),
        "-" if grade.seed is None else str(grade.seed),
        "holds" if grade.holds else "DOES NOT HOLD",
        {True: "yes", False: "no", None: "-"}[grade.solved],
        number(grade.mean),
        interval,
        number(grade.threshold),
        "-" if grade.steps is None else f"{grade.steps:,}",
        plain(grade.remark, 300),
    )


def _print_csv(grades: list[Grade]) -> None:
    writer = csv.DictWriter(sys.stdout, [each.name for each in fields(Grade)], lineterminator="\n")
    writer.writeheader()
    for grade in grades:
        writer.writerow({name: _cell(value) for name, value in asdict(grade).items()})


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
