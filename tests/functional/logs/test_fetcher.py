"""The output of ended jobs: whole, however late its lines come, and a word where there is none."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws import rates
from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.events.events import Event, LogsWritten, StateChanged, WorkerFailed
from jobbag.events.observation import Attempt, LogPlace, Observation
from jobbag.jobs.monitor import Monitor
from jobbag.logs import delays, fetcher, part_files
from jobbag.logs.delays import Delays
from jobbag.logs.ending import ending_in_log
from jobbag.logs.fetcher import LogFetcher, delete_streams
from jobbag.logs.splitter import SEPARATOR
from unit.builders import ended, job

from ..fault_layer import Answer, Faults, Forward, Request, error

TIMEOUT = 60  # s; no test waits for it
END_MARK = "########################[AWS BATCH] END token 0 ########################"
PAGE = 3


class Service:
    """CloudWatch Logs whose lines can be read only a while after they were written."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[tuple[float, str, float]]] = {}  # visible from, text, delay
        self._lock = threading.Lock()

    def write(self, stream: str, *lines: str, delay: float = 0.0, group: str = "/aws/batch/job") -> None:
        """Lines that are written now and can be read `delay` seconds later."""
        with self._lock:
            found = self._lines.setdefault((group, stream), [])
            found += [(time.monotonic() + delay, line, delay) for line in lines]

    def answer(self, request: Request, _: Forward) -> Answer:
        """GetLogEvents and FilterLogEvents; the token is the number of events that were read."""
        body, together = request.body, request.operation == "FilterLogEvents"
        wanted = body["logStreamNames"] if together else [body["logStreamName"]]
        with self._lock:
            now = time.monotonic()
            found = [self._lines.get((body["logGroupName"], stream)) for stream in wanted]
        if None in found:
            return error("logs", 400, "ResourceNotFoundException", "The specified log stream does not exist.")
        events = [
            {
                "timestamp": 1_000,
                "ingestionTime": 1_000 + round(delay * 1000),
                "message": text,
                **({"logStreamName": stream} if together else {}),
            }
            for stream, lines in zip(wanted, found, strict=True)
            for visible, text, delay in lines or ()
            if visible <= now
        ]
        start = int(body.get("nextToken", "f/0")[2:])
        end = min(start + PAGE, len(events))
        if together:
            return Answer.of({"events": events[start:end], **({"nextToken": f"f/{end}"} if end < len(events) else {})})
        return Answer.of({"events": events[start:end], "nextForwardToken": f"f/{end}", "nextBackwardToken": "b/0"})


READ = ("GetLogEvents", "FilterLogEvents")


