"""Jobs that do not start: the run is told why, and nothing waits for the answer."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobbag.aws.client import Cloud
from jobbag.events.events import Event, JobsWaiting, StateChanged
from jobbag.jobs import monitor, poll_schedule, queue_watch
from jobbag.jobs.monitor import Monitor
from jobbag.jobs.queue_watch import QueueWatch
from jobbag.logs.ending import ending_in_log
from unit.builders import job

from ..fault_layer import Answer, Faults, Forward, Request

TIMEOUT = 60  # s; no test waits for it
CALLS = ("DescribeJobQueues", "DescribeComputeEnvironments", "GetJobQueueSnapshot", "ListJobs")


class Watch:
    """Jobs that are followed, and what is told of them."""

    def __init__(self, cloud: Cloud, gate: Path) -> None:
        self.cloud = cloud
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.queue_watch = QueueWatch(cloud, self.events.put)
        self.monitor = Monitor(cloud, self.events.put, self.queue_watch.saw, ending_in_log)
        self._gate = gate
        self._waiting = {"command": ["sh", "-c", f"while ! test -e '{gate}'; do sleep 0.02; done"]}

    def submit(self, count: int) -> None:
        """Send jobs that end when the gate opens, and follow them."""
        for number in range(1, count + 1):
            made = self.cloud.call(
                "batch", "SubmitJob", jobName="x", jobQueue="q", jobDefinition="d", containerOverrides=self._waiting
            )
            self.monitor.watch(made["jobId"], job(number))

    def submit_array(self, size: int) -> None:
        """The same as children of an array job."""
        made = self.cloud.call(
            "batch", "SubmitJob", jobName="x", jobQueue="q", jobDefinition="d", arrayProperties={"size": size},
            containerOverrides=self._waiting,
        )  # fmt: skip
        for index in range(size):
            self.monitor.watch(f"{made['jobId']}:{index}", job(index + 1))

    def until_known(self, count: int) -> None:
        """Wait until so many jobs were seen to wait or run."""
        known = set[str]()
        for event in self._next():
            if isinstance(event, StateChanged) and event.observation.status in ("RUNNABLE", "STARTING", "RUNNING"):
                known.add(event.aws_id)
            if len(known) == count:
                break

    def open_gate(self) -> None:
        self._gate.touch()

    def told(self, words: str) -> JobsWaiting:
        """The next answer with these words to why jobs wait. Until some are known to run, there may be others."""
        return next(event for event in self._next() if isinstance(event, JobsWaiting) and words in event.reason)

    def until_all_ended(self, count: int) -> list[JobsWaiting]:
        """Wait until so many jobs have succeeded; what was told meanwhile."""
        told: list[JobsWaiting] = []
        for event in self._next():
            if isinstance(event, JobsWaiting):
                told.append(event)
            count -= isinstance(event, StateChanged) and event.observation.status == "SUCCEEDED"
            if not count:
                break
        return told

    def _next(self) -> Iterator[Event]:
        while True:
            yield self.events.get(timeout=TIMEOUT)


@pytest.fixture
def watch(ready: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    """Two jobs can run at once; the first question comes at once."""
    monkeypatch.setattr(queue_watch, "PATIENCE", 0.0)
    monkeypatch.setattr(queue_watch, "AGAIN", 0.02)
    monkeypatch.setattr(queue_watch, "TICK", 0.01)
    monkeypatch.setattr(monitor, "TICK", 0.01)
    monkeypatch.setattr(monitor, "CALLS_PER_SECOND", 1000.0)
    monkeypatch.setattr(poll_schedule, "FIRST", 0.01)
    monkeypatch.setattr(poll_schedule, "LONGEST", 0.05)
    watch = Watch(ready, tmp_path / "gate")
    with watch.queue_watch, watch.monitor:
        yield watch


def submit_and_know(watch: Watch, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question comes when all are known: before, one of ours may be taken for one of others,
    and where none waits for a moment, what is wrong is told again.
    """
    with monkeypatch.context() as context:
        context.setattr(queue_watch, "PATIENCE", 1000.0)
        watch.submit(count)
        watch.until_known(count)


