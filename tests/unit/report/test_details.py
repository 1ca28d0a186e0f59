"""What is kept of single jobs for the report, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.events.events import Absent, Event, LogsWritten, Merged, NotRun, StateChanged, Submitting, Unsent
from jobbag.events.state import RunState
from jobbag.report import details
from jobbag.report.details import Details

from ..builders import bag, ended, job

JOBS = [job(number, f"j{number}") for number in range(1, 6)]


def told(*events: Event) -> Details:
    state = RunState(bag(*JOBS), 0)
    found = Details(state)
    for event in events:
        state(event)
        found(event)
    return found


def written(number: int, *tail: str, status: str = "SUCCEEDED", at: int = 0) -> list[Event]:
    one = JOBS[number - 1]
    seen = StateChanged(one, "id", ended(status, 0 if status == "SUCCEEDED" else 1))
    return [seen, LogsWritten(one, Path("o"), Path("e"), 1, tail, at=at)]


def test_many_successes_do_not_take_the_place_of_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "TAILS", {True: 2, False: 1})
    found = told(
        *(event for number in (1, 2, 3) for event in written(number, f"good {number}")),
        *written(4, "bad value 4", status="FAILED"),
        *written(5, "bad value 5", status="FAILED"),
    )
    assert [found.tail(one) for one in JOBS] == [("good 1",), ("good 2",), (), ("bad value 4",), ()]


@pytest.mark.parametrize(
    "event", [Submitting(JOBS[0], "t"), Unsent(JOBS[0]), NotRun(JOBS[0], "no"), Absent((JOBS[0],))]
)
def test_the_output_of_a_job_that_is_sent_again_is_none_of_it(event: Event) -> None:
    assert told(*written(1, "old"), event).tail(JOBS[0]) == ()


def test_the_last_output_is_the_last_whatever_the_order() -> None:
    assert told().collected is None
    assert told(*written(1, at=500), *written(2, at=300)).collected == 500


def test_the_merged_files_tell_the_report_as_they_tell_the_journal() -> None:
    heard: list[Event] = []
    found = told()
    note = found.beside(heard.append)
    events = [Merged(JOBS[1], 90, 9, (10, 0), (1, 1)), Merged(JOBS[2], 95, 9), *written(1, "one", at=7)]
    for event in events:
        note(event)
    assert heard == events
    assert found.place(JOBS[1]) == ((10, 90), (0, 9))
    assert [found.place(one) for one in (JOBS[0], JOBS[2])] == [None, None]  # not merged; by a version that told less
    assert found.collected is None  # all but the merging is told otherwise
