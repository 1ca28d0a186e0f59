"""How jobs are terminated: fifty a call, and what is said of those that were not reached."""

from __future__ import annotations

import queue
import threading
from typing import Any, cast

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.errors import AwsError, Cancelled
from jobbag.events.events import Event, NotTerminated
from jobbag.jobs.termination import JOBS_PER_CALL, Terminator

from ..builders import heard, job

ONE, TWO = job(1, "one"), job(2, "two")
TIMEOUT = 20  # s; no test waits for it


class FakeCloud:
    """AWS that terminates jobs, as `refuse` lets it."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.terminated: list[tuple[str, str]] = []  # AWS id, reason
        self.sizes: list[int] = []
        self.asked = threading.Semaphore(0)
        self._refuse = refuse

    def cancelled_by(self, _: object) -> FakeCloud:
        return self

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("batch", "TerminateJobs")
        self.sizes.append(len(params["jobs"]))
        self.terminated += [(one, params["reason"]) for one in params["jobs"]]
        self.asked.release()
        if self._refuse is not None:
            raise self._refuse
        return {}


def terminate(fake: FakeCloud, jobs: dict[str, Job], calls: int) -> list[Event]:
    """Terminate jobs, which takes so many calls."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Terminator(cast(Cloud, fake), events.put) as terminator:
        terminator.terminate(jobs, "why")
        for _ in range(calls):
            assert fake.asked.acquire(timeout=TIMEOUT)
    return [events.get() for _ in range(events.qsize())]


def test_all_jobs_are_terminated_with_the_reason() -> None:
    fake = FakeCloud()
    jobs = {f"id-{n}": job(n, f"job {n}") for n in range(2 * JOBS_PER_CALL)}
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    terminator = Terminator(cast(Cloud, fake), events.put)
    terminator.terminate(jobs, "why")  # before it has begun, so that the calls are as large as can be
    with terminator:
        for _ in range(2):
            assert fake.asked.acquire(timeout=TIMEOUT)
    assert fake.terminated == [(aws_id, "why") for aws_id in jobs]
    assert fake.sizes == [JOBS_PER_CALL, JOBS_PER_CALL]


def test_who_may_not_terminate_is_told_which_jobs_go_on() -> None:
    with heard("jobbag.jobs.termination") as lines:
        denied = FakeCloud(AwsError("TerminateJobs", "AccessDeniedException", "not you"))
        assert [type(event) for event in terminate(denied, {"id-1": ONE, "id-2:7": TWO}, 1)] == [NotTerminated] * 2
    assert lines[0].endswith("not you (AccessDeniedException)")
    assert lines[1:] == [
        "ERROR job one (id-1) could not be terminated; it may still be running",
        "ERROR job two (id-2) could not be terminated; it may still be running",
    ]


def test_the_end_of_the_run_is_no_error() -> None:
    with heard("jobbag.jobs.termination") as lines:
        assert terminate(FakeCloud(Cancelled("the run is being stopped")), {"id-1": ONE}, 1) == []
    assert lines == []


def test_what_it_cannot_go_on_after_ends_the_run() -> None:
    (event,) = terminate(FakeCloud(MemoryError()), {"id-1": ONE}, 1)
    assert "termination" in str(event)
