"""Which seeds a text names, and which texts name none."""

import itertools

import pytest

from upright.ground.errors import UprightError
from upright.study.spec import MOST_SEEDS, parse_seeds, parse_time, refuse_seeds, refuse_unfit


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-3", (0, 1, 2, 3)),
        ("0,3,5-7", (0, 3, 5, 6, 7)),
        ("7", (7,)),
        (" 2 , 0 ", (2, 0)),
        ("5-5", (5,)),
        (f"{2**63 - 1}", (2**63 - 1,)),
        (f"0-{MOST_SEEDS - 1}", tuple(range(MOST_SEEDS))),
    ],
)
def test_numbers_and_ranges_are_seeds_in_their_order(text: str, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "No seed was named."),
        ("  ", "No seed was named."),
        (",", "a comma with no seed beside it"),
        ("1,,2", "a comma with no seed beside it"),
        ("-1", "The seed -1 is negative."),
        ("0,-3", "The seed -3 is negative."),
        ("3,1-4", "The seed 3 comes twice."),
        ("1,1", "The seed 1 comes twice."),
        ("7-3", "The range 7-3 of seeds runs backwards."),
        ("0-1000", "more than 1,000 seeds"),
        ("0-9999999999999999999", "more than 1,000 seeds"),
        (f"{2**63}", "is no seed"),
        ("99999999999999999999", "neither a seed nor a range"),
        ("1.5", "'1.5' is neither a seed nor a range"),
        ("1-2-3", "'1-2-3' is neither a seed nor a range"),
        ("٣", "is neither a seed nor a range"),
        ("a\x1b[31m", "'a\\x1b[31m' is neither a seed nor a range"),
        ("0x10", "neither a seed"),
        ("1 2", "neither a seed"),
    ],
)
def test_a_text_that_names_no_seeds_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UprightError) as refused:
        parse_seeds(text)
    assert said in refused.value.message
    assert refused.value.message.endswith(".")
    assert "\x1b" not in refused.value.message


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([], "No seed"),
        ([0, 0], "comes twice"),
        ([-1], "-1 is no seed"),
        ([True], "True is no seed"),
        ([1.0], "1.0 is no seed"),
        (itertools.count(), "more than 1,000"),
    ],
)
def test_numbers_that_are_no_seeds_are_refused(seeds: list[int], said: str) -> None:
    with pytest.raises(UprightError, match=said):
        refuse_seeds(seeds)


def test_what_no_other_process_can_be_handed_is_refused() -> None:
    with pytest.raises(UprightError, match=r"Name the environment as module:Name"):
        refuse_unfit(lambda: None, None, {})
    with pytest.raises(UprightError, match=r"seeds takes no seed\. Say which with seeds="):
        refuse_unfit("CartPole-v1", None, {"seed": 3})
    with pytest.raises(UprightError, match=r"seeds takes no policy"):
        refuse_unfit("CartPole-v1", None, {"policy": max})
    for jobs in (0, -1, 1001, True, 1.5):
        with pytest.raises(UprightError, match=r"jobs = .* is out of range"):
            refuse_unfit("CartPole-v1", jobs, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), (" 1.5h ", 5400.0)]
)
def test_a_number_and_a_unit_are_a_time(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "0s", "-1m", "1d", "1 h 5m", "٣m", "1e3s", "\x1b"])
def test_a_text_that_is_no_time_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UprightError, match=r"is no time\. Say it as 90s, 10m or 2h\.") as refused:
        parse_time(text)
    assert "\x1b" not in refused.value.message
