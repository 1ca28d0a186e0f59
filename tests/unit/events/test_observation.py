"""What follows from what DescribeJobs says of a job."""

from __future__ import annotations

import pytest

from jobbag.events.observation import STATES, Attempt, LogPlace, Observation, joined


@pytest.mark.parametrize("status", STATES)
def test_a_job_has_ended_when_it_succeeded_or_failed(status: str) -> None:
    assert Observation(status).ended == (status in ("SUCCEEDED", "FAILED"))


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ((None, None), None),
        (("", None), None),
        (("Host EC2 terminated", None), "Host EC2 terminated"),
        ((None, "OutOfMemoryError"), "OutOfMemoryError"),
        (("Task failed", "OutOfMemoryError"), "Task failed; OutOfMemoryError"),
        (("the same", "the same"), "the same"),
    ],
)
def test_each_reason_is_told_once(reasons: tuple[str | None, str | None], told: str | None) -> None:
    assert joined(*reasons) == told
    assert Observation("FAILED", status_reason=reasons[0], container_reason=reasons[1]).reason == told


def test_the_logs_of_earlier_attempts_are_where_that_of_the_last_one_is() -> None:
    place = LogPlace("third", "/group", "eu-west-3", "awslogs")
    attempts = (Attempt("first"), Attempt(None), Attempt("third"))
    logs = Observation("FAILED", log=place, attempts=attempts).earlier_logs
    assert logs == ((LogPlace("first", "/group", "eu-west-3"),), (LogPlace(None, "/group", "eu-west-3"),))
    assert Observation("FAILED", log=place, attempts=attempts[:1]).earlier_logs == ()
    assert Observation("RUNNING", log=place).earlier_logs == ()
