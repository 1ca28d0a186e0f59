"""`--fresh`: all jobs of the earlier start are seen to their end, in the time that there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.entities.kinds import QUEUE, Existing, Plan
from jobbag.errors import Cancelled, ToolError
from jobbag.events.events import Event, Submitted, Submitting, Terminated
from jobbag.events.journal import Header, Journal
from jobbag.run import abandon
from jobbag.run.task import TaskOnAws
from jobbag.s3.place import S3Place

from ..builders import bag, heard, job

PLACE = S3Place("bucket", "", own=True)
PLAN = Plan(None, None, Existing(QUEUE, "q"), PLACE)
JOBS = [job(number, f"job-{number}") for number in range(1, 251)]
SENT: list[Event] = [
    event for one in JOBS for event in (Submitting(one, f"t.{one.number}"), Submitted(one, f"id-{one.number}"))
]


class FakeCloud:
    """AWS whose jobs take some looks to end; or of which one API gives no answer for ever."""

    region = "us-east-1"
    embedded = False

    def __init__(self, looks: int = 1, *, out: str = "") -> None:
        self.looks, self.out = looks, out
        self.stuck: set[str] = set()  # jobs that never end
        self.asked: list[list[str]] = []  # DescribeJobs
        self.terminated: list[str] = []
        self.within_seconds: list[float] = []
        self.paused: list[float] = []
        self._bounded = False

    @contextmanager
    def within(self, seconds: float) -> Iterator[FakeCloud]:
        self.within_seconds.append(seconds)
        self._bounded = True
        yield self
        self._bounded = False

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        if len(self.paused) > 5:
            raise Cancelled("the time is over")

    def pages(self, service: str, operation: str, **params: Any) -> Iterator[dict[str, Any]]:
        cloud: Any = self
        return Cloud.pages(cloud, service, operation, **params)

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert region is None
        if operation == self.out:
            assert self._bounded, "nobody ends the wait for it"
            raise Cancelled("AWS gave no answer in the time that there was")
        if operation == "TerminateJobs":
            self.terminated += params["jobs"]
            return {}
        if operation == "DescribeJobs":
            ids = params["jobs"]
            assert len(ids) <= IDS_PER_CALL
            self.asked.append(ids)
            done = sum(ids[0] in batch for batch in self.asked) > self.looks
            ended = ["FAILED" if done and one not in self.stuck else "RUNNING" for one in ids]
            return {"jobs": [{"jobId": one, "status": state} for one, state in zip(ids, ended, strict=True)]}
        if operation == "ListJobs":
            return {"jobSummaryList": []}
        assert service == "s3"
        return {}


def give_up(cloud: FakeCloud, events: list[Event], place: Path) -> list[str]:
    """What `--fresh` logs."""
    path = place / "bag.journal"
    with Journal(path) as notes, heard("jobbag") as said:
        notes.begin(Header("run", 0, {}, {}))
        abandon.abandon(TaskOnAws(bag(*JOBS), PLAN, PLACE, cast(Cloud, cloud)), "run", events, notes, 30.0, keeps=False)
    return said


def test_the_end_of_all_jobs_is_waited_for(tmp_path: Path) -> None:
    cloud = FakeCloud(looks=2)
    assert give_up(cloud, SENT, tmp_path) == []
    assert sorted(cloud.terminated) == sorted(f"id-{one.number}" for one in JOBS)
    for one in JOBS:
        assert sum(f"id-{one.number}" in batch for batch in cloud.asked) == 3
    assert set(cloud.within_seconds) == {30.0}
    assert len(cloud.asked) == 3 * 3
    assert cloud.paused, "it does not ask without a pause"


def test_nothing_is_asked_of_jobs_that_ended_with_their_embedded_aws(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.embedded = True
    assert give_up(cloud, SENT, tmp_path) == []
    assert (cloud.terminated, cloud.asked, cloud.paused) == ([], [], [])


def test_all_are_asked_for_though_the_first_ones_take_their_time(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.stuck = {f"id-{number}" for number in range(1, IDS_PER_CALL + 1)}
    assert give_up(cloud, SENT, tmp_path) == [f"WARNING {len(cloud.stuck)} old jobs may still be ending"]


def test_an_outage_is_waited_out_no_longer_than_grace(tmp_path: Path) -> None:
    said = give_up(FakeCloud(out="DescribeJobs"), SENT, tmp_path)
    assert said == ["WARNING 250 old jobs may still be ending"]


def test_a_job_that_aws_no_longer_shows_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud()
    call = cloud.call
    monkeypatch.setattr(cloud, "call", lambda *a, **b: {"jobs": []} if a[1] == "DescribeJobs" else call(*a, **b))
    assert give_up(cloud, SENT, tmp_path) == []


def test_it_is_an_error_when_nobody_knows_whether_jobs_were_sent(tmp_path: Path) -> None:
    """A new start would send them beside those that may run."""
    events: list[Event] = [Submitting(JOBS[0], "t.1")]
    with pytest.raises(ToolError, match=r"no answer on 1 job that the earlier start may have sent; start again"):
        give_up(FakeCloud(out="ListJobs"), events, tmp_path)


def test_the_journal_knows_before_aws_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = FakeCloud()
    journals: list[str] = []
    monkeypatch.setattr(abandon, "terminate", lambda *_: journals.append((tmp_path / "bag.journal").read_text()))
    give_up(cloud, SENT, tmp_path)
    assert [text.count(Terminated.__name__) for text in journals] == [len(JOBS)]
