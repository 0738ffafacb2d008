"""Who is given what, how long it may take, and what becomes of those who are lost."""

from typing import Any

import numpy as np
import pytest

from upright.ground import State
from upright.ground.errors import UprightError
from upright.scale.crew import Crew
from upright.scale.engine import WAITS, Fault, Lost, Reply, Response, Unit


class Scripted:
    """Workers of whom a script says who answers what; None is nobody in time."""

    waits = WAITS

    def __init__(self, workers: int, script: list[tuple[int, str] | None]) -> None:
        self.workers, self._script = workers, script
        self.given: list[tuple[int, Unit]] = []
        self.waited: list[float] = []
        self.ended: list[int] = []

    def publish(self, weights: Any) -> None:
        """Nobody acts here."""

    def submit(self, worker: int, unit: Unit) -> None:
        self.given.append((worker, unit))

    def wait(self, seconds: float) -> tuple[int, Response] | None:
        self.waited.append(seconds)
        said = self._script.pop(0)
        if said is None:
            return None
        kinds: dict[str, Response] = {
            "lost": Lost("ended by signal 9"),
            "fault": Fault("Environment 3 is at fault.", "Mend it."),
        }
        answered = Reply(None, State({"said": said[1]}), (), 0.0)
        return said[0], kinds.get(said[1], answered)

    def end(self, worker: int) -> None:
        self.ended.append(worker)

    def close(self) -> None:
        """Nobody is here."""

    def shards(self) -> list[tuple[int, int]]:
        return [(worker, unit.shard) for worker, unit in self.given]


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("upright.scale.crew.time.sleep", found.append)
    return found


def units(count: int, length: int = 0) -> list[Unit]:
    before = State({"is": "begun"}, {"envs.lengths": np.array([length, 3])})
    return [Unit(0, shard, before) for shard in range(count)]


def said(replies: list[Reply]) -> list[Any]:
    return [reply.after.values["said"] for reply in replies]


def test_replies_are_in_the_order_of_the_units_whoever_answers_first() -> None:
    engine = Scripted(2, [(1, "b"), (0, "a"), (1, "d"), (0, "c")])
    assert said(Crew(engine, 60.0, 16, 4).do(units(4))) == ["a", "b", "c", "d"]
    assert engine.shards() == [(0, 0), (1, 1), (0, 2), (1, 3)]  # one after the other begins
    assert engine.ended == []


def test_a_lost_worker_is_ended_and_what_it_had_to_do_is_given_again(slept: list[float]) -> None:
    engine = Scripted(2, [(0, "a"), (0, "lost"), (1, "b"), (0, "lost"), (0, "c")])
    crew = Crew(engine, 60.0, 16, 4)
    assert said(crew.do(units(3))) == ["a", "b", "c"]
    assert engine.shards() == [(0, 0), (1, 1), (0, 2), (0, 2), (0, 2)]
    assert engine.ended == [0, 0]
    assert slept == [*WAITS[:2]]
    assert (
        crew.notes
        == [
            "Worker 0 was lost over shard 2 (environments 8 to 11): its process ended by signal 9. "
            "Another takes its place, and nothing else is lost."
        ]
        * 2
    )


def test_who_is_late_is_as_good_as_lost() -> None:
    engine = Scripted(1, [None, (0, "a")])
    crew = Crew(engine, 5.0, 16, 4)
    assert said(crew.do(units(1))) == ["a"]
    assert engine.ended == [0]
    assert "its process has not answered for 10 s" in crew.notes[0]
    assert 0.0 <= engine.waited[0] <= 10.0


def test_beginning_and_playing_again_take_their_time() -> None:
    engine = Scripted(1, [(0, name) for name in "abab"])
    crew = Crew(engine, 5.0, 16, 4)
    crew.do(units(2, length=40))  # two rollouts and a half
    assert [unit.seconds for _, unit in engine.given] == [5.0 * (1 + 1 + 2), 5.0 * (1 + 2)]
    crew.do(units(2, length=40))
    assert [unit.seconds for _, unit in engine.given[2:]] == [5.0, 5.0]


def test_the_fourth_loss_over_a_unit_ends_it_in_a_sentence(slept: list[float]) -> None:
    engine = Scripted(2, [(1, "lost"), (1, "lost"), (0, "a"), (1, "lost"), (1, "lost")])
    with pytest.raises(UprightError) as raised:
        Crew(engine, 5.0, 16, 4).do(units(2))
    assert raised.value.message == (
        "Worker 1 was lost 4 times over shard 1 (environments 4 to 7); the last time, its process "
        "ended by signal 9."
    )
    assert slept == [*WAITS]


def test_a_fault_is_said_at_once_and_ends_those_who_are_not_waited_for_any_more() -> None:
    engine = Scripted(3, [(2, "c"), (1, "fault"), (1, "b"), (0, "a"), (2, "c")])
    crew = Crew(engine, 5.0, 16, 4)
    with pytest.raises(UprightError, match=r"Environment 3 is at fault\. Mend it\."):
        crew.do(units(3))
    assert sorted(engine.ended) == [0, 1]
    assert crew.notes == []
    assert said(crew.do(units(3))) == ["a", "b", "c"]


def test_units_are_begun_before_anybody_waits_for_them() -> None:
    engine = Scripted(2, [(1, "b"), (0, "a")])
    crew = Crew(engine, 60.0, 16, 4)
    crew.begin(units(2))
    assert crew.busy
    assert engine.shards() == [(0, 0), (1, 1)]
    assert engine.waited == []
    assert said(crew.finish()) == ["a", "b"]
    assert not crew.busy


def test_units_that_nobody_wants_any_more_end_with_their_workers() -> None:
    engine = Scripted(2, [(0, "a"), (1, "b")])
    crew = Crew(engine, 60.0, 16, 4)
    crew.begin(units(2))
    crew.dismiss()
    assert not crew.busy
    assert sorted(engine.ended) == [0, 1]
    assert said(crew.do(units(2))) == ["a", "b"]


def test_units_whose_beginning_was_interrupted_are_nobodys() -> None:
    engine = Scripted(2, [(0, "a"), (1, "b")])
    crew, submit = Crew(engine, 60.0, 16, 4), engine.submit

    def interrupted(worker: int, unit: Unit) -> None:
        if worker == 1:
            raise KeyboardInterrupt
        submit(worker, unit)

    engine.submit = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        crew.begin(units(2))
    assert not crew.busy
    engine.submit = submit  # type: ignore[method-assign]
    assert said(crew.do(units(2))) == ["a", "b"]
