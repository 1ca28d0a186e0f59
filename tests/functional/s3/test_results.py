"""Results of jobs on their way home."""

from __future__ import annotations

import queue
import random
import re
import resource
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.clients import s3_of
from jobbag.aws import client
from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.events.events import Event, WorkerFailed
from jobbag.events.observation import now_ms
from jobbag.events.results import ResultFailed, ResultFetched, ResultsFound, ResultsHome, ResultStays
from jobbag.s3 import downloads
from jobbag.s3 import results as module
from jobbag.s3.downloads import PARTS_AT_ONCE, QUICK
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import Encryption, S3Place
from jobbag.s3.result_files import ResultFiles
from jobbag.s3.results import Results

from ..fault_layer import Answer, Faults, Forward, Request, error

BUCKET = "the-bucket"
PLACE = S3Place(BUCKET, "some/dir/", own=False)
TIMEOUT = 60  # s; no test waits for it


def job(number: int, name: str, outputs: tuple[str, ...] = ()) -> Job:
    return Job(number, name, "x", (), {}, (), {}, Path("bag.in"), launcher=bool(outputs), outputs=outputs)


def bag(*jobs: Job) -> Bag:
    return Bag(jobs, ())


TWO = bag(job(1, "one", outputs=("x",)), job(2, "two", outputs=("x",)))
OVER: dict[str, int | None] = {"one": None, "two": None}


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def put(cloud: Cloud) -> Callable[..., None]:
    """Puts results into the bucket."""
    client = s3_of(cloud)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region})

    def do(name: str, content: bytes = b"content", **more: Any) -> None:
        client.put_object(Bucket=BUCKET, Key=f"some/dir/results/{name}", Body=content, **more)

    return do


class Collector:
    """The worker, and what it told."""

    def __init__(self, results: Results, events: queue.SimpleQueue[Event]) -> None:
        self.results = results
        self._events = events
        self.counts: dict[str, int] = {}  # of results by the names of jobs, as far as these were told at the end

    def next(self, *kinds: type[Event]) -> Event:
        while not isinstance(event := self._events.get(timeout=TIMEOUT), kinds):
            assert not isinstance(event, WorkerFailed), event.error
        return event

    def finish(self, over: dict[str, int | None] = OVER) -> list[Event]:
        """All that is told of single results until the end."""
        self.results.finish(over)
        found: list[Event] = []
        while not isinstance(event := self._events.get(timeout=TIMEOUT), ResultsHome):
            assert not isinstance(event, WorkerFailed), event.error
            if isinstance(event, ResultsFound):
                self.counts[event.job.name] = event.files
            else:
                found.append(event)
        return found


@pytest.fixture
def collecting(cloud: Cloud) -> Callable[..., Any]:
    @contextmanager
    def collect(of: Bag = TWO, known: Mapping[str, str] | None = None) -> Any:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        with Results(cloud, PLACE, of, ResultFiles(Path("home"), of), events.put, InFlight(16), known or {}) as results:
            yield Collector(results, events)

    return collect


def files() -> dict[str, bytes]:
    return {str(path.relative_to("home")): path.read_bytes() for path in Path("home").rglob("*") if path.is_file()}


def assert_comes_home(content: bytes, collecting: Callable[..., Any]) -> None:
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert files() == {"one/a": content}


