"""Each job is submitted once, whatever the answer of AWS."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from helpers.waiting import wait_until
from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.events.events import Absent, Event, NotSubmitted, Submitted, Unsent, WorkerFailed
from jobbag.jobs import submission
from jobbag.jobs.array_request import PreparedRequest
from jobbag.jobs.request import Target, submit_request
from jobbag.jobs.submission import Submitter
from jobbag.s3.place import S3Place
from unit.builders import bag, job

from ..fault_layer import Faults

TIMEOUT = 60  # s; no test waits for it
PLACE = S3Place("bucket", "", own=True)


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LOOKS", (0.05, 0.1, 0.15))


def request_of(one: Job) -> dict[str, Any]:
    return submit_request(one, bag(one), PLACE, Target("q", "d"), f"token-{one.number}")


def submit(cloud: Cloud, jobs: Sequence[Job], *, unsure: bool = False) -> list[Event]:
    """Submit jobs; how each ended."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(cloud, events.put) as submitter:
        for one in jobs:
            submitter.submit((one,), PreparedRequest(request_of(one)), unsure=unsure)
        ends = [events.get(timeout=TIMEOUT) for _ in jobs]
    assert events.empty()
    return ends


def there(cloud: Cloud) -> dict[str, str]:
    """The jobs that the service has, ids by name."""
    filters = [{"name": "JOB_NAME", "values": ["*"]}]
    found = cloud.call("batch", "ListJobs", jobQueue="q", filters=filters)["jobSummaryList"]
    assert len({one["jobName"] for one in found}) == len(found), "a job is there twice"
    return {one["jobName"]: one["jobId"] for one in found}


def test_each_job_is_told_with_its_id(ready: Cloud) -> None:
    jobs = [job(number, f"job-{number}") for number in range(1, 6)]
    ends = submit(ready, jobs)
    assert {event.job.name: event.aws_id for event in ends if isinstance(event, Submitted)} == there(ready)
    assert len(ends) == 5


@pytest.mark.usefixtures("pauses")
def test_throttled_jobs_are_there_once(ready: Cloud, faults: Faults) -> None:
    faults.throttle("SubmitJob", 7)
    ends = submit(ready, [job(number, f"job-{number}") for number in range(1, 6)])
    assert all(isinstance(event, Submitted) for event in ends)
    assert len(there(ready)) == 5


def test_a_job_that_aws_refuses_is_told_and_the_others_go(ready: Cloud) -> None:
    bad = job(1, "bad", request={"jobDefinition": "gone"})
    ends = submit(ready, [bad, job(2, "good")])
    (refused,) = [event for event in ends if isinstance(event, NotSubmitted)]
    assert refused.job == bad
    assert "gone does not exist" in str(refused.error)
    assert list(there(ready)) == ["good"]


@pytest.mark.parametrize("hidden", [0, 2])
def test_a_job_whose_answer_was_lost_is_found_again(hidden: int, ready: Cloud, faults: Faults) -> None:
    """It runs, so the run must know it: its state, its log, its end. AWS may not show it at once."""
    faults.lose_answer("SubmitJob", 1)
    faults.edit("ListJobs", lambda content: content.update(jobSummaryList=[]), times=hidden)
    (end,) = submit(ready, [job(1, "one")])
    assert isinstance(end, Submitted)
    assert there(ready) == {"one": end.aws_id}
    assert faults.count("SubmitJob") == 1


@pytest.mark.parametrize("how", ["reset", "500"])
def test_a_job_that_never_arrived_is_sent_again(how: str, ready: Cloud, faults: Faults) -> None:
    faults.reset("SubmitJob", 1) if how == "reset" else faults.fail("SubmitJob", 500, "ServerException", times=1)
    (end,) = submit(ready, [job(1, "one")])
    assert isinstance(end, Submitted)
    assert there(ready) == {"one": end.aws_id}


def test_it_is_not_taken_for_an_older_job_of_the_same_name(ready: Cloud, faults: Faults) -> None:
    old = request_of(job(7, "one"))
    others = [ready.call_once("batch", "SubmitJob", **old)["jobId"] for _ in range(2)]
    faults.lose_answer("SubmitJob", 1)
    (end,) = submit(ready, [job(1, "one")])
    assert isinstance(end, Submitted)
    assert end.aws_id not in others


