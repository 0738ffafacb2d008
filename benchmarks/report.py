"""Numbers as Markdown: spreads, tables, and what was required of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Requirement:
    """One line of what was promised, held against what was measured.

    Attributes:
        what: The promise, in words with its number.
        measured: What was found, in words with its number.
        met: Whether it holds.
    """

    what: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Ratios:
    """How one row of numbers stands to another, pair by pair and as a whole."""

    pairs: tuple[float, ...]
    of_medians: float

    @classmethod
    def between(cls, upper: Sequence[float], lower: Sequence[float]) -> "Ratios":
        """Quotients upper / lower, both of the same length and in the same order."""
        pairs = tuple(float(a / b) for a, b in zip(upper, lower, strict=True))
        return cls(pairs, float(np.median(upper) / np.median(lower)))

    @property
    def median(self) -> float:
        """The median of the pairs' ratios."""
        return float(np.median(self.pairs))

    @property
    def smaller(self) -> float:
        """The less flattering of the two where more is better."""
        return min(self.median, self.of_medians)

    @property
    def larger(self) -> float:
        """The less flattering of the two where less is better."""
        return max(self.median, self.of_medians)

    def __str__(self) -> str:
        return f"{self.of_medians:.2f} (pairs: {spread(self.pairs, '.2f')})"


def spread(values: Sequence[float], form: str) -> str:
    """Median, and least to greatest, each in the given number format."""
    low, middle, high = np.min(values), np.median(values), np.max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def requirements_table(requirements: Iterable[Requirement]) -> str:
    """Every promise with its finding."""
    rows = [(each.what, each.measured, "met" if each.met else "NOT MET") for each in requirements]
    return table(("required", "measured", "verdict"), rows)


def write(out: Path, parts: Iterable[str]) -> None:
    """The parts as one report, into a file and on stdout."""
    text = "\n\n".join(parts) + "\n"
    out.write_text(text, encoding="utf-8")
    print(text)
