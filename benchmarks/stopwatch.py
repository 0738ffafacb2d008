"""Self time by section, measured by wrapping functions from outside."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock


class Stopwatch:
    """Charges wall seconds to the innermost open section: a caller is not charged for its callees.

    Within a section that is called opaque nothing else is timed, so that the same function can
    count for one thing here and for another there.

    Args:
        opaque: The sections that swallow what they call.
    """

    def __init__(self, *opaque: str) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._opaque = opaque
        self._open: list[str] = []
        self._mark = 0.0
        self._patches = ExitStack()

    def wrap(self, section: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""
        self.seconds.setdefault(section, 0.0)
        self.calls.setdefault(section, 0)

        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._open and self._open[-1] in self._opaque:
                return function(*args, **kwargs)
            self._charge()
            self._open.append(section)
            self.calls[section] += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._open.pop()

        return timed

    def watch(self, section: str, owner: Any, *names: str) -> None:
        """Time methods of a class, for as long as the stopwatch is entered."""
        for name in names:
            self.replace(owner, name, self.wrap(section, getattr(owner, name)))

    def replace(self, owner: Any, name: str, function: Callable[..., Any]) -> None:
        """Put another function in the place of a method, for as long as it is entered."""
        self._patches.enter_context(mock.patch.object(owner, name, function))

    def __enter__(self) -> "Stopwatch":
        return self

    def __exit__(self, *error: object) -> None:
        self._patches.close()

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._mark
        self._mark = now
