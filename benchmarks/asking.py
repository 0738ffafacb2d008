"""What the benchmarks' command lines share, and the progress that they say."""

import argparse
import sys
from collections.abc import Callable, Iterable


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def parse_list(text: str) -> list[str]:
    """Comma-separated words."""
    return [word for word in text.split(",") if word]


def some_of(known: Iterable[str], what: str = "part") -> Callable[[str], list[str]]:
    """What parses comma-separated words that are known, into their known order."""
    names = [*known]

    def parse(text: str) -> list[str]:
        asked = {*parse_list(text)}
        if unknown := asked - {*names}:
            said = f"no {what} {', '.join(sorted(unknown))}; there are {', '.join(names)}"
            raise argparse.ArgumentTypeError(said)
        return [name for name in names if name in asked]

    return parse
