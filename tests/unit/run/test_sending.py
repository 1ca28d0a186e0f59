"""The journal knows of each job, on disk, before it may be sent; and no more than so many are under way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.events.escalation import MEMORY, Escalated
from jobbag.events.events import Event, StateChanged, Submitting
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.jobs.array_request import JobGroup, PreparedRequest, Requests
from jobbag.jobs.ids import child_token
from jobbag.jobs.request import Target
from jobbag.jobs.submission import token_of
from jobbag.run.backlog import Backlog
from jobbag.run.packing import Packing
from jobbag.run.safeguards import Safeguards
from jobbag.run.sending import AT_ONCE, Sending
from jobbag.s3.place import S3Place

from ..builders import bag, ended, job

PLACE = S3Place("bucket", "", own=True)


class Disk:
    """A journal, of which a power cut leaves what was made durable."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.journal = Journal(path)
        self.synced: list[int] = []  # size at each fsync
        patch.setattr(os, "fsync", lambda file: self.synced.append(os.fstat(file).st_size))

    def content(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_bytes()[: max(self.synced, default=0)].splitlines()]


class FakeSubmitter:
    """Gets jobs, and looks at the journal at that moment."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.got: list[tuple[JobGroup, PreparedRequest, bool]] = []
        self.known: list[list[dict[str, Any]]] = []

    def submit(self, jobs: JobGroup, prepared: PreparedRequest, *, unsure: bool = False) -> None:
        self.got.append((jobs, prepared, unsure))
        self.known.append(self._disk.content())

    def tokens(self) -> list[str | None]:
        return [token_of(prepared.request) for _, prepared, _ in self.got]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(tmp_path / "run.journal", monkeypatch)
    with disk.journal:
        yield disk


def sending_to(submitter: Any, of: Bag, journal: Any, state: RunState | None = None) -> Sending:
    requests = Requests(of, PLACE, Target("q", "d"), "eu-west-3")
    return Sending(requests, submitter, journal, journal, state or RunState(of, 0))


def backlog(of: Bag, packing: Packing = Packing.NEVER) -> Backlog:
    waiting = Backlog(of, of.jobs, packing, Safeguards())
    waiting.begin()
    return waiting


def jobs(count: int, **values: Any) -> list[Job]:
    return [job(number, f"j{number}", **values) for number in range(1, count + 1)]


def test_the_journal_has_each_job_on_disk_before_the_submitter_gets_it(disk: Disk) -> None:
    packed = (job(number, f"p{number}", request={"jobQueue": "x"}) for number in range(4, 7))
    of = bag(*jobs(3), *packed, job(7, "alone", request={"jobQueue": "y"}))
    waiting, submitter = backlog(of, Packing.ALWAYS), FakeSubmitter(disk)
    groups = waiting.take(9)
    sending_to(submitter, of, disk.journal).send(groups, waiting)
    assert [[one.number for one in group] for group, _, _ in submitter.got] == [[1, 2, 3], [4, 5, 6], [7]]
    for (group, prepared, unsure), known in zip(submitter.got, submitter.known, strict=True):
        token = token_of(prepared.request)
        assert token is not None
        assert not unsure
        told = {line["job"]: line["token"] for line in known if line["event"] == "Submitting"}
        for index, one in enumerate(group):
            assert told[one.number] == (child_token(token, index) if len(group) > 1 else token)
        assert set(prepared.objects) <= {line["key"] for line in known if line["event"] == "Attached"}
    assert len(disk.synced) == 1, "once for all of them"


def test_nothing_is_written_for_nothing(disk: Disk) -> None:
    sending = sending_to(FakeSubmitter(disk), of := bag(job()), disk.journal)
    sending.send([], backlog(of))
    assert (disk.synced, sending.is_empty) == ([], True)


def test_a_request_waits_for_what_the_job_depends_on(disk: Disk) -> None:
    one, two = (of := bag(job(1, "one"), job(2, "two", depends_on=("one",)))).jobs
    waiting, submitter = backlog(of), FakeSubmitter(disk)
    sending = sending_to(submitter, of, disk.journal)
    sending.send(waiting.take(9), waiting)
    waiting.submitted(one, "id-1")
    sending.send(waiting.take(9), waiting)
    assert [prepared.request.get("dependsOn") for _, prepared, _ in submitter.got] == [None, [{"jobId": "id-1"}]]
    assert submitter.got[1][0] == (two,)


def test_what_depends_on_an_array_waits_for_the_whole_of_it(disk: Disk) -> None:
    last = job(4, "last", depends_on=("j1", "j2", "j3"))
    of = bag(*(children := jobs(3)), last)
    waiting, submitter = backlog(of, Packing.ALWAYS), FakeSubmitter(disk)
    sending = sending_to(submitter, of, disk.journal)
    sending.send(waiting.take(9), waiting)
    for index, one in enumerate(children):
        waiting.submitted(one, f"a:{index}")
    sending.send(waiting.take(9), waiting)
    assert submitter.got[-1][0] == (last,)
    assert submitter.got[-1][1].request["dependsOn"] == [{"jobId": "a"}]


def test_each_start_has_tokens_of_its_own(disk: Disk) -> None:
    of, submitter = bag(*jobs(3)), FakeSubmitter(disk)
    for _ in range(2):
        waiting = backlog(of)
        sending_to(submitter, of, disk.journal).send(waiting.take(9), waiting)
    assert len(set(submitter.tokens())) == 6


def test_a_job_that_is_sent_again_by_the_same_start_has_another_token(disk: Disk) -> None:
    (one,) = (of := bag(job())).jobs
    submitter, state = FakeSubmitter(disk), RunState(of, 0)
    sending = sending_to(submitter, of, disk.journal, state)
    for memory in (4096, 8192, 16384):
        sending.send([(one,)], backlog(of))
        state(StateChanged(one, "id", ended("FAILED", 137)))
        state(Escalated(one, "id", MEMORY, "OutOfMemoryError", memory))
    assert len(set(submitter.tokens())) == 3


def test_jobs_of_an_earlier_start_are_looked_for_by_their_token(disk: Disk) -> None:
    one, two = (of := bag(*jobs(2))).jobs
    submitter, state = FakeSubmitter(disk), RunState(of, 0)
    state(Submitting(one, "early.1"))
    state(Submitting(two, child_token("early.2", 7)))
    sending = sending_to(submitter, of, disk.journal, state)
    sending.seek([one, two])
    assert [(group, unsure) for group, _, unsure in submitter.got] == [((one,), True), ((two,), True)]
    assert submitter.tokens() == ["early.1", "early.2"]
    assert list(submitter.got[1][1].ids((two,), "array")) == [(two, "array:7")]
    assert not sending.is_empty
    sending.arrived("early.1")
    sending.arrived(child_token("early.2", 7))
    assert sending.is_empty


@given(st.lists(st.integers(0, 80), max_size=6))
def test_the_window_is_never_more_than_full_and_is_filled_by_the_half(arrivals: list[int]) -> None:
    """So the journal is made durable once for many."""

    class Nowhere:
        def __call__(self, event: Event) -> None:
            pass

        def sync(self) -> None:
            pass

    class Submitter:
        tokens: list[str | None]

        def submit(self, _: JobGroup, prepared: PreparedRequest) -> None:
            self.tokens.append(token_of(prepared.request))

    submitter = Submitter()
    submitter.tokens = []
    of = bag()
    sending = sending_to(submitter, of, Nowhere(), RunState(bag(*jobs(AT_ONCE * (len(arrivals) + 1))), 0))
    count = 0
    for arrived in arrivals:
        room = sending.room
        assert room == 0 or room >= AT_ONCE // 2
        sending.send([(job(count + number, f"j{count + number}"),) for number in range(1, room + 1)], backlog(of))
        count += room
        assert AT_ONCE // 2 < len(submitter.tokens) <= AT_ONCE
        for _ in range(min(arrived, len(submitter.tokens))):
            sending.arrived(submitter.tokens.pop() or "")
    assert sending.is_empty == (not submitter.tokens)
