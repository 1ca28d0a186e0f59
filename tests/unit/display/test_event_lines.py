"""What is told of a run as it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.display.event_lines import EventLines
from jobbag.events.events import Halted, JobsWaiting, LogsWritten, StateChanged
from jobbag.events.observation import Observation

from ..builders import ended, heard, job

ONE, TWO = job(1, "one"), job(2, "two")


def test_what_a_halt_does_to_each_job_is_told_once() -> None:
    note = LogsWritten(ONE, Path("o"), Path("e"), 0, note="why")
    with heard("jobbag.display.event_lines") as lines:
        event_lines = EventLines()
        for event in (note, Halted("2 jobs failed"), note):
            event_lines(event)
    told = [line for line in lines if not line.startswith("DEBUG")]
    assert told[0] == "WARNING job one: why"
    assert [line.startswith("ERROR 2 jobs failed: no more jobs are sent") for line in told[1:]] == [True]


def test_the_log_says_why_jobs_wait() -> None:
    with heard("jobbag.display.event_lines") as lines:
        EventLines()(JobsWaiting("q", "2 jobs wait in the job queue q: it is DISABLED; enable it", True))
    assert lines == ["WARNING 2 jobs wait in the job queue q: it is DISABLED; enable it"]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (ended(), "INFO job one (id-1) is SUCCEEDED"),
        (
            ended("FAILED", 3, status_reason="Essential container in task exited", container_reason="why"),
            "INFO job one (id-1) is FAILED: exit code 3; Essential container in task exited; why",
        ),
        (
            ended("FAILED", None, status_reason="no such image"),
            "INFO job one (id-1) is FAILED: no exit code; no such image",
        ),
    ],
)
def test_the_end_of_a_job_is_told_with_its_reasons(seen: Observation, said: str) -> None:
    with heard("jobbag.display.event_lines") as lines:
        EventLines()(StateChanged(ONE, "id-1", seen))
    assert lines == [said]
