"""Ctrl-C and SIGTERM: the first stops what goes on in good order, the second leaves at once."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, Self

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ended the training; what was learned is in the run folder.

    Args:
        signum: The signal's number; a command line exits with 128 + signum.
        folder: The run that `upright resume` takes; empty where it left without a last checkpoint.
    """

    def __init__(self, signum: int, folder: str = "") -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.signum, self.folder = signum, folder


class Interruption:
    """While it is entered, the first signal is only noted, and the second raises `Interrupted`.

    Python takes signals in the main thread; elsewhere nothing is caught.

    Args:
        noticed: Called once, with the first signal, from the signal handler.
    """

    def __init__(self, noticed: Callable[[int], None]) -> None:
        self.signum: int | None = None
        self._noticed = noticed
        self._handling = _handling(STOPPING, self._handle)

    def __enter__(self) -> Self:
        self._handling.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._handling.__exit__(*raised)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            raise Interrupted(signum)
        self.signum = signum
        self._noticed(signum)


@contextmanager
def interrupting(*signums: signal.Signals) -> Iterator[None]:
    """The first of these signals raises `Interrupted`, and what is open is closed; a second kills.

    Python takes signals in the main thread; elsewhere nothing is caught.
    """

    def interrupt(signum: int, frame: FrameType | None) -> NoReturn:
        for each in signums:
            signal.signal(each, signal.SIG_DFL)
        raise Interrupted(signum)

    with _handling(signums, interrupt):
        yield


@contextmanager
def _handling(signums: Iterable[signal.Signals], handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, handler) for signum in signums}
    try:
        yield
    finally:
        for signum, previous in before.items():
            signal.signal(signum, previous if previous is not None else signal.SIG_DFL)


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """End this process if that takes longer, whatever hangs in it; Windows has no such alarm."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
