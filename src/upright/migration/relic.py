"""One old idiom in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Relic:
    """What stands there, and what works today.

    Attributes:
        idiom: Its name in the table of `docs/migrate.md`.
        cell: The number of the code cell, from 1; None in a script.
        line: Of the statement, from 1, in its cell or script.
        old: The statement as it stands; of one that holds others, its first line.
        new: What works today in its place.
        why: One sentence.
        done: Whether the corrected copy has it; the rest is for a person.
    """

    idiom: str
    cell: int | None
    line: int
    old: str
    new: str
    why: str
    done: bool

    @property
    def place(self) -> str:
        """Where it is, in words."""
        inside = "" if self.cell is None else f"code cell {self.cell}, "
        return f"{inside}line {self.line}"
