"""What running jobs write, as it comes from CloudWatch Logs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.waiting import wait_until
from jobbag.aws import rates
from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.events.events import Event, LogsWritten, OutputSeen, StateChanged, WorkerFailed
from jobbag.events.observation import LogPlace, Observation, now_ms
from jobbag.logs import delays, fetcher, follower
from jobbag.logs.fetcher import LogFetcher
from jobbag.logs.follower import Follower
from jobbag.logs.outputs import JobFiles
from unit.builders import ended, heard, job

from ..fault_layer import Answer, Faults, Forward, Request, error

TIMEOUT = 60  # s; no test waits for it
PAGE = 3


class Service:
    """CloudWatch Logs that shows what it is told to; every other page of FilterLogEvents is empty."""

    def __init__(self) -> None:
        self.began = now_ms()
        self._events: dict[str, list[tuple[int, int, str]]] = {}  # timestamp, ingestion time, text
        self._lock = threading.Lock()

    def stream(self, *names: str) -> None:
        """Make streams."""
        with self._lock:
            for name in names:
                self._events[name] = []

    def write(self, stream: str, *lines: str, age: int = 0) -> None:
        """Lines that can be read from now on, and that were written `age` ms ago."""
        with self._lock:
            came = now_ms()
            self._events[stream] += ((came - age, came, line) for line in lines)
            self._events[stream].sort(key=lambda event: event[:2])

    def answer(self, request: Request, _: Forward) -> Answer:
        """GetLogEvents and FilterLogEvents; the token is the number of events that were read."""
        body, together = request.body, request.operation == "FilterLogEvents"
        wanted = body["logStreamNames"] if together else [body["logStreamName"]]
        with self._lock:
            if not set(wanted) <= set(self._events):
                return error("logs", 400, "ResourceNotFoundException", "The specified log stream does not exist.")
            found = sorted(
                (at, came, name, line)
                for name in wanted
                for at, came, line in self._events[name]
                if at >= body.get("startTime", 0)
            )
        token = body.get("nextToken", "e/0")
        start = int(token[2:])
        events = [
            {"timestamp": at, "ingestionTime": came, "message": line, **({"logStreamName": name} if together else {})}
            for at, came, name, line in found[start : start + PAGE]
        ]
        end = start + len(events)
        if not together:
            return Answer.of({"events": events, "nextForwardToken": f"f/{end}", "nextBackwardToken": "b/0"})
        if token.startswith("e/"):
            return Answer.of({"events": [], "nextToken": f"f/{start}"})
        return Answer.of({"events": events, **({"nextToken": f"e/{end}"} if end < len(found) else {})})


READ = ("GetLogEvents", "FilterLogEvents")


@pytest.fixture
def service(faults: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    """And everything that is waited for is waited for in hundredths."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(follower, "EACH", 0.02)
    monkeypatch.setattr(follower, "SHARE", 10.0)
    monkeypatch.setattr(follower, "AGAIN", 0.05)
    for name in ("FIRST_SETTLE", "SHORTEST_SETTLE", "EMPTY_SETTLE", "MISSING_SETTLE"):
        monkeypatch.setattr(delays, name, getattr(delays, name) / 100)
    monkeypatch.setattr(fetcher, "TICK", 0.02)
    monkeypatch.setattr(rates, "quota", lambda *_: None)  # this service has no limit
    service = Service()
    for operation in READ:
        faults.on(operation, service.answer)
    return service


class Following:
    """A follower and a log fetcher at work, and what they tell."""

    def __init__(self, cloud: Cloud, wanted: Callable[[Job], bool] = lambda _: True) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.follower = Follower(cloud, self._events.put, wanted)
        self.fetcher = LogFetcher(cloud, JobFiles(), self._events.put, self.follower.reading)
        self.lines: dict[str, list[str]] = {}
        self.written: set[str] = set()

    def __enter__(self) -> Following:
        self.fetcher.__enter__()
        self.follower.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.__exit__(None, None, None)
        self.fetcher.__exit__(None, None, None)
        while not self._events.empty():
            self._take()

    def run(self, *jobs: Job) -> None:
        """They run, with streams of their names."""
        for one in jobs:
            seen = Observation("RUNNING", log=LogPlace(one.name), started=now_ms() - 1_000)
            self.follower(StateChanged(one, "id", seen))

    def end(self, *jobs: Job) -> None:
        """They end, and their logs are fetched."""
        for one in jobs:
            seen = ended(log=LogPlace(one.name))
            self.follower(StateChanged(one, "id", seen))
            self.fetcher.fetch(one, "id", seen)
        while not {one.name for one in jobs} <= self.written:
            self._take()

    def until(self, name: str, *lines: str) -> None:
        """Wait until these lines of a job were told."""
        while self.lines.get(name) != list(lines):
            assert len(self.lines.get(name, ())) <= len(lines), self.lines
            self._take()

    def _take(self) -> None:
        event = self._events.get(timeout=TIMEOUT)
        assert not isinstance(event, WorkerFailed), event.error
        self.follower(event)
        if isinstance(event, LogsWritten):
            self.written.add(event.job.name)
        if isinstance(event, OutputSeen):
            assert event.job.name not in self.written
            self.lines.setdefault(event.job.name, []).extend(event.lines)


