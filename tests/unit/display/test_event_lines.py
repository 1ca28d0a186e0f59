"""What is told of a run as it goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from jobbag.display import event_lines
from jobbag.display.event_lines import ALIKE, FEW, AllEnds, FewEnds, log_event
from jobbag.errors import AwsError
from jobbag.events.events import (
    Event,
    Halted,
    JobsWaiting,
    LogsWritten,
    NotRun,
    NotSubmitted,
    StateChanged,
    Submitted,
    Terminated,
)
from jobbag.events.observation import Observation
from jobbag.events.state import RunState
from jobbag.terminal import Look

from ..builders import bag, ended, heard, job

ONE, TWO = job(1, "one"), job(2, "two")
MANY = [job(number, f"job{number}") for number in range(1, 2_001)]
TERMINAL = Look(terminal=True, dumb=False, colour=False, letters=True)
BAD = ended("FAILED", 3, status_reason="Essential container in task exited")


def logs(one: object, *tail: str, note: str | None = None) -> LogsWritten:
    return LogsWritten(one, Path("o"), Path("e"), len(tail), tail, note)  # type: ignore[arg-type]


def few(jobs: Iterable[object], *events: Event, look: Look | None = TERMINAL) -> list[str]:
    """What a person who waits is told of a run of these jobs."""
    state = RunState(bag(*jobs), 0)  # type: ignore[arg-type]
    ends = FewEnds(state, look)
    with heard("jobbag.display.event_lines") as lines:
        for event in events:
            state(event)
            ends(event)
    return lines


def failing(*jobs: object, seen: Observation = BAD, say: str = "bad value {}") -> list[Event]:
    events: list[Event] = []
    for number, one in enumerate(jobs):
        events += [Submitted(one, "id"), StateChanged(one, "id", seen), logs(one, say.format(number))]  # type: ignore[arg-type]
    return events


def test_what_a_halt_does_to_each_job_is_told_once() -> None:
    note = LogsWritten(ONE, Path("o"), Path("e"), 0, note="why")
    with heard("jobbag.display.event_lines") as lines:
        ends = AllEnds()
        for event in (note, Halted("2 jobs failed"), note):
            log_event(event)
            ends(event)
    told = [line for line in lines if not line.startswith("DEBUG")]
    assert told[0] == "WARNING job one: why"
    assert [line.startswith("ERROR 2 jobs failed: no more jobs are sent") for line in told[1:]] == [True]


def test_the_log_says_why_jobs_wait() -> None:
    with heard("jobbag.display.event_lines") as lines:
        log_event(JobsWaiting("q", "2 jobs wait in the job queue q: it is DISABLED; enable it", True))
    assert lines == ["WARNING 2 jobs wait in the job queue q: it is DISABLED; enable it"]


ENDS = [
    (ended(), "INFO job one (id-1) is SUCCEEDED"),
    (
        ended("FAILED", 3, status_reason="Essential container in task exited", container_reason="why"),
        "INFO job one (id-1) is FAILED: exit code 3; Essential container in task exited; why",
    ),
    (
        ended("FAILED", None, status_reason="no such image"),
        "INFO job one (id-1) is FAILED: no exit code; no such image",
    ),
]


@pytest.mark.parametrize(("seen", "said"), ENDS)
def test_the_end_of_a_job_is_told_with_its_reasons(seen: Observation, said: str) -> None:
    with heard("jobbag.display.event_lines") as lines:
        AllEnds()(StateChanged(ONE, "id-1", seen))
    assert lines == [said]


@pytest.mark.parametrize(("seen", "said"), ENDS)
def test_where_there_is_no_terminal_a_line_is_the_same(seen: Observation, said: str) -> None:
    events = [Submitted(ONE, "id-1"), StateChanged(ONE, "id-1", seen), logs(ONE, "oh no")]
    assert few([ONE], *events, look=None) == [said]


@pytest.mark.parametrize(
    ("seen", "tail", "note", "said"),
    [
        (ended(), ["fine"], None, "one  1.5 s"),
        (BAD, ["at work", "ValueError: bad value 4", "bye"], None, "one  exit 3  ValueError: bad value 4"),
        (BAD, [], "no log: it is gone", "one  exit 3  no log: it is gone"),
        (ended("FAILED", 139), [], None, "one  exit 139  segmentation fault"),
        (ended("FAILED", 137, container_reason="OutOfMemoryError: x"), ["Killed"], None,
         "one  exit 137  out of memory (OutOfMemoryError)  Killed"),
        (ended("FAILED", None, status_reason="no such image /a/b"), [], None, "one  no such image /a/b"),
    ],
)  # fmt: skip
def test_a_terminal_shows_how_a_job_ended_in_a_short_line(
    seen: Observation, tail: list[str], note: str | None, said: str
) -> None:
    lines = few([ONE], Submitted(ONE, "id-1"), StateChanged(ONE, "id-1", seen), logs(ONE, *tail, note=note))
    assert lines == [f"INFO {said}"]


def test_a_line_of_a_terminal_is_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_lines, "size_of", lambda _: os.terminal_size((40, 24)))
    (line,) = few([ONE], *failing(ONE, say="界" * 50))
    assert line == "INFO one  exit 3  界界界界界界..."


def test_what_is_said_of_jobs_stands_below_each_other() -> None:
    long = job(2, "a-long-name")
    assert few([ONE, long], *failing(ONE, long)) == [
        "INFO one          exit 3  bad value 0",
        "INFO a-long-name  exit 3  bad value 1",
    ]


@pytest.mark.parametrize("look", [TERMINAL, None])
def test_the_successes_of_a_small_bag_are_told_and_those_of_a_large_one_are_only_counted(look: Look | None) -> None:
    for jobs, told in ((MANY[:FEW], FEW), (MANY, 0)):
        events = [StateChanged(one, "id", ended()) for one in jobs]
        assert len(few(jobs, *events, look=look)) == told


@pytest.mark.parametrize("look", [TERMINAL, None])
def test_of_thousands_that_fail_for_one_cause_some_have_a_line_and_those_of_others_too(look: Look | None) -> None:
    lines = few(MANY, *failing(*MANY[:-1]), *failing(MANY[-1], say="disk full"), look=look)
    assert len(lines) == ALIKE + 2
    assert lines[ALIKE] == "INFO more jobs end like this, which are only counted: exit code 3: bad value <n>"
    assert "job2000" in lines[-1]


def test_jobs_that_could_not_be_submitted_are_told_once_and_not_all_of_thousands() -> None:
    error = AwsError("SubmitJob", "ClientException", "no")
    events = [event for one in MANY for event in (NotSubmitted(one, error), logs(one, note="it was not submitted"))]
    lines = few(MANY, *events)
    assert lines[0] == "ERROR job job1: SubmitJob failed: no (ClientException)"
    assert len(lines) == ALIKE + 1


def test_jobs_that_are_not_run_as_another_failed() -> None:
    after, why = job(2, "two", depends_on=("one",)), "job one failed, on which it depends"
    events = [*failing(ONE), NotRun(after, why), logs(after, note=f"not run: {why}")]
    assert few([ONE, after], *events)[1] == "INFO two  not run: job one failed, on which it depends"


@pytest.mark.parametrize("look", [TERMINAL, None])
@pytest.mark.parametrize("halted", [[], [Halted("2 jobs failed")]])
def test_jobs_that_the_run_has_terminated_have_no_line_of_their_own(halted: list[Event], look: Look | None) -> None:
    killed = ended("FAILED", 137, status_reason="pegasus-aws-batch was stopped")
    events = [
        *(Submitted(one, "id") for one in MANY[:40]),
        *halted,
        *(Terminated(one, "id") for one in MANY[:40]),
        *(event for one in MANY[:40] for event in (StateChanged(one, "id", killed), logs(one, note="no log"))),
    ]
    assert few(MANY[:40], *events, look=look) == []


def test_what_has_succeeded_without_its_output_is_told() -> None:
    events = [event for one in MANY for event in (StateChanged(one, "id", ended()), logs(one, note="no log: s/1"))]
    lines = few(MANY, *events)
    assert lines[0] == "WARNING job job1: no log: s/1"
    assert len(lines) == ALIKE + 1
