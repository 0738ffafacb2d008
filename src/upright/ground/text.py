"""Text of strangers, made fit for where it is shown."""


def printable(text: str, instead: str | None = None) -> str:
    """Text that no terminal obeys and every page can hold.

    Args:
        text: Anything.
        instead: What stands for each character that cannot be printed; None for its escape code.
    """
    return "".join(
        c if c.isprintable() else ascii(c)[1:-1] if instead is None else instead for c in text
    )


def shortened(text: str, letters: int) -> str:
    """A text, or its first `letters` and an ellipsis."""
    return text if len(text) <= letters else f"{text[:letters]} ..."


def how_many(number: int, noun: str) -> str:
    """`1 run`, `3,000 runs`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def raised(error: BaseException) -> str:
    """An exception's name and what it says, to stand before a full stop."""
    return f"{type(error).__name__}: {said_by(error)}".removesuffix(": ")


def said_by(error: BaseException) -> str:
    """What an exception says, in a line of at most 300 letters, to stand before a full stop."""
    try:
        said = in_a_line(str(error))
    except Exception:
        said = "something that cannot be shown"
    return shortened(said, 300).rstrip(".")


def in_a_line(text: str) -> str:
    """A text without line breaks and runs of blanks."""
    return " ".join(text.split())
