"""The jobstate log has a line for each state that a job is first seen in."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.bag.job import Job
from jobbag.events.consumers import replay
from jobbag.events.events import Event, LogsWritten, Staged, StateChanged, Submitted
from jobbag.events.jobstate_log import JobStateLog
from jobbag.events.observation import Observation

from ..builders import job

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


@pytest.mark.parametrize("there", range(5))
@pytest.mark.parametrize("torn", ["", "14 o"])
def test_a_start_that_is_taken_up_completes_the_jobstate_log(there: int, torn: str, tmp_path: Path) -> None:
    """The journal is the first to know; a start may be killed before the jobstate log does."""
    path = tmp_path / "p.jobstate.log"
    whole = ["1 not one of ours\n", "10 one SUBMITTED id-1\n", "11 one RUNNING id-1\n", "12 one SUCCEEDED id-1\n"]
    path.write_text("".join(whole[:there]) + torn)
    events: list[Event] = [Submitted(ONE, "id-1", at=10), state(ONE, "RUNNING", 11), state(ONE, "SUCCEEDED", 12)]
    with JobStateLog(path) as states:
        replay(events, states)
        states(Submitted(TWO, "id-2", at=13))
    assert path.read_text() == "".join(whole if there else whole[1:]) + "13 two SUBMITTED id-2\n"
