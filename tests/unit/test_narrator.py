"""What is told of a run as it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.bag import Job
from jobbag.events import Event, Halted, Held, LogsWritten, Observation, Staged, StateChanged, Submitted
from jobbag.narrator import JobStateLog, Narrator

from .builders import ended, heard, job

ONE, TWO = job(1, "one"), job(2, "two")


def state(one: Job, status: str, at: int) -> StateChanged:
    return StateChanged(one, f"id-{one.number}", Observation(status), at=at)


def test_the_jobstate_log_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "p.jobstate.log"
    path.write_text("1 old SUBMITTED id-0\n")
    events: list[Event] = [
        Submitted(ONE, "id-1", at=10),
        state(ONE, "RUNNING", 11),
        Staged("a", "k", 1, 1, True),
        Submitted(TWO, "id-2", at=12),
        LogsWritten(ONE, Path("o"), Path("e"), 0),
        state(ONE, "SUCCEEDED", 13),
    ]
    with JobStateLog(path) as states:
        for event in events:
            states(event)
        assert path.read_text().count("\n") == 5  # a line is there as soon as it is known
    assert path.read_text() == (
        "1 old SUBMITTED id-0\n"
        "10 one SUBMITTED id-1\n"
        "11 one RUNNING id-1\n"
        "12 two SUBMITTED id-2\n"
        "13 one SUCCEEDED id-1\n"
    )


def test_what_a_halt_does_to_each_job_is_told_once() -> None:
    note = LogsWritten(ONE, Path("o"), Path("e"), 0, note="why")
    with heard("jobbag.narrator") as lines:
        narrator = Narrator()
        for event in (note, Halted("2 jobs failed"), note):
            narrator(event)
    told = [line for line in lines if not line.startswith("DEBUG")]
    assert told[0] == "WARNING job one: why"
    assert [line.startswith("ERROR 2 jobs failed: no more jobs are sent") for line in told[1:]] == [True]


@pytest.mark.parametrize("there", range(5))
@pytest.mark.parametrize("torn", ["", "14 o"])
def test_a_start_that_is_taken_up_completes_the_jobstate_log(there: int, torn: str, tmp_path: Path) -> None:
    """The journal is the first to know; a start may be killed before the jobstate log does."""
    path = tmp_path / "p.jobstate.log"
    whole = ["1 not one of ours\n", "10 one SUBMITTED id-1\n", "11 one RUNNING id-1\n", "12 one SUCCEEDED id-1\n"]
    path.write_text("".join(whole[:there]) + torn)
    events: list[Event] = [Submitted(ONE, "id-1", at=10), state(ONE, "RUNNING", 11), state(ONE, "SUCCEEDED", 12)]
    with JobStateLog(path, events) as states:
        states(Submitted(TWO, "id-2", at=13))
    assert path.read_text() == "".join(whole if there else whole[1:]) + "13 two SUBMITTED id-2\n"


def test_the_log_says_why_jobs_wait() -> None:
    with heard("jobbag.narrator") as lines:
        Narrator()(Held("q", "2 jobs wait in the job queue q: it is DISABLED; enable it", True))
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
    with heard("jobbag.narrator") as lines:
        Narrator()(StateChanged(ONE, "id-1", seen))
    assert lines == [said]
