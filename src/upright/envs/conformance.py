"""What Gymnasium's own checker says of an environment, in our words."""

import re
import warnings
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import gymnasium as gym

from upright.ground import in_a_line, raised, shortened

Outcome = Literal["fine", "hurts", "wrong"]
OUTCOMES: tuple[Outcome, ...] = ("fine", "hurts", "wrong")


class Answer(NamedTuple):
    """What one look at an environment found.

    Attributes:
        outcome: "hurts" makes training worse or slower, "wrong" breaks it or what it promises.
        sentence: What was seen, with its numbers.
        hint: What to do about it; empty where it is fine.
    """

    outcome: Outcome
    sentence: str
    hint: str = ""


GUIDE = "https://gymnasium.farama.org/introduction/create_custom_env shows what it should be like."
SEED_HINT = "Begin reset with super().reset(seed=seed), and draw chance from self.np_random alone."
STEP_DIFFERS = "Deterministic step"
# What the checker says, by a piece of it; None where another check says it better, or it concerns
# pictures and not training. The first piece that is found counts.
IN_OUR_WORDS: dict[str, Answer | None] = {
    "is -infinity": None,
    "value is infinity": None,
    "symmetric and normalized space": None,
    "alternative render modes": None,
    "expecting numpy array dtype": None,
    "was expecting a numpy array": None,
    "should be an int or np.int64": None,
    "is not within the observation space": None,
    "reward is a": None,
    "maximum and minimum values are equal": Answer(
        "hurts",
        "A Box has a number whose two bounds are equal: it can never say anything.",
        "Leave that number out, or give it the bounds that it has.",
    ),
    "low value is greater": Answer(
        "wrong", "A Box has a lower bound above its upper one.", "Exchange the two."
    ),
    "does not call `super().reset(seed=seed)`": Answer(
        "wrong", "reset(seed=...) does not seed the environment's random numbers.", SEED_HINT
    ),
    "does not provide a": Answer(
        "wrong",
        "reset does not take what Gymnasium hands it.",
        "Declare it as reset(self, *, seed=None, options=None).",
    ),
    "default seed argument": Answer(
        "hurts",
        "reset has a seed of its own as the default, so every unseeded episode is the same.",
        "Let seed be None by default.",
    ),
    "non-deterministic": Answer(
        "wrong", "The same seed gives different first observations.", SEED_HINT
    ),
    STEP_DIFFERS: Answer(
        "wrong", "The same seed and the same action give different steps.", SEED_HINT
    ),
    "not equal although similar": Answer(
        "hurts", "The same seed gives numbers that differ in their last digits.", SEED_HINT
    ),
    "share an object": Answer(
        "hurts",
        "Two calls return the same object: what was kept of one changes with the other.",
        "Return a copy each time: observation.copy(), and a new dictionary for info.",
    ),
    "truncates after 1 step": Answer(
        "hurts",
        "The first step already truncates the episode.",
        "Return True for truncated only where a limit outside the task is met.",
    ),
    "`seed` function is dropped": Answer(
        "hurts", "It has a method seed(), which nobody calls any more.", SEED_HINT
    ),
    "`return_info` is deprecated": Answer(
        "hurts",
        "reset takes return_info, which nobody passes any more.",
        "Return (observation, info) always.",
    ),
}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def gymnasiums_answer(env: gym.Env[Any, Any], seed: int, is_finite: bool = True) -> Answer:
    """Gymnasium's checker without its looks at pictures; the worst that it says goes ahead.

    Args:
        env: Without gym.make's wrappers, not played yet. It is played, and not closed.
        seed: Of the actions that it draws.
        is_finite: Whether all that the environment gives is; what is not is equal to nothing, and
            says nothing of seeds.
    """
    found = [
        IN_OUR_WORDS[piece] if piece is not None else _as_it_is(outcome, said)
        for outcome, said in _said_by_checker(env, seed)
        if is_finite or STEP_DIFFERS not in said
        for piece in [next((each for each in IN_OUR_WORDS if each in said), None)]
    ]
    answers = list(dict.fromkeys(each for each in found if each is not None))
    if not answers:
        return Answer("fine", "Gymnasium's own checker has nothing to say against it.")
    answers.sort(key=lambda each: -OUTCOMES.index(each.outcome))
    sentences = " ".join(each.sentence for each in answers)
    hints = dict.fromkeys(each.hint for each in answers if each.hint)
    return Answer(answers[0].outcome, sentences, " ".join(hints))


def _as_it_is(outcome: Outcome, said: str) -> Answer:
    said = shortened(in_a_line(said).rstrip("."), 300)
    return Answer(outcome, f"Gymnasium's checker says: {said}.", GUIDE)


def _said_by_checker(env: gym.Env[Any, Any], seed: int) -> Iterator[tuple[Outcome, str]]:
    """Its warnings, and what it raised at last, without colours."""
    from gymnasium.utils.env_checker import check_env

    failed: BaseException | None = None
    env.action_space.seed(seed % 2**31)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            check_env(env, skip_render_check=True, skip_close_check=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # its own, or whatever an environment raises
            failed = error
    for each in warned:
        said = COLOUR.sub("", str(each.message))
        if said.startswith("WARN: "):  # others are not the checker's
            yield "hurts", said.removeprefix("WARN: ")
    if failed is not None:
        known = isinstance(failed, AssertionError | gym.error.Error)
        yield "wrong", str(failed) if known else raised(failed)