def test_all_of_the_jobs_of_the_bag_come_home(put: Callable[..., None], collecting: Callable[..., Any]) -> None:
    large = bytes(range(256)) * (QUICK // 128)
    for name, content in (("one/a, b.txt", b"1"), ("one/plots/x.png", b""), ("two/large", large)):
        put(name, content)
    for name in ("three/of-another-bag", "one/", "two/plots/"):
        put(name, b"")
    with collecting() as collector:
        told = collector.finish()
    assert files() == {"one/a, b.txt": b"1", "one/plots/x.png": b"", "two/large": large}
    assert {(one.job.name, str(one.path), one.size) for one in told} == {
        ("one", "home/one/a, b.txt", 1), ("one", "home/one/plots/x.png", 0), ("two", "home/two/large", len(large)),
    }  # fmt: skip
    assert collector.counts == {"one": 2, "two": 1}
    assert not Path("home/.incoming").exists()


def test_a_disk_that_gets_full_leaves_no_half_of_a_file(
    put: Callable[..., None], collecting: Callable[..., Any]
) -> None:
    put("one/a", bytes(QUICK // 2))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk: what has room is written, and only the next write is an error.
    resource.setrlimit(resource.RLIMIT_FSIZE, (QUICK // 4, before[1]))
    try:
        with collecting() as collector, pytest.raises(AssertionError, match="File too large"):
            collector.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files() == {}


@pytest.mark.parametrize("size", [10, QUICK + 1])
def test_directories_that_are_removed_meanwhile_are_made_again(
    size: int, put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    """As by another run with the same results, which has ended."""

    def remove(_: Request, forward: Forward) -> Answer:
        shutil.rmtree("home", ignore_errors=True)
        return forward()

    content = b"x" * size
    put("one/plots/a", content)
    faults.on("GetObject" if size < QUICK else "HeadObject", remove, times=1)
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert files() == {"one/plots/a": content}


def test_those_of_a_job_come_when_it_has_ended_and_none_twice(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BETWEEN", 0.0)
    put("one/a")
    put("two/b")
    with collecting() as collector:
        collector.results.fetch(TWO.jobs[0], None)
        assert collector.next(ResultFetched).key == "some/dir/results/one/a"
        assert [one.key for one in collector.finish()] == ["some/dir/results/two/b"]
    assert faults.count("GetObject") == 2


def test_what_an_earlier_start_has_fetched_is_left_alone(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/a")
    with collecting() as collector:
        first = collector.finish()
    with collecting(known={one.key: one.etag for one in first}) as collector:
        assert collector.finish() == []
        assert faults.count("GetObject") == 1
    put("one/a", b"changed")
    with collecting(known={one.key: one.etag for one in first}) as collector:
        assert len(collector.finish()) == 1
    assert files() == {"one/a": b"changed"}


def test_what_was_there_long_before_the_job_is_not_its_own(
    put: Callable[..., None], collecting: Callable[..., Any]
) -> None:
    put("one/old")
    put("two/new")
    with collecting() as collector:
        collector.finish({"one": now_ms() + 3_600_000, "two": now_ms()})
    assert files() == {"two/new": b"content"}


def test_a_bag_without_outputs_costs_one_listing(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/by-itself")
    plain = bag(job(1, "one"))
    with collecting(plain) as collector:
        before = len(faults.requests)
        collector.results.fetch(plain.jobs[0], None)
        told = collector.finish({"one": None})
    assert len(told) == 1
    assert [one.operation for one in faults.requests[before:]] == ["ListObjectsV2", "GetObject"]


PART, PARTS_OF_MANY = 600_000, 20_000  # bytes


@pytest.fixture
def large(put: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The result of a job that comes in four parts."""
    monkeypatch.setattr(downloads, "PART_SIZE", PART)
    content = random.Random(1).randbytes(3 * PART + 17)
    put("one/a", content)
    return content


def test_a_large_one_comes_in_parts_each_of_which_may_fail(
    large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    faults.fail("GetObject", 503, "SlowDown", times=2)
    assert_comes_home(large, collecting)
    assert faults.count("GetObject") == 6


def test_a_large_one_that_is_replaced_while_it_comes_is_fetched_again(
    large: bytes, put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    other = large[::-1]

    def replace(_: Request, forward: Forward) -> Answer:
        put("one/a", other)
        return forward()

    faults.on("GetObject", replace, times=1)
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert files() == {"one/a": other}


@pytest.mark.parametrize("words", ["", "<Error><Code>InvalidRange</Code></Error>"])
def test_servers_say_in_other_words_that_it_was_replaced(
    words: str, large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    faults.on("GetObject", lambda *_: Answer.of_xml(words, "416 Error" if words else "412 Error"), times=1)
    assert_comes_home(large, collecting)


def test_a_server_that_does_not_heed_if_match(large: bytes, collecting: Callable[..., Any], faults: Faults) -> None:
    """Of two objects none has the content of both, even where no checksum shows it."""

    def other(_: Request, forward: Forward) -> Answer:
        answer = forward()
        headers = [(name, '"other"' if name.lower() == "etag" else value) for name, value in answer.headers]
        return Answer(answer.status, headers, b"?" + answer.body[1:])

    def unverified(_: Request, forward: Forward) -> Answer:
        answer = forward()
        headers = [("x-amz-server-side-encryption", "aws:kms"), ("Content-Length", str(len(large)))]
        own = [(name, value) for name, value in answer.headers if not name.lower().startswith("x-amz-checksum")]
        return Answer(answer.status, [*own, *headers])

    faults.on("HeadObject", unverified)
    faults.on("GetObject", other, times=1)
    assert_comes_home(large, collecting)


@pytest.mark.parametrize("size", [10, 3 * PART])
def test_a_page_to_log_in_is_no_result(
    size: int, put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    """Web servers give their pages ETags, too."""
    page = Answer("200 OK", [("Content-Type", "text/html"), ("ETag", '"5d-1"')], b"<!doctype html><html>Please log in")
    content = b"x" * size
    put("one/a", content)
    faults.on("GetObject", lambda *_: page, times=1)
    faults.on("HeadObject", lambda *_: page, times=1)
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert files() == {"one/a": content}


@pytest.mark.usefixtures("large", "pauses")
def test_an_object_without_an_etag_is_a_failure_of_its_own(
    collecting: Callable[..., Any], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNFIT", 0.0)
    faults.on("HeadObject", lambda *_: Answer("200 OK", [("Content-Length", str(4 * PART))]))
    with collecting() as collector:
        (told,) = collector.finish()
    assert isinstance(told, ResultFailed)
    assert "has no ETag" in str(told.error)


@pytest.mark.usefixtures("large")
def test_a_server_that_gives_other_bytes_than_were_asked_for(collecting: Callable[..., Any], faults: Faults) -> None:
    def short(_: Request, forward: Forward) -> Answer:
        answer = forward()
        headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
        return Answer(answer.status, [*headers, ("Content-Length", "3")], answer.body[:3])

    faults.on("GetObject", short)
    with collecting() as collector:
        (told,) = collector.finish()
    assert isinstance(told, ResultFailed)
    assert "were asked for, and 3 came" in str(told.error)
    assert files() == {}


def says_of_ranges(faults: Faults, size: int, words: str | None) -> None:
    """Let the server say that of ranges, of an object of that size."""

    def head(_: Request, forward: Forward) -> Answer:
        answer = forward()
        headers = [(name, value) for name, value in answer.headers if name.lower() != "accept-ranges"]
        more = [("Content-Length", str(size)), *([("Accept-Ranges", words)] if words else [])]
        return Answer(answer.status, [*headers, *more])

    faults.on("HeadObject", head)


def knows_no_ranges(faults: Faults, content: bytes) -> None:
    def get(_: Request, forward: Forward) -> Answer:
        headers = [(name, value) for name, value in forward().headers if name.lower() != "content-range"]
        return Answer("200 OK", headers, content)

    faults.on("GetObject", get)


@pytest.mark.parametrize("head", [None, "none"])
def test_a_server_that_knows_no_ranges_sends_all_at_once(
    head: str | None, large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    says_of_ranges(faults, len(large), head)
    knows_no_ranges(faults, large)
    assert_comes_home(large, collecting)
    assert faults.count("GetObject") == 1


def test_a_server_that_says_that_it_knows_ranges_and_does_not(
    collecting: Callable[..., Any], faults: Faults, large: bytes
) -> None:
    says_of_ranges(faults, len(large), "bytes")
    knows_no_ranges(faults, large)
    with collecting() as collector:
        (told,) = collector.finish()
    assert isinstance(told, ResultFailed)
    assert "were asked for, and" in str(told.error)
    assert files() == {}


def test_a_server_that_does_not_say_that_it_knows_ranges(
    large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    says_of_ranges(faults, len(large), None)
    assert_comes_home(large, collecting)
    assert faults.count("GetObject") == 4


def test_a_range_that_was_not_asked_for_is_not_taken(
    large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    """Not even where no checksum would show it."""

    def other(_: Request, forward: Forward) -> Answer:
        answer = forward()
        headers = [(name, value) for name, value in answer.headers if name.lower() != "content-range"]
        return Answer(answer.status, [*headers, ("Content-Range", f"bytes 5-{PART + 4}/{len(large)}")], answer.body)

    faults.on("GetObject", other, times=1)
    assert_comes_home(large, collecting)


def test_a_server_may_give_parts_with_another_status(
    large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    """As rclone does."""

    def get(_: Request, forward: Forward) -> Answer:
        answer = forward()
        return Answer("200 OK", answer.headers, answer.body)

    faults.on("GetObject", get)
    assert_comes_home(large, collecting)
    assert faults.count("GetObject") == 4


def test_a_part_that_breaks_off_comes_again(large: bytes, collecting: Callable[..., Any], faults: Faults) -> None:
    def cut(_: Request, forward: Forward) -> Answer:
        answer = forward()
        return Answer(answer.status, answer.headers, answer.body[: PART // 3])

    faults.on("GetObject", cut, times=2)
    assert_comes_home(large, collecting)


def test_a_disk_that_gets_full_ends_a_large_one_at_once(
    large: bytes, collecting: Callable[..., Any], faults: Faults
) -> None:
    """It is no trouble of the network, for which one would try again."""
    del large
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PART // 2, before[1]))
    try:
        with collecting() as collector, pytest.raises(AssertionError, match="File too large"):
            collector.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert faults.count("GetObject") <= 4
    assert files() == {}


@pytest.mark.parametrize("checksum", [{}, {"ChecksumAlgorithm": "CRC32"}, {"ChecksumAlgorithm": "SHA256"}])
@pytest.mark.parametrize("size", [10, QUICK + 1])
def test_a_content_that_is_broken_on_the_way_is_fetched_again(
    size: int, checksum: Mapping[str, str], put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    def spoil(_: Request, forward: Forward) -> Answer:
        answer = forward()
        return Answer(answer.status, answer.headers, b"?" + answer.body[1:])

    content = b"x" * size
    put("one/a", content, **checksum)
    faults.on("GetObject", spoil, times=1)
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert files() == {"one/a": content}
    faults.on("GetObject", spoil)
    put("one/b", content, **checksum)
    with collecting() as collector:
        told = [one for one in collector.finish() if isinstance(one, ResultFailed)]
    assert "some/dir/results/one/" in str(told[0].error)
    assert "checksum" in str(told[0].error)
    assert files() == {"one/a": content}, "what was whole stays, and what is not is not there"


def test_keys_that_no_file_can_have_stay_and_are_told_once(
    put: Callable[..., None], collecting: Callable[..., Any]
) -> None:
    put("one/../../evil")
    put("one/a//b")
    put("one/good")
    with collecting() as collector:
        told = collector.finish()
    stay = [one for one in told if isinstance(one, ResultStays)]
    assert {one.key for one in stay} <= {"some/dir/results/one/../../evil", "some/dir/results/one/a//b"}
    assert stay
    assert files() == {"one/good": b"content"}
    with collecting(known={one.key: one.etag for one in told}) as collector:
        assert collector.finish() == []


def test_a_refusal_is_told_and_of_many_only_some(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    for number in range(15):
        put(f"one/{number}")
    faults.fail("GetObject", 403, "AccessDenied", "not yours")
    with collecting() as collector:
        told = [str(one.error) for one in collector.finish()]
    assert len(told) == 11
    assert "result s3://the-bucket/some/dir/results/one/" in told[0]
    assert "not yours" in told[0]
    assert "5 more results" in told[-1]


@pytest.mark.parametrize(("outputs", "told"), [(("x",), True), ((), False)])
def test_a_listing_that_is_refused_is_an_error_where_results_are_expected(
    outputs: tuple[str, ...], told: bool, put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/a")
    faults.fail("ListObjectsV2", 403, "AccessDenied")
    with collecting(bag(job(1, "one", outputs=outputs))) as collector:
        assert [type(one) for one in collector.finish({"one": None})] == ([ResultFailed] if told else [])


def test_without_the_bucket_there_are_none(cloud: Cloud, collecting: Callable[..., Any]) -> None:
    del cloud
    with collecting() as collector:
        assert collector.finish() == []


def test_one_that_is_deleted_meanwhile_is_no_error(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/a")
    faults.on("GetObject", lambda request, _: error(request.service, 404, "NoSuchKey", "gone"))
    with collecting() as collector:
        assert collector.finish() == []


def test_leaving_gives_up_what_is_under_way(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/a")
    asked = threading.Event()

    def hang(_: Request, __: Forward) -> Answer:
        asked.set()
        return error("s3", 500, "InternalError", "try again")

    faults.on("GetObject", hang)
    with collecting() as collector:
        collector.results.finish(OVER)
        assert asked.wait(TIMEOUT)
    assert files() == {}


def test_leaving_asks_for_no_further_part_of_a_large_one(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "PART_SIZE", PARTS_OF_MANY)
    put("one/a", bytes(100 * PARTS_OF_MANY))
    asked, left = threading.Event(), threading.Event()

    def wait(_: Request, forward: Forward) -> Answer:
        asked.set()
        left.wait(TIMEOUT)
        return forward()

    faults.on("GetObject", wait)
    with collecting() as collector:
        collector.results.finish(OVER)
        assert asked.wait(TIMEOUT)
        collector.results.stopped.set()
        left.set()
    assert faults.count("GetObject") <= PARTS_AT_ONCE
    assert files() == {}


def test_a_server_that_lists_etags_without_quotes(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    """As rclone does: each was asked for three times."""

    def strip(_: Request, forward: Forward) -> Answer:
        answer = forward()
        return Answer(answer.status, answer.headers, re.sub(rb"(<ETag>)\W+(\w+)\W+(</ETag>)", rb"\1\2\3", answer.body))

    put("one/a")
    faults.on("ListObjectsV2", strip)
    assert_comes_home(b"content", collecting)
    assert (faults.count("GetObject"), faults.count("HeadObject")) == (1, 0)


def test_encrypted_ones_are_verified_by_their_checksum(
    put: Callable[..., None], collecting: Callable[..., Any], faults: Faults
) -> None:
    put("one/a", ServerSideEncryption="aws:kms", ChecksumAlgorithm="SHA256", **Encryption().params)
    with collecting() as collector:
        assert [type(one) for one in collector.finish()] == [ResultFetched]
    assert faults.count("GetObject") == 1