@pytest.fixture
def service(faults: Faults, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    """And everything that is waited for in seconds is waited for in hundredths."""
    monkeypatch.chdir(tmp_path)
    in_seconds = (
        "FIRST_SETTLE",
        "FIRST_LOOK",
        "FIRST_LOOK_FOR_MARK",
        "SHORTEST_SETTLE",
        "EMPTY_SETTLE",
        "MISSING_SETTLE",
    )
    for name in in_seconds:
        monkeypatch.setattr(delays, name, getattr(delays, name) / 100)
    monkeypatch.setattr(fetcher, "TICK", 0.02)
    monkeypatch.setattr(rates, "quota", lambda *_: None)  # this service has no limit
    service = Service()
    for operation in READ:
        faults.on(operation, service.answer)
    return service


class Fetching:
    """A log fetcher at work, and what it tells."""

    def __init__(self, fetcher: LogFetcher, events: queue.SimpleQueue[Event]) -> None:
        self.fetch, self._events = fetcher.fetch, events

    def written(self) -> LogsWritten:
        event = self._events.get(timeout=TIMEOUT)
        assert not isinstance(event, WorkerFailed), event.error
        assert isinstance(event, LogsWritten)
        return event

    def of(self, seen: Observation | None, reason: str | None = None, aws_id: str = "id-1") -> LogsWritten:
        self.fetch(job(), aws_id, seen, reason)
        return self.written()


class Places:
    """Files in a directory, for each job its own, or one for several."""

    def __init__(self, directory: Path = Path(), *, shares: bool = False, records: bool = True) -> None:
        self._directory, self._shares, self.records = directory, shares, records

    def paths(self, one: Job) -> tuple[Path, Path]:
        return self._directory / f"{one.name}.out", self._directory / f"{one.name}.err"

    def shared(self, one: Job) -> Path | None:
        return self._directory / f"{one.name}.jobs" if self._shares else None


@contextmanager
def fetching_from(cloud: Cloud, *, shares: bool = False, records: bool = True) -> Iterator[Fetching]:
    """A log fetcher at work, which tells nothing more than what the test takes."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with LogFetcher(cloud, Places(shares=shares, records=records), events.put, lambda *_: None) as fetcher:
        yield Fetching(fetcher, events)
    assert events.empty()


@pytest.fixture
def fetching(cloud: Cloud, service: Service) -> Iterator[Fetching]:
    del service
    with fetching_from(cloud) as fetching:
        yield fetching


def out(name: str = "one") -> list[str]:
    """The job's stdout, without the record that must end it."""
    *lines, record = Path(f"{name}.out").read_text().splitlines()
    assert record.startswith("[cluster-task id=")
    return lines


def err(name: str = "one") -> list[str]:
    return Path(f"{name}.err").read_text().splitlines()


def seen(stream: str | None = "s", status: str = "SUCCEEDED", **place: Any) -> Observation:
    return ended(status, 0, log=LogPlace(stream, **place))


def test_stdout_and_stderr_of_a_job(fetching: Fetching, service: Service) -> None:
    service.write("s", "out 1", "", "out 2", SEPARATOR, "err 1", "err 2", "größe")
    written = fetching.of(seen())
    assert (out(), err()) == (["out 1", "", "out 2"], ["err 1", "err 2", "größe"])
    assert (written.note, written.tail) == (None, ("err 1", "err 2", "größe"))
    assert Path("one.out").read_text().count("[cluster-task") == 1


@pytest.mark.parametrize("count", [1, PAGE, PAGE + 1, 10 * PAGE])
def test_all_pages_of_a_stream(count: int, fetching: Fetching, service: Service) -> None:
    lines = [f"line {number}" for number in range(count)]
    service.write("s", *lines)
    fetching.of(seen())
    assert out() == lines


def test_lines_that_come_late_are_waited_for_once_a_delay_is_known(fetching: Fetching, service: Service) -> None:
    """The first lines tell that the end may take a while, too."""
    service.write("s", "early", delay=0.08)
    service.write("s", "late", SEPARATOR, "later", delay=0.15)
    fetching.of(seen())
    assert (out(), err()) == (["early", "late"], ["later"])


def test_a_stream_that_is_empty_at_first_is_read_again(fetching: Fetching, service: Service) -> None:
    service.write("s", "late", delay=0.08)  # later than the first reading
    written = fetching.of(seen())
    assert (out(), written.note) == (["late"], None)


def test_a_stream_that_appears_late_is_read(fetching: Fetching, service: Service, faults: Faults) -> None:
    fetching.fetch(job(), "id-1", seen())
    while not any(map(faults.count, READ)):
        threading.Event().wait(0.005)
    service.write("s", "at last")
    written = fetching.written()
    assert (out(), written.note) == (["at last"], None)


def test_a_job_that_wrote_nothing_has_a_record_and_no_note(fetching: Fetching, service: Service) -> None:
    service.write("s")
    written = fetching.of(seen())
    assert (out(), err(), written.note, written.tail) == ([], [], None, ())


def test_a_log_with_an_end_mark_is_not_waited_for(
    fetching: Fetching, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute is the longest wait for others, once a line came late."""
    service.write("a", "out", f"{SEPARATOR}#", "err", END_MARK, delay=0.04)
    service.write("b", "out", END_MARK)
    monkeypatch.setattr(Delays, "settle", lambda _, lines=None, **__: 0.05 if lines is None else 3600)
    first, second = jobs_named("a", "b")
    for one in (first, second):
        fetching.fetch(one, "id", seen(one.name), token="token")
        assert fetching.written().whole
    assert (out("a"), err("a"), out("b"), err("b")) == (["out"], ["err"], ["out"], [])


@pytest.mark.parametrize("token", [None, "another"])
def test_the_end_mark_of_another_job_ends_no_log(
    token: str | None, fetching: Fetching, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Delays, "settle", lambda _, lines=None, **__: 0.3 if lines else 0.05)
    service.write("s", "out", END_MARK)
    service.write("s", "late", delay=0.15)
    fetching.fetch(job(), "id", seen(), token=token)
    assert fetching.written().whole
    assert out() == ["out", END_MARK, "late"]


@pytest.mark.usefixtures("pauses")
def test_an_earlier_attempt_whose_log_is_refused_or_not_there_is_told(
    fetching: Fetching, service: Service, faults: Faults
) -> None:
    def answer(request: Request, forward: Forward) -> Answer:
        if "refused" in (request.body.get("logStreamName"), *request.body.get("logStreamNames", ())):
            return error("logs", 403, "AccessDeniedException", "not for you")
        return service.answer(request, forward)

    service.write("last", "at last")
    faults.forget()
    for operation in READ:
        faults.on(operation, answer)
    written = fetching.of(ended(log=LogPlace("last"), attempts=(Attempt("gone"), Attempt("refused"), Attempt("last"))))
    assert out() == ["at last"]
    (told,) = err()
    assert "no log of attempt 1" in told
    assert "the log of attempt 2 could not be fetched" in told
    assert not written.whole


def fetch_all(fetching: Fetching, jobs: list[Job], **place: Any) -> dict[str, LogsWritten]:
    """Fetch the logs of jobs whose streams have their names."""
    for one in jobs:
        fetching.fetch(one, f"id {one.number}", seen(one.name, **place))
    found = [fetching.written() for _ in jobs]
    assert len({event.job.name for event in found}) == len(jobs)
    return {event.job.name: event for event in found}


def jobs_named(*names: str) -> list[Job]:
    return [job(number, name) for number, name in enumerate(names, 1)]


@pytest.mark.parametrize("shares", [True, False])
def test_what_is_told_to_be_written_is_on_disk(
    shares: bool, cloud: Cloud, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is synced before it gets its name, and the directory after that."""
    steps: list[str] = []
    monkeypatch.setattr(part_files, "sync", lambda path: steps.append(f"sync {path}"))
    real = os.replace

    def rename(old: Path, new: Path) -> None:
        steps.append(f"rename {new}")
        real(old, new)

    monkeypatch.setattr(os, "replace", rename)
    jobs = jobs_named("a", "b")
    for one in jobs:
        service.write(one.name, "line")
    with fetching_from(cloud, shares=shares) as fetching:
        found = fetch_all(fetching, jobs)
    for event in found.values():
        for path in {event.out, event.err}:
            synced, renamed = steps.index(f"sync {path}.part"), steps.index(f"rename {path}")
            assert synced < renamed < len(steps) - 1 - steps[::-1].index("sync .")
        if not event.share:
            assert event.sizes == (event.out.stat().st_size, event.err.stat().st_size)


def test_without_records_stdout_is_what_the_job_has_printed(cloud: Cloud, service: Service) -> None:
    service.write("s", "a,b", "1,2", SEPARATOR, "err")
    with fetching_from(cloud, records=False) as fetching:
        written = fetching.of(seen())
        assert (Path("one.out").read_text(), Path("one.err").read_text()) == ("a,b\n1,2\n", "err\n")
        assert written.sizes == (8, 4)
        fetching.of(None, "it was not run")
        assert Path("one.out").read_text() == ""
        assert err() == ["[pegasus-aws-batch] job one: it was not run"]


def test_many_jobs_have_each_their_own_lines(fetching: Fetching, service: Service, faults: Faults) -> None:
    jobs = jobs_named(*(f"job {number}" for number in range(60)))
    for one in jobs:
        lines = [f"{one.name} {line}" for line in range(one.number % 5)]
        service.write(one.name, *lines, SEPARATOR, f"{one.name} err", delay=one.number % 4 / 50)
    fetch_all(fetching, jobs)
    for one in jobs:
        assert out(one.name) == [f"{one.name} {line}" for line in range(one.number % 5)]
        assert err(one.name) == [f"{one.name} err"]
    assert faults.count("FilterLogEvents") > 0
    for request in faults.requests:
        assert len(request.body.get("logStreamNames", ())) <= 100


def test_a_stream_that_is_missing_does_not_hide_those_that_it_was_asked_for_with(
    fetching: Fetching, service: Service
) -> None:
    jobs = jobs_named(*"abcdefgh")
    for one in jobs:
        if one.name not in "cg":
            service.write(one.name, f"line of {one.name}")
    found = fetch_all(fetching, jobs)
    for one in jobs:
        assert out(one.name) == ([] if one.name in "cg" else [f"line of {one.name}"])
        assert (found[one.name].note is not None) == (one.name in "cg")


def test_a_large_log_among_small_ones_is_whole(
    fetching: Fetching, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "LARGE", 100)
    jobs = jobs_named("a", "large", "b", "larger")
    for one in jobs:
        count = 30 if "large" in one.name else 2
        service.write(one.name, *(f"{one.name} {line:09}" for line in range(count)))
    fetch_all(fetching, jobs)
    for one in jobs:
        count = 30 if "large" in one.name else 2
        assert out(one.name) == [f"{one.name} {line:09}" for line in range(count)]


def test_jobs_without_a_log_stand_among_those_with_one(fetching: Fetching, service: Service) -> None:
    with_log, without = jobs_named("with", "without")
    service.write("with", "line")
    fetching.fetch(without, "id", seen(None, driver="splunk"))
    fetching.fetch(with_log, "id", seen("with"))
    found = {event.job.name: event.note for event in (fetching.written(), fetching.written())}
    assert found["with"] is None
    assert "splunk" in str(found["without"])
    assert out("with") == ["line"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files cannot be counted here")
def test_many_logs_at_once_need_few_open_files(
    fetching: Fetching, service: Service, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may usually have 1024."""
    monkeypatch.setattr(delays, "FIRST_SETTLE", 1.1)  # so that no log is read too early
    jobs = jobs_named(*(f"job {number}" for number in range(6 * 100)))
    for one in jobs:
        service.write(one.name, "line")
    all_read = threading.Barrier(fetcher.READERS)
    most = 0

    def count(request: Request, forward: Forward) -> Answer:
        nonlocal most
        with suppress(threading.BrokenBarrierError):
            all_read.wait(timeout=1)
        most = max(most, len(os.listdir("/proc/self/fd")))
        return service.answer(request, forward)

    faults.forget()
    for operation in READ:
        faults.on(operation, count)
    before = len(os.listdir("/proc/self/fd"))
    fetch_all(fetching, jobs)
    assert most - before < 500


def test_a_slow_service_does_no_harm_to_logs_that_are_read_again(
    cloud: Cloud, service: Service, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its answer comes they are due again at once, and another reader takes them."""
    monkeypatch.setattr(fetcher, "TICK", 0.0)
    jobs = jobs_named(*(f"job {number}" for number in range(100)))
    for one in jobs:
        service.write(one.name, "line")
    began = time.monotonic()

    def slowly(request: Request, forward: Forward) -> Answer:
        answer = service.answer(request, forward)
        threading.Event().wait(began + 1.2 - time.monotonic())
        return answer

    faults.forget()
    for operation in READ:
        faults.on(operation, slowly)
    with fetching_from(cloud) as fetching:
        fetch_all(fetching, jobs)
    assert [out(one.name) for one in jobs] == [["line"]] * len(jobs)


@pytest.mark.usefixtures("pauses")
def test_a_refused_reading_of_many_leaves_a_note_in_each(fetching: Fetching, faults: Faults) -> None:
    faults.forget()
    for operation in READ:
        faults.fail(operation, 403, "AccessDeniedException", "not for you")
    found = fetch_all(fetching, jobs_named(*"abc"))
    for name, event in found.items():
        assert "not for you" in err(name)[0]
        assert not event.whole


@pytest.mark.usefixtures("pauses")
def test_logs_whose_common_listing_leads_nowhere_are_read_one_by_one(
    fetching: Fetching, service: Service, faults: Faults
) -> None:
    jobs = jobs_named(*"abc")
    for name in "abc":
        service.write(name, f"of {name}")
    faults.forget()
    faults.on("FilterLogEvents", lambda *_: Answer.of({"events": [], "nextToken": "again"}))
    faults.on("GetLogEvents", service.answer)
    found = fetch_all(fetching, jobs)
    assert {name: out(name) for name in found} == {name: [f"of {name}"] for name in "abc"}
    assert all(event.whole for event in found.values())


def test_a_log_is_read_in_its_own_group(fetching: Fetching, service: Service) -> None:
    service.write("s", "wrong")
    service.write("s", "right", group="/mine")
    fetching.of(seen(group="/mine"))
    assert out() == ["right"]


def test_the_logs_of_earlier_attempts_are_kept_beside_it(fetching: Fetching, service: Service) -> None:
    service.write("s1", "first try", SEPARATOR, "oh")
    service.write("s3", "third try")
    service.write("s4", "at last")
    attempts = tuple(Attempt(stream) for stream in ("s1", None, "s3", "s4"))
    fetching.of(ended(log=LogPlace("s4"), attempts=attempts))
    assert (out(), err()) == (["at last"], [])
    assert (Path("one.out.1").read_text(), Path("one.err.1").read_text()) == ("first try\n", "oh\n")
    assert Path("one.out.3").read_text() == "third try\n"
    assert not Path("one.out.2").exists()


def test_each_container_has_its_part_of_the_files_below_its_name(fetching: Fetching, service: Service) -> None:
    service.write("main", "hello", SEPARATOR, "oh")
    service.write("side", "beside")
    service.write("main1", "first try")
    service.write("side1", SEPARATOR, "first oh")
    log, *more = (LogPlace(name, source=f"container {name}") for name in ("main", "side"))
    attempts = (Attempt("main1", more=("side1",)), Attempt("main", more=("side",)))
    written = fetching.of(ended(log=log, more_logs=tuple(more), attempts=attempts))
    heading = "[pegasus-aws-batch] container {}:"
    assert out() == [heading.format("main"), "hello", heading.format("side"), "beside"]
    assert err() == [heading.format("main"), "oh"]
    assert (written.lines, written.tail, written.whole) == (4, ("oh",), True)
    assert Path("one.out.1").read_text().splitlines() == [heading.format("main"), "first try"]
    assert Path("one.err.1").read_text().splitlines() == [heading.format("side"), "first oh"]


def test_a_container_of_several_without_a_log_is_told_of(fetching: Fetching, service: Service) -> None:
    service.write("main", "hello")
    places = (
        LogPlace("gone", source="node 1"),
        LogPlace(None, source="node 2"),
        LogPlace("s", driver="splunk", source="container x"),
    )
    written = fetching.of(ended(log=LogPlace("main", source="node 0"), more_logs=places, status_reason="r"))
    assert out() == ["[pegasus-aws-batch] node 0:", "hello"]
    note = written.note or ""
    assert "node 1: no log: CloudWatch Logs has no stream gone" in note
    assert "node 2: no log: its container never started (r)" in note
    assert "container x: its log is not in CloudWatch Logs: the log driver is splunk" in note


# -- a word where there is no log


@pytest.mark.parametrize(
    ("observation", "reason", "said"),
    [
        (seen("nowhere"), None, "no stream nowhere in the group /aws/batch/job"),
        (seen("s", driver="splunk"), None, "the log driver is splunk"),
        (seen(None, driver="EKS"), None, "AWS Batch leaves what pods on EKS print in their cluster"),
        (seen(None, driver="json-file"), None, "the log driver is json-file"),
        (
            ended("FAILED", None, log=LogPlace(None), container_reason="CannotPullContainerError"),
            None,
            "never started (CannotPullContainerError)",
        ),
        (ended("FAILED", None, log=LogPlace(None), status_reason="gone"), None, "never started (gone)"),
        (None, "it was not submitted: no such queue", "it was not submitted: no such queue"),
    ],
)
def test_a_note_says_why_there_is_no_log(
    observation: Observation | None, reason: str | None, said: str, fetching: Fetching
) -> None:
    written = fetching.of(observation, reason)
    (line,) = err()
    assert line.startswith("[pegasus-aws-batch] job one: ")
    assert said in line
    assert written.note is not None
    assert out() == []


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDeniedException"), (400, "InvalidParameterException")])
def test_a_log_that_cannot_be_read_leaves_a_note(
    status: int, code: str, cloud: Cloud, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(delays, "FIRST_SETTLE", 0.0)
    for operation in READ:
        faults.fail(operation, status, code, "not for you")
    with fetching_from(cloud) as fetching:
        written = fetching.of(seen())
    assert written.note is not None
    assert "not for you" in err()[0]
    assert out() == []


@pytest.mark.usefixtures("pauses")
def test_a_throttled_reading_loses_and_doubles_no_line(fetching: Fetching, service: Service, faults: Faults) -> None:
    lines = [f"line {number}" for number in range(10)]
    service.write("s", *lines)
    answers = iter([False, True, False, False, True, False])

    def flaky(request: Request, forward: Forward) -> Answer:
        if next(answers, False):
            return error("logs", 400, "ThrottlingException", "Rate exceeded")
        return service.answer(request, forward)

    faults.forget()
    for operation in READ:
        faults.on(operation, flaky)
    fetching.of(seen())
    assert out() == lines


def test_files_appear_whole(fetching: Fetching, service: Service, faults: Faults) -> None:
    """A reader never sees half of a file; an earlier run's stays until then."""
    Path("one.out").write_text("old")
    held: list[str] = []

    def look(request: Request, forward: Forward) -> Answer:
        held.append(Path("one.out").read_text())
        return service.answer(request, forward)

    faults.forget()
    for operation in READ:
        faults.on(operation, look)
    service.write("s", *map(str, range(10)))
    fetching.of(seen())
    assert {*held} == {"old"}
    assert out() == [str(number) for number in range(10)]
    assert sorted(path.name for path in Path().iterdir()) == ["one.err", "one.out"]


def test_small_logs_that_are_read_together_share_a_file(
    cloud: Cloud, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_files, "IN_MEMORY", 1000)
    jobs = jobs_named("first", "second", "large", "last")
    for one in jobs:
        service.write(one.name, f"{one.name} out", SEPARATOR, f"{one.name} err")
    service.write("large", *("x" * 99 for _ in range(20)))
    ended = time.monotonic() + 0.3  # so that all are due at the same time
    with fetching_from(cloud, shares=True) as fetching:
        for one in jobs:
            fetching.fetch(one, "id", seen(one.name), ended=ended)
        found = {event.job.name: event for event in (fetching.written() for _ in jobs)}
    assert (found["large"].out, found["large"].share) == (Path("large.out"), None)
    assert len(err("large")) == 21
    for name in ("first", "second", "last"):
        event = found[name]
        assert event.out == event.err
        assert event.share is not None
        content = event.out.read_bytes()[event.share.start :]
        lines, errors = content[: event.share.out].decode(), content[event.share.out :][: event.share.err].decode()
        assert lines.startswith(f"{name} out\n[cluster-task")
        assert errors == f"{name} err\n"
    assert {path.name for path in Path().iterdir()} == {"first.jobs", "large.out", "large.err"}


def test_files_that_cannot_be_written_end_the_run(cloud: Cloud, service: Service) -> None:
    service.write("s", "x")
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with LogFetcher(cloud, Places(Path("no/dir")), events.put, lambda *_: None) as fetcher:
        fetcher.fetch(job(), "id", seen())
        failed = events.get(timeout=TIMEOUT)
    assert isinstance(failed, WorkerFailed)
    assert "no/dir" in str(failed.error)


# -- the real stream of a real job, and its end


def test_the_log_of_a_real_job(
    ready: Cloud,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    wait: Callable[[str], Observation],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(delays, "FIRST_SETTLE", 0.0)
    monkeypatch.setattr(delays, "SHORTEST_SETTLE", 0.0)
    script = f"echo 1; echo; echo 2; echo '{SEPARATOR}'; echo 3"
    made = ready.call(
        "batch", "SubmitJob", jobName="x", jobQueue="q", jobDefinition="d",
        containerOverrides={"command": ["sh", "-c", script]},
    )  # fmt: skip
    observation = wait(made["jobId"])
    with fetching_from(ready) as fetching:
        fetching.of(observation, aws_id=made["jobId"])
    assert (out(), err()) == (["1", "", "2"], ["3"])
    delete_streams(ready, [observation.log])
    assert ready.call("logs", "DescribeLogStreams", logGroupName="/aws/batch/job")["logStreams"] == []
    delete_streams(ready, [observation.log])  # gone already is fine
    assert "log stream" not in caplog.text


@pytest.fixture
def wait(ready: Cloud) -> Callable[[str], Observation]:
    """Waits for a job to end; what is seen of it then."""

    def do(aws_id: str) -> Observation:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        with Monitor(ready, events.put, lambda *_: None, ending_in_log) as watching:
            watching.watch(aws_id, job())
            while True:
                event = events.get(timeout=TIMEOUT)
                assert isinstance(event, StateChanged)
                if event.observation.ended:
                    return event.observation

    return do
