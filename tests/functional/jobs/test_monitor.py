"""Following jobs: each state once, none forgotten, none waited for without end."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Container, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.events.events import Event, Lost, StateChanged, WorkerFailed
from jobbag.events.observation import LogPlace, Observation, now_ms
from jobbag.jobs import monitor, poll_schedule
from jobbag.jobs.monitor import Monitor
from jobbag.logs.ending import ending_in_log
from unit.builders import job

from ..fault_layer import Answer, Faults, Forward, Request, error

TIMEOUT = 60  # s; no test waits for it


class Service:
    """Answers DescribeJobs: a job is in the next state of its list each time that it is asked for."""

    def __init__(self) -> None:
        self.states: dict[str, Iterator[str | None]] = {}  # None: it is missing
        self.nodes: dict[str, Iterator[str | None]] = {}  # the same of nodes, which nobody watches
        self.asked: list[list[str]] = []

    def __call__(self, request: Request, _: Forward) -> Answer:
        ids = request.body["jobs"]
        self.asked.append(ids)
        found = [(one, next({**self.states, **self.nodes}[one])) for one in reversed(ids)]  # in no certain order
        return Answer.of({"jobs": [detail(one, status, self.nodes) for one, status in found if status]})


def detail(aws_id: str, status: str, nodes: Container[str] = ()) -> dict[str, Any]:
    """`nodes`: the ids of those of jobs of two nodes."""
    shown: dict[str, Any] = {"jobName": "x", "jobQueue": "q", "jobDefinition": "d", "startedAt": 1, "status": status}
    _, is_node, index = aws_id.partition("#")
    if is_node:
        shown |= {"nodeDetails": {"nodeIndex": int(index), "isMainNode": index == "0"}}
        shown |= {"container": {"logStreamName": aws_id}}
    elif f"{aws_id}#0" in nodes:
        ranges = [{"targetNodes": "0:"}]
        shown |= {"nodeProperties": {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": ranges}}
    return {"jobId": aws_id, **shown}


def then(*states: str | None) -> Iterator[str | None]:
    yield from states
    while True:
        yield states[-1]


@pytest.fixture
def service(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(monitor, "TICK", 0.01)
    monkeypatch.setattr(monitor, "CALLS_PER_SECOND", 1000.0)
    monkeypatch.setattr(poll_schedule, "FIRST", 0.01)
    monkeypatch.setattr(poll_schedule, "LONGEST", 0.05)
    service = Service()
    faults.on("DescribeJobs", service)
    return service


Follow = Callable[[dict[str, Iterator[str | None]]], list[Event]]


@pytest.fixture
def follow(cloud: Cloud, service: Service) -> Follow:
    """Follows jobs by id until each has ended or is lost; the events."""

    def do(states: dict[str, Iterator[str | None]]) -> list[Event]:
        service.states = states
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        found: list[Event] = []
        open_jobs = len(states)
        with Monitor(cloud, events.put, lambda *_: None, ending_in_log) as watching:
            for number, aws_id in enumerate(states, 1):
                watching.watch(aws_id, job(number, f"job {aws_id}"))
            while open_jobs:
                found.append(events.get(timeout=TIMEOUT))
                last = found[-1]
                assert not isinstance(last, WorkerFailed), last.error
                open_jobs -= isinstance(last, Lost) or (isinstance(last, StateChanged) and last.observation.ended)
        assert events.empty()
        return found

    return do


def states_of(events: list[Event], aws_id: str) -> list[str]:
    return [event.observation.status for event in events if isinstance(event, StateChanged) and event.aws_id == aws_id]


def test_each_state_is_told_once_and_of_the_right_job(follow: Follow) -> None:
    events = follow(
        {
            "a": then("SUBMITTED", "RUNNABLE", "RUNNABLE", "STARTING", "RUNNING", "RUNNING", "SUCCEEDED"),
            "b": then("PENDING", "PENDING", "FAILED"),
            "c": then("SUCCEEDED"),
        }
    )
    assert states_of(events, "a") == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    assert states_of(events, "b") == ["PENDING", "FAILED"]
    assert states_of(events, "c") == ["SUCCEEDED"]
    assert all(event.job.name == f"job {event.aws_id}" for event in events if isinstance(event, StateChanged))


def test_no_call_asks_for_more_than_100_jobs_and_none_for_an_ended_one(follow: Follow, service: Service) -> None:
    events = follow({str(number): then("RUNNING", "SUCCEEDED") for number in range(230)})
    assert len(events) == 2 * 230
    assert max(map(len, service.asked)) == 100
    assert min(map(len, service.asked)) > 0  # an empty list would mean all jobs
    asked = [one for ids in service.asked for one in ids]
    assert all(asked.count(str(number)) == 2 for number in range(230))


def test_when_a_job_ended_is_told_by_when_one_was_sent(cloud: Cloud) -> None:
    monitor = Monitor(cloud, lambda _: None, lambda *_: None, ending_in_log)
    now = time.monotonic()
    assert monitor.here(None) is None
    assert monitor.here(1_000_000, now - 20) == pytest.approx(now - 20)
    assert monitor.here(1_015_000) == pytest.approx(now - 5)
    assert monitor.here(1_000_000, now) == pytest.approx(now - 20), "an answer that took longer tells less"


def test_a_job_that_is_missing_for_a_while_is_found_later(follow: Follow) -> None:
    events = follow({"a": then(None, "RUNNING", None, None, "RUNNING", "SUCCEEDED"), "b": then("SUCCEEDED")})
    assert states_of(events, "a") == ["RUNNING", "SUCCEEDED"]


def test_a_multi_node_job_is_over_when_all_its_nodes_are(follow: Follow, service: Service) -> None:
    service.nodes = {"a#0": then("RUNNING", "SUCCEEDED"), "a#1": then("RUNNING", None, "FAILED")}
    events = follow({"a": then("RUNNING", "SUCCEEDED")})
    running, over = (event.observation for event in events if isinstance(event, StateChanged))
    assert [place.stream for place in running.logs] == ["a#0"]
    assert [place.stream for place in over.logs] == ["a#0", "a#1"]
    of_nodes = [ids for ids in service.asked if "a" not in ids]
    assert of_nodes == [["a#0"], *[["a#0", "a#1"]] * 3]  # until none is missing, and none goes on


def test_a_job_that_stays_missing_is_given_up(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "MISSING", 0.1)
    events = follow({"a": then("RUNNING", None), "b": then("SUCCEEDED")})
    (lost,) = [event for event in events if isinstance(event, Lost)]
    assert (lost.aws_id, lost.job.name) == ("a", "job a")
    assert "a" in str(lost.error)


def test_a_job_of_long_ago_is_given_up_soon(ready: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "FORGOTTEN", 0.1)
    faults.on("DescribeJobs", lambda *_: Answer.of({"jobs": []}))
    emitted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Monitor(ready, emitted.put, lambda *_: None, ending_in_log) as watching:
        watching.watch("a", job(1, "old"), Observation("RUNNING", created=now_ms() - 25 * 3600 * 1000))
        watching.watch("b", job(2, "young"), Observation("RUNNING", created=now_ms()))
        lost = emitted.get(timeout=20)
    assert isinstance(lost, Lost)
    assert lost.job.name == "old"
    assert emitted.empty()


@pytest.mark.parametrize(
    ("message", "state"),
    [
        ("########################[AWS BATCH] END token:3 0 ########################", "SUCCEEDED"),
        ("last\n########################[AWS BATCH] END token:3 7 ########################\n", "FAILED"),
        ("########################[AWS BATCH] END token:4 0 ########################", None),
        ("it still ran here", None),
        ("", None),  # no such stream
    ],
)
def test_how_a_forgotten_job_ended_is_in_its_log(
    ready: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch, message: str, state: str | None
) -> None:
    def log(request: Request, _: Forward) -> Answer:
        assert request.body["logStreamName"] == "d/default/1"
        page = request.body.get("nextToken", "b/0")
        if not message:
            return error("logs", 400, "ResourceNotFoundException", "The specified log stream does not exist.")
        events = [{"timestamp": 5000, "ingestionTime": 5001, "message": message}] if page == "b/1" else []
        return Answer.of({"events": events, "nextForwardToken": "f/0", "nextBackwardToken": "b/1"})

    monkeypatch.setattr(monitor, "FORGOTTEN", 0.1)
    faults.on("DescribeJobs", lambda *_: Answer.of({"jobs": []}), 100)
    faults.on("GetLogEvents", log, 100)
    seen = Observation("RUNNING", log=LogPlace("d/default/1"), created=now_ms() - 25 * 3600 * 1000, started=1000)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Monitor(ready, events.put, lambda *_: None, ending_in_log) as watching:
        watching.watch("array:3", job(1, "old"), seen, "token:3")
        found = events.get(timeout=20)
    if state is None:
        assert isinstance(found, Lost)
    else:
        assert isinstance(found, StateChanged)
        assert (found.observation.status, found.observation.exit_code) == (state, 0 if state == "SUCCEEDED" else 7)
        assert (found.observation.started, found.observation.stopped) == (1000, 5000)


def test_only_a_job_that_is_missing_all_the_while_is_given_up(
    follow: Follow, service: Service, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0  # s

    def answer(request: Request, forward: Forward) -> Answer:
        nonlocal passed
        passed += 100
        return service(request, forward)

    faults.forget()
    faults.on("DescribeJobs", answer)
    monkeypatch.setattr(monitor, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    gap = [None] * (int(monitor.MISSING) // 100)
    assert states_of(follow({"a": then(*gap, "RUNNING", *gap, "SUCCEEDED")}), "a") == ["RUNNING", "SUCCEEDED"]


@pytest.mark.usefixtures("pauses")
def test_a_service_that_is_down_for_a_while_does_no_harm(follow: Follow, service: Service, faults: Faults) -> None:
    faults.forget()
    faults.throttle("DescribeJobs", 2)
    faults.fail("DescribeJobs", 500, "ServerException", times=2)
    faults.reset("DescribeJobs", 2)
    faults.on("DescribeJobs", service)
    assert states_of(follow({"a": then("RUNNING", "SUCCEEDED")}), "a") == ["RUNNING", "SUCCEEDED"]
    assert faults.count("DescribeJobs") == 8


def test_an_answer_for_good_ends_the_run(cloud: Cloud, faults: Faults) -> None:
    faults.fail("DescribeJobs", 403, "AccessDeniedException", "not for you")
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Monitor(cloud, events.put, lambda *_: None, ending_in_log) as watching:
        watching.watch("a", job())
        failed = events.get(timeout=TIMEOUT)
    assert isinstance(failed, WorkerFailed)
    assert "not for you" in str(failed.error)


def test_a_real_job_is_followed_to_its_end(ready: Cloud) -> None:
    overrides = {"command": ["sh", "-c", "exit 3"]}
    made = ready.call("batch", "SubmitJob", jobName="x", jobQueue="q", jobDefinition="d", containerOverrides=overrides)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Monitor(ready, events.put, lambda *_: None, ending_in_log) as watching:
        watching.watch(made["jobId"], job())
        while True:
            event = events.get(timeout=TIMEOUT)
            assert isinstance(event, StateChanged)
            if event.observation.ended:
                break
    seen = event.observation
    assert (seen.status, seen.exit_code, seen.earlier_logs) == ("FAILED", 3, ())
    assert [(one.exit_code, one.stream) for one in seen.attempts] == [(3, seen.log.stream)]
    assert seen.log.stream is not None
    assert seen.started is not None
    assert seen.stopped is not None
    assert seen.stopped >= seen.started