def test_a_job_that_an_earlier_start_may_have_sent_is_looked_for_first(ready: Cloud, faults: Faults) -> None:
    sent, not_sent = job(1, "sent"), job(2, "not-sent")
    aws_id = ready.call_once("batch", "SubmitJob", **request_of(sent))["jobId"]
    ends = submit(ready, [sent, not_sent], unsure=True)
    assert [(one.job, one.aws_id) for one in ends if isinstance(one, Submitted)] == [(sent, aws_id)]
    assert [one.jobs for one in ends if isinstance(one, Absent)] == [(not_sent,)]
    assert there(ready) == {"sent": aws_id}
    assert faults.count("SubmitJob") == 1


def test_leaving_sends_no_more_jobs_and_tells_of_those_under_way(ready: Cloud) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(ready, events.put) as submitter:
        for number in range(1, 40):
            one = job(number, f"job-{number}")
            submitter.submit((one,), PreparedRequest(request_of(one)))
    told = [events.get(timeout=TIMEOUT) for _ in range(1, 40)]
    assert events.empty()
    assert {event.aws_id for event in told if isinstance(event, Submitted)} == {*there(ready).values()}
    assert all(isinstance(event, (Submitted, Unsent)) for event in told)


def test_a_mistake_of_ours_ends_the_run(ready: Cloud) -> None:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(ready, events.put) as submitter:
        submitter.submit((job(),), PreparedRequest({"jobName": 7}))
        failed = events.get(timeout=TIMEOUT)
    assert isinstance(failed, (WorkerFailed, NotSubmitted))


def test_leaving_tells_which_jobs_were_not_sent(ready: Cloud, faults: Faults) -> None:
    """Of all the others, nobody knows whether AWS has them: nothing may be removed under them."""
    faults.throttle("SubmitJob", 1000)
    jobs = [job(number, f"job-{number}") for number in range(1, 40)]
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(ready, events.put) as submitter:
        for one in jobs:
            submitter.submit((one,), PreparedRequest(request_of(one)))
    told = [events.get(timeout=TIMEOUT) for _ in jobs]
    assert events.empty()
    assert sorted(event.job.number for event in told if isinstance(event, Unsent)) == [one.number for one in jobs]
    assert there(ready) == {}


@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "not"])
def test_who_sends_no_more_looks_for_lost_jobs_all_the_same(arrived: bool, ready: Cloud, faults: Faults) -> None:
    faults.lose_answer("SubmitJob", 1) if arrived else faults.reset("SubmitJob", 1)
    faults.edit("ListJobs", lambda content: content.update(jobSummaryList=[]), times=2)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(ready, events.put) as submitter:
        submitter.submit((job(1, "lost"),), PreparedRequest(request_of(job(1, "lost"))))
        wait_until(lambda: faults.count("SubmitJob") == 1, what="the request")
        submitter.send_no_more()
        submitter.submit((job(2, "late"),), PreparedRequest(request_of(job(2, "late"))))
        ends = {event.job.name: event for event in (events.get(timeout=TIMEOUT) for _ in range(2))}  # type: ignore[attr-defined]
    assert isinstance(ends["late"], Unsent)
    assert isinstance(ends["lost"], Submitted if arrived else Unsent)
    assert list(there(ready)) == (["lost"] if arrived else [])
    assert faults.count("SubmitJob") == 1


def test_a_lost_job_that_was_not_looked_for_to_the_end_is_not_called_unsent(ready: Cloud, faults: Faults) -> None:
    faults.lose_answer("SubmitJob", 1)
    asked = threading.Event()

    def show_nothing(content: dict[str, Any]) -> None:
        content["jobSummaryList"] = []
        asked.set()

    faults.edit("ListJobs", show_nothing, times=1)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(ready, events.put) as submitter:
        submitter.submit((job(1, "lost"),), PreparedRequest(request_of(job(1, "lost"))))
        assert asked.wait(TIMEOUT)
    assert events.empty() or isinstance(events.get(), Submitted)


NEWS = ["JobQueue q not found.", "JobDefinition d is not in ACTIVE status"]


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("message", NEWS)
def test_a_queue_or_definition_that_aws_does_not_know_yet_is_waited_for(
    message: str, ready: Cloud, faults: Faults
) -> None:
    ready.settling.made("batch")
    faults.fail("SubmitJob", 400, "ClientException", message, times=2)
    (end,) = submit(ready, [job(1, "early")])
    assert isinstance(end, Submitted)
    assert list(there(ready)) == ["early"]


@pytest.mark.parametrize("message", NEWS)
def test_one_that_is_not_there_is_told_at_once(message: str, ready: Cloud, faults: Faults) -> None:
    faults.fail("SubmitJob", 400, "ClientException", message)
    (end,) = submit(ready, [job(1, "wrong")])
    assert isinstance(end, NotSubmitted)
    assert message in str(end.error)
    assert faults.count("SubmitJob") == 1
