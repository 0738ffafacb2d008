"""Which curves are drawn as one, and what a line of the legend calls them."""

from collections.abc import Sequence
from typing import Any

from upright.show.curves.curve import EPISODE_RETURN, Curve, overlap

MOST_TOLD = 3
LONGEST_NAME, LONGEST_VALUE = 40, 24


def grouped(curves: Sequence[Curve]) -> list[tuple[str, list[Curve]]]:
    """Curves of the same settings together, with a name that tells the groups apart.

    A seed that comes twice is one run: the longer of the two stands for it. A curve without a
    point stands only in a group where none has any.
    """
    groups: list[list[Curve]] = []
    for curve in sorted(curves, key=lambda curve: -len(curve.x)):
        same = [group for group in groups if group[0].settings == curve.settings]
        if not same:
            groups.append([curve])
        elif curve.seed not in {each.seed for each in same[0]}:
            same[0].append(curve)
    groups = [[curve for curve in group if len(curve.x)] or group for group in groups]
    groups.sort(key=lambda group: min(map(curves.index, group)))
    names = names_apart([group[0].settings for group in groups])
    several = len({group[0].settings["env"] for group in groups}) > 1
    return [
        (f"{env_of(group[0])}, " * several + f"{name}: {_who(group)}", group)
        for name, group in zip(names, groups, strict=True)
    ]


def env_of(curve: Curve) -> str:
    """The environment's name, no longer than a legend bears."""
    return abbreviated(curve.settings["env"], LONGEST_NAME)


def abbreviated(text: str, letters: int) -> str:
    """A text, or its beginning and an ellipsis."""
    return text if len(text) <= letters else f"{text[: letters - 3]}..."


def dots_of(curve: Curve) -> str:
    """What the single values behind a smoothed curve are."""
    if curve.metric == EPISODE_RETURN:
        return "each episode"
    return "each evaluation" if curve.metric.startswith("eval/") else "each iteration"


def names_apart(every: Sequence[dict[str, Any]]) -> list[str]:
    """The algorithm, and in what it differs from those of the same environment and algorithm.

    Args:
        every: Settings as `shared_settings` gives them, none twice.

    Returns:
        A name for each.
    """
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in every:
        kinds.setdefault((each["env"], each["algo"]), []).append(each)
    telling = {kind: _telling(alike) for kind, alike in kinds.items()}
    return [_name_of(each, *telling[each["env"], each["algo"]]) for each in every]


def _name_of(own: dict[str, Any], told: list[str], more: int) -> str:
    words = [abbreviated(own["algo"], LONGEST_NAME)]
    words += [f"{key} {abbreviated(str(own.get(key)), LONGEST_VALUE)}" for key in told]
    words += [f"... and {more} more"] if more else []
    return ", ".join(words)


def _telling(every: list[dict[str, Any]]) -> tuple[list[str], int]:
    """The settings that tell these apart, the most telling first, and how many more differ."""
    names = sorted({key for settings in every for key in settings})
    values = {key: [str(settings.get(key)) for settings in every] for key in names}
    differing = [key for key in names if len(set(values[key])) > 1]
    told: list[str] = []

    def apart(keys: list[str]) -> int:
        return len(set(zip(*(values[key] for key in keys), strict=True)))

    while len(told) < len(differing) and (len(told) < MOST_TOLD or apart(told) < len(every)):
        rest = [key for key in differing if key not in told]
        told.append(max(rest, key=lambda key: apart([*told, key])))
    return told, len(differing) - len(told)


def _who(group: list[Curve]) -> str:
    """Of how many runs a line is, or of which, and of how many values."""
    first = group[0]
    if not len(first.x):
        who = f"seed {first.seed}" if len(group) == 1 else f"{len(group)} runs"
        return f"{who}, no episode finished yet"
    if len(group) == 1:
        return f"seed {first.seed}" + (f", mean of {first.window}" if first.window > 1 else "")
    return f"mean of {len(group)} runs, 95% band" if overlap(group) else f"{len(group)} runs"
