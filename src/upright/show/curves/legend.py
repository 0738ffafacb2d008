"""Words around a curve: the legend, for which the figure grows, and labels that fit."""

import textwrap
from typing import TYPE_CHECKING

from upright.ground import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

LETTER, TITLE_LETTER, NAME_LETTER = 0.085, 0.135, 0.085
HANDLE = 0.65
TWO_ROWS = 0.5
MOST_COLUMNS = 4
REST = "mean of those that went on"


def in_lines(text: str, inches: float, letter: float = LETTER) -> str:
    """Text from a file in lines of this length, without mathematics.

    Args:
        text: What may be of any length.
        inches: The room for a line.
        letter: The width of a letter, in inches.
    """
    lines = textwrap.wrap(printable(text, "?"), max(8, int(inches / letter)))
    return "\n".join(lines).replace("$", r"\$")


def name_in_lines(name: str, inches: float) -> str:
    """A group's name for a legend this wide, where it must be broken, before who it is."""
    room = inches - HANDLE
    if len(name) <= room / NAME_LETTER:
        return in_lines(name, room, NAME_LETTER)
    settings, _, who = name.rpartition(": ")
    return "\n".join(in_lines(each, room, NAME_LETTER) for each in (f"{settings}:", who))


def add_legend(figure: "Figure", ink: dict[str, str], alone: bool) -> None:
    """Below the axes, in as many columns as there is room for; the figure grows by its height."""
    legend = _legend(figure, ink, MOST_COLUMNS, alone)
    for columns in range(MOST_COLUMNS - 1, 0, -1):
        if legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
        legend = _legend(figure, ink, columns, alone)
    height = legend.get_window_extent().height / figure.dpi
    figure.set_figheight(figure.get_figheight() + max(0.0, height - TWO_ROWS))


def _legend(figure: "Figure", ink: dict[str, str], columns: int, alone: bool) -> "Legend":
    from matplotlib.lines import Line2D

    handles, names = figure.axes[0].get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda n: names[n] == REST)
    legend = figure.legend(
        [handles[n] for n in order], [names[n] for n in order], loc="outside lower left",
        ncols=columns, frameon=False, fontsize=11, labelcolor=ink["ink"], handlelength=1.8,
    )  # fmt: skip
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        if not isinstance(handle, Line2D):
            continue
        if handle.get_linestyle() == "None":  # marks that are many are too small to be recognised
            least = 8.0 if handle.get_marker() == "." else 5.0
            handle.set_markersize(max(handle.get_markersize(), least))
        if text.get_text() == REST and not alone:
            handle.set_color(ink["faint"])
    return legend