@pytest.fixture
def following(cloud: Cloud, service: Service) -> Iterator[Following]:
    del service
    with Following(cloud) as following:
        yield following


def wait_for_calls(faults: Faults, number: int) -> None:
    """So many more readings."""
    goal = faults.count("FilterLogEvents") + number
    deadline = time.monotonic() + TIMEOUT
    while faults.count("FilterLogEvents") < goal:
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


A, B, C = job(1, "a"), job(2, "b"), job(3, "c")


def test_lines_are_told_while_the_job_runs_and_once(following: Following, service: Service, faults: Faults) -> None:
    service.stream("a")
    following.run(A)
    service.write("a", "one", "one", "two")
    following.until("a", "one", "one", "two")
    wait_for_calls(faults, 6)
    service.write("a", *map(str, range(3 * PAGE)))
    following.until("a", "one", "one", "two", *map(str, range(3 * PAGE)))
    following.end(A)
    assert following.lines == {"a": ["one", "one", "two", *map(str, range(3 * PAGE))]}
    since = [request.body["startTime"] for request in faults.requests if request.operation == "FilterLogEvents"]
    assert since == sorted(since)
    assert since[-1] > since[0]  # what is known is not read again


def test_a_line_that_comes_late_is_told_once(following: Following, service: Service, faults: Faults) -> None:
    service.stream("a")
    following.run(A)
    service.write("a", "first", age=300)
    service.write("a", "third")
    following.until("a", "first", "third")
    wait_for_calls(faults, 4)
    service.write("a", "second", age=200)
    following.until("a", "first", "third", "second")
    following.end(A)
    assert following.lines == {"a": ["first", "third", "second"]}


def test_what_is_left_when_the_job_ends_is_told_without_a_call_for_it(following: Following, service: Service) -> None:
    service.stream("a", "b")
    following.run(A)
    service.write("a", "early")
    following.until("a", "early")
    service.write("a", "very late", age=500)
    service.write("b", "too quick to be followed")
    service.write("a", "last")
    following.end(A, B)
    assert sorted(following.lines["a"]) == ["early", "last", "very late"]
    assert following.lines["b"] == ["too quick to be followed"]


def test_many_jobs_are_read_together_and_told_apart(following: Following, service: Service, faults: Faults) -> None:
    jobs = [job(number, f"job {number}") for number in range(1, 131)]
    service.stream(*(one.name for one in jobs))
    following.run(*jobs)
    for one in jobs:
        service.write(one.name, f"hello of {one.name}")
    for one in jobs:
        following.until(one.name, f"hello of {one.name}")
    sizes = {len(request.body.get("logStreamNames", ())) for request in faults.requests}
    assert max(sizes) == 100


def test_a_stream_that_is_not_there_yet_hides_no_other(following: Following, service: Service) -> None:
    service.stream("a", "c")
    following.run(A, B, C)
    service.write("a", "of a")
    service.write("c", "of c")
    following.until("a", "of a")
    following.until("c", "of c")
    service.stream("b")
    service.write("b", "of b")
    following.until("b", "of b")


def test_only_what_is_wanted_is_asked_for_and_told(cloud: Cloud, service: Service, faults: Faults) -> None:
    service.stream("a", "b")
    service.write("a", "of a")
    with Following(cloud, lambda one: one.name == "b") as following:
        following.run(A, B)
        service.write("b", "of b")
        following.until("b", "of b")
        assert all(request.body["logStreamNames"] == ["b"] for request in faults.requests)
        following.end(A, B)
    assert following.lines == {"b": ["of b"]}


def test_who_may_only_read_one_stream_with_a_call_sees_the_same(cloud: Cloud, service: Service, faults: Faults) -> None:
    service.stream("a", "b")
    service.write("a", "of a")
    faults.forget()
    faults.fail("FilterLogEvents", 403, "AccessDeniedException", "not for you")
    faults.on("GetLogEvents", service.answer)
    with Following(cloud) as following:
        following.run(A, B)
        following.until("a", "of a")
        service.write("b", "of b")
        following.until("b", "of b")
        following.end(A, B)
    assert following.lines == {"a": ["of a"], "b": ["of b"]}


def test_who_may_not_follow_is_told_so(cloud: Cloud, service: Service, faults: Faults) -> None:
    service.stream("a")
    service.write("a", "line")
    faults.forget()
    faults.fail("FilterLogEvents", 403, "AccessDeniedException", "not for you")
    faults.fail("GetLogEvents", 403, "AccessDeniedException", "nor this")
    with heard("jobbag.logs.follower") as said, Following(cloud) as following:
        following.run(A)
        wait_until(lambda: said, what="the warning")
        following.end(A)
    (warning,) = [line for line in said if line.startswith("WARNING")]
    assert "not for you" in warning


def test_it_keeps_to_its_share_of_the_calls(
    cloud: Cloud, service: Service, faults: Faults, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "SHARE", 0.01)
    monkeypatch.setattr(rates, "quota", lambda *_: 50.0)
    service.stream("a")
    with Following(cloud) as following:
        following.run(A)
        wait_for_calls(faults, 20)
    assert sum(pauses) >= 20 / 0.5
