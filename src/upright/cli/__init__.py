"""The command line. This file imports no verb before it is asked for."""

import argparse
import contextlib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from upright.cli.arguments import plain, program
from upright.ground import ONE_THREAD, UprightError, did_you_mean, interrupting, raised, shortened

VERBS = {
    "check": "say what of an environment will hurt training, before it is trained",
    "play": "act at random in an environment, and print what comes of it",
    "train": "train a policy until it is solved and verified",
    "seeds": "train several seeds, and say what they come to",
    "search": "search for settings, and confirm the best on fresh seeds",
    "resume": "go on with a run that was interrupted, or past its end",
    "evaluate": "play episodes with a trained policy",
    "verify": "repeat a run's recorded verdict",
    "grade": "verify every run in a folder of students' runs",
    "diagnose": "say what is unusual about a run, and what to try",
    "watch": "look at a policy: in a window, on a page, in the terminal",
    "record": "make a video of a policy",
    "plot": "draw the learning curves of runs",
    "compare": "say whether runs of other settings are better, worse, or neither is shown",
    "report": "make one page of a run that anyone can open",
    "export": "make a playable page, or an ONNX model, of a run",
    "bundle": "pack a run into one file to share",
    "runs": "list the runs in a folder",
    "board": "show every run in a folder as it trains, on one page",
    "envs": "list what can be trained",
    "doctor": "say what this machine has and lacks, and what to do about it",
    "migrate": "point out what of old gym a script or notebook has, and write it anew",
}


class Parser(argparse.ArgumentParser):
    """Argparse that answers a wrong word with one sentence and a hint."""

    def error(self, message: str) -> NoReturn:
        """Raise what `main` prints."""
        raise UprightError(
            f"{message[:1].upper()}{message[1:]}.", f"`{self.prog} --help` shows what there is."
        )

    def parse_strictly(self, words: Sequence[str]) -> argparse.Namespace:
        """Like `parse_args`, and an unknown flag is answered with the nearest ones."""
        args, unknown = self.parse_known_args(words)
        if unknown:
            flag = unknown[0].split("=")[0]
            flags = [name for action in self._actions for name in action.option_strings]
            otherwise = f"`{self.prog} --help` shows what there is."
            raise UprightError(f"Unknown argument '{flag}'.", did_you_mean(flag, flags, otherwise))
        return args


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0, 1 (it failed), 2 (bad input), 130 or 143 (interrupted)."""
    words = list(sys.argv[1:] if words is None else words)
    try:
        with interrupting(signal.SIGTERM):  # Ctrl-C is one without us
            return _dispatch(words)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in words:
            traceback.print_exception(error)
        return _explain(error)


def parser_of(word: str) -> Parser:
    """What a command takes, one of `VERBS`."""
    verb = import_module(f"upright.cli.verbs.{word}")
    parser = Parser(prog=f"upright {word}", description=verb.__doc__, allow_abbrev=False)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    verb.add_arguments(parser)
    return parser


def _explain(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit code that goes with it."""
    if isinstance(error, KeyboardInterrupt):
        message, folder = "interrupted.", getattr(error, "folder", "")
        hint = f"`{program()} resume {folder}` goes on from where it stopped." if folder else ""
        code = 128 + int(getattr(error, "signum", signal.SIGINT))
    elif isinstance(error, UprightError):
        message, hint, code = error.message, error.hint, 2
    elif isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        message = f"The name {shortened(str(error.filename), 60)} is too long."
        hint, code = "Say a shorter one.", 2
    else:
        message = f"{raised(error)}."
        hint, code = "--debug shows where it happened.", 1
    print(f"error: {plain(message)}", file=sys.stderr)
    if hint:
        print(f"hint:  {plain(hint)}", file=sys.stderr)
    return code


def _dispatch(words: list[str]) -> int:
    word = words[0] if words else "--help"
    if word in VERBS:
        for variable in ONE_THREAD:
            os.environ.setdefault(variable, "1")
        verb, parser = import_module(f"upright.cli.verbs.{word}"), parser_of(word)
        with contextlib.suppress(AttributeError):
            sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        return verb.run(parser.parse_strictly(words[1:])) or 0
    if word in ("-V", "--version"):
        import upright

        print(f"upright {upright.__version__}")
        return 0
    if word not in ("-h", "--help"):
        hint = did_you_mean(word, VERBS, f"There are {', '.join(VERBS)}.")
        raise UprightError(f"Unknown command '{word}'.", hint)
    print("Upright: policy-gradient reinforcement learning that stands up in a second.\n")
    print("usage: upright COMMAND ...\n")
    for name, text in VERBS.items():
        print(f"  {name:<10}{text}")
    print("\n  upright COMMAND --help   what a command takes")
    print("  upright train CartPole-v1   is a good start")
    return 0