def test_a_queue_that_is_disabled_after_the_jobs_were_sent(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    submit_and_know(watch, 3, monkeypatch)
    watch.cloud.call("batch", "UpdateJobQueue", jobQueue="q", state="DISABLED")
    told = watch.told(" in the job queue q: the queue is DISABLED; enable it: ")
    assert "--job-queue q --state ENABLED" in told.reason
    assert told.wrong
    watch.open_gate()
    assert watch.until_all_ended(3) == [], "it is told once"


def test_what_is_wrong_is_told_again_when_it_comes_back(watch: Watch) -> None:
    def switch(state: str) -> None:
        watch.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state=state)

    watch.open_gate()
    for _ in range(2):
        switch("DISABLED")
        watch.submit(1)
        told = watch.told("ce is DISABLED")
        assert told.reason.startswith("1 job waits in the job queue q: its compute environment ce is DISABLED; enable")
        switch("ENABLED")
        watch.until_all_ended(1)


def test_the_children_of_an_array_job_are_counted(watch: Watch) -> None:
    watch.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
    watch.submit_array(7)
    assert watch.told("ce is DISABLED").reason.startswith("7 jobs wait in the job queue q: ")
    watch.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="ENABLED")
    watch.open_gate()
    watch.until_all_ended(7)


def test_others_are_ahead(watch: Watch, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = watch.cloud.call("batch", "SubmitJob", jobName="other", jobQueue="q", jobDefinition="d")["jobArn"]

    front = {"jobArn": stranger, "earliestTimeAtPosition": 1}
    faults.edit("GetJobQueueSnapshot", lambda content: content["frontOfQueue"]["jobs"].insert(0, front))
    submit_and_know(watch, 3, monkeypatch)
    assert not watch.told(" in the job queue q: 1 job of others is ahead; wait, or use another queue").wrong


def test_a_snapshot_without_arns_counts_as_others(
    watch: Watch, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.edit("GetJobQueueSnapshot", lambda content: content["frontOfQueue"]["jobs"].insert(0, {}))
    submit_and_know(watch, 3, monkeypatch)
    assert not watch.told(" in the job queue q: 1 job of others is ahead; wait, or use another queue").wrong


def test_others_are_ahead_by_a_service_that_gives_no_snapshot(watch: Watch, faults: Faults) -> None:
    faults.fail("GetJobQueueSnapshot", 404, "UnknownOperation")
    others = [{"jobId": str(n), "jobName": "x", "createdAt": 1 if n < 10 else 4 * 10**12} for n in range(20)]
    faults.edit("ListJobs", lambda content: content["jobSummaryList"].extend(others))
    watch.submit(3)
    # One of ours that was not yet seen to wait may be taken for one of others.
    assert re.search(r": 1[0-2] jobs of others are ahead; ", watch.told("of others").reason)


def test_what_aws_says_is_told_once_for_all_jobs(watch: Watch, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance has what the job asks for"

    def blocked(content: dict[str, list[dict[str, object]]]) -> None:
        for detail in content["jobs"]:
            if detail["status"] == "RUNNABLE":
                detail["statusReason"] = said

    faults.edit("DescribeJobs", blocked)
    submit_and_know(watch, 30, monkeypatch)
    watch.told(f"AWS Batch says {said}; give the compute environment larger instance types")
    watch.open_gate()
    assert watch.until_all_ended(30) == []


@pytest.mark.parametrize("status", [403, 500, 429])
def test_calls_that_fail_mean_only_that_less_is_known(watch: Watch, faults: Faults, status: int) -> None:
    for call in CALLS:
        faults.fail(call, status, "AccessDeniedException", "not for you")
    watch.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")
    watch.submit(2)
    assert not watch.told("why is not known (DescribeJobQueues failed: not for you").wrong
    watch.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="ENABLED")
    watch.open_gate()
    assert watch.until_all_ended(2) == []


def test_a_service_that_does_not_answer_delays_nothing(watch: Watch, faults: Faults) -> None:
    asked, over = threading.Event(), threading.Event()

    def hang(_: Request, forward: Forward) -> Answer:
        asked.set()
        over.wait(TIMEOUT)
        return forward()

    faults.on("DescribeJobQueues", hang)
    watch.submit(3)
    assert asked.wait(TIMEOUT)
    watch.open_gate()
    try:
        assert watch.until_all_ended(3) == []
        watch.queue_watch.__exit__(None, None, None)
    finally:
        over.set()
