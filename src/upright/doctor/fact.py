"""What a check finds."""

from typing import Literal, NamedTuple

Health = Literal["ok", "note", "problem"]


class Fact(NamedTuple):
    """What a check found.

    Attributes:
        state: "ok"; "note" (something is not there, and nothing rests on it); "problem" (something
            that Upright claims does not work here).
        found: What was seen, in a sentence.
        remedy: What to do about it, in one line; may be empty, but not of a problem.
    """

    state: Health
    found: str
    remedy: str = ""
