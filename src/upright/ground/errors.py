"""The one kind of error that is meant for a person: a sentence and a hint."""

from collections.abc import Iterable
from difflib import get_close_matches


class UprightError(Exception):
    """Something that the user can mend.

    Args:
        message: One sentence that says what is wrong.
        hint: One sentence that says what to do about it; may be empty.

    Example:
        >>> try:
        ...     upright.train("CartPole-v1", algo="pppo")
        ... except upright.UprightError as error:
        ...     print(error.message, error.hint)
        Unknown algorithm 'pppo'. Did you mean ppo?
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class NonFiniteError(UprightError):
    """A number became NaN or infinite; training stops before it reaches the weights.

    Args:
        tensor: What holds it.
        found: The number.
        place: Where in it, in words; may be empty.
    """

    def __init__(self, tensor: str, found: float, place: str = "") -> None:
        super().__init__(f"{tensor} became {found}{place}.")
        self.tensor, self.found, self.place = tensor, found, place


def did_you_mean(word: str, candidates: Iterable[str], otherwise: str = "", limit: int = 3) -> str:
    """A hint naming the `limit` candidates nearest to `word`, or `otherwise` if none is near."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    near = get_close_matches(word.lower(), by_lower, n=limit, cutoff=0.6)
    if not near:
        return otherwise
    return f"Did you mean {' or '.join(by_lower[name] for name in near)}?"
