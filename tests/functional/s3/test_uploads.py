"""Files on their way to S3: each once, and only those that S3 does not hold already."""

from __future__ import annotations

import os
import queue
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.clients import s3_of
from helpers.waiting import wait_until
from jobbag.aws import client
from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag
from jobbag.events.events import Event, PartsAsked, PartsBegun, Staged, StagingBegun, StagingFailed, Uploading
from jobbag.s3 import sending, uploads
from jobbag.s3.contents import MANY, PART_SIZE, is_there
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import Encryption, S3Place
from jobbag.s3.uploads import Uploader

from ..fault_layer import Answer, Faults, Forward, Request

BUCKET = "the-bucket"
PLACE = S3Place(BUCKET, "some/dir/", own=False)
TIMEOUT = 60  # s; no test waits for it


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    """A client, and the bucket in place."""
    client = s3_of(cloud)
    where = {"LocationConstraint": cloud.region}
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    return client


Send = Callable[..., list[Event]]


@pytest.fixture
def send(cloud: Cloud, s3: Any) -> Send:
    """Sends files; the event of each, in the order of the files."""
    del s3

    def do(*items: str, bucket_is_new: bool = False) -> list[Event]:
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()

        def put(event: Event) -> None:
            if isinstance(event, (Staged, StagingFailed)):
                events.put(event)

        with Uploader(cloud, PLACE, Bag((), items), put, InFlight(16), bucket_is_new=bucket_is_new) as uploader:
            uploader.send(items)
            found = [events.get(timeout=TIMEOUT) for _ in items]
        assert events.empty()
        return sorted(found, key=lambda event: items.index(item_of(event)))

    return do


def item_of(event: Event) -> str:
    assert isinstance(event, (Staged, StagingFailed))
    return event.item


def sent(events: list[Event]) -> list[bool]:
    assert all(isinstance(event, Staged) for event in events)
    return [event.sent for event in events if isinstance(event, Staged)]


def failure(event: Event) -> str:
    assert isinstance(event, StagingFailed)
    return str(event.error)


def content(s3: Any, name: str) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=f"some/dir/{name}")["Body"].read())


def test_files_go_below_the_key_prefix_by_their_base_name(send: Send, s3: Any) -> None:
    Path("sub").mkdir()
    Path("sub/a.txt").write_bytes(b"a")
    Path("größe b").write_bytes(b"")
    events = send("sub/a.txt", "größe b")
    assert [(event.key, event.size) for event in events if isinstance(event, Staged)] == [
        ("some/dir/a.txt", 1),
        ("some/dir/größe b", 0),
    ]
    assert (content(s3, "a.txt"), content(s3, "größe b")) == (b"a", b"")


def test_of_larger_files_fewer_are_in_memory(send: Send, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of small ones a hundred may be under way at once."""
    monkeypatch.setattr(sending, "READ_WHOLE", 10)
    monkeypatch.setattr(sending, "PARTS_AT_ONCE", 2)
    put, lock, both = Cloud.put_object, threading.Lock(), threading.Barrier(2)
    under_way, most = [0], [0]

    def put_object(cloud: Cloud, bucket: str, key: str, content: bytes, **params: Any) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        try:
            both.wait(TIMEOUT)
            put(cloud, bucket, key, content, **params)
        finally:
            with lock:
                under_way[0] -= 1

    monkeypatch.setattr(Cloud, "put_object", put_object)
    names = [f"f{number}" for number in range(8)]
    for name in names:
        Path(name).write_bytes(b"more than that")
    assert sent(send(*names)) == [True] * 8
    assert most == [2]
    assert content(s3, "f7") == b"more than that"


SIZES = {"empty": 0, "small": 1000, "one part": PART_SIZE, "three parts": 2 * PART_SIZE + 1}


@pytest.mark.parametrize("size", SIZES)
def test_content_that_s3_holds_already_is_not_sent_again(size: str, send: Send, s3: Any, faults: Faults) -> None:
    body = bytes(range(250)) * (SIZES[size] // 250) + b"x" * (SIZES[size] % 250)
    Path("f").write_bytes(body)
    assert sent(send("f")) == [True]
    assert content(s3, "f") == body
    before = len(faults.requests)
    assert sent(send("f")) == [False]
    assert [request.operation for request in faults.requests[before:]] == ["HeadObject"]
    os.utime("f", (1, 1))  # the age says nothing
    assert sent(send("f")) == [False]
    if body:
        Path("f").write_bytes(body[:-1] + b"?")  # the same size is no proof
        assert sent(send("f")) == [True]
        assert content(s3, "f") == body[:-1] + b"?"


def test_what_others_sent_in_parts_of_another_size_is_sent_again(send: Send, s3: Any) -> None:
    body = os.urandom(PART_SIZE + 5 * 1024 * 1024)
    Path("f").write_bytes(body)
    upload = {"Bucket": BUCKET, "Key": "some/dir/f"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    edge = 6 * 1024 * 1024
    parts = [
        {"PartNumber": at, "ETag": s3.upload_part(**upload, PartNumber=at, Body=part)["ETag"]}
        for at, part in ((1, body[:edge]), (2, body[edge:]))
    ]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert sent(send("f")) == [True]
    assert sent(send("f")) == [False]


def test_files_of_one_key_go_up_once(send: Send, faults: Faults) -> None:
    Path("sub").mkdir()
    for name in ("f", "sub/f"):
        Path(name).write_bytes(b"same")
    assert sent(send("f", "sub/f", "./f")) == [True, False, False]
    assert faults.count("PutObject") == 1


def test_nothing_is_looked_for_in_a_new_bucket(send: Send, faults: Faults) -> None:
    Path("f").write_bytes(b"x")
    assert sent(send("f", bucket_is_new=True)) == [True]
    assert faults.count("HeadObject") == 0


def test_many_files_that_are_there_cost_one_listing(send: Send, faults: Faults) -> None:
    names = [f"f{number}" for number in range(MANY)]
    for name in names:
        Path(name).write_text(name)
    send(*names)
    Path("f1").write_text("xx")  # of the same size
    Path("f2").write_text("longer")
    before = len(faults.requests)
    assert [name for name, one in zip(names, sent(send(*names)), strict=True) if one] == ["f1", "f2"]
    asked = Counter(request.operation for request in faults.requests[before:])
    assert asked == {"ListObjectsV2": 1, "HeadObject": 1, "PutObject": 2}


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_s3_does_not_show_is_sent(status: int, send: Send, faults: Faults) -> None:
    Path("f").write_bytes(b"x")
    faults.fail("HeadObject", status, "", times=1)
    assert sent(send("f")) == [True]


@pytest.mark.parametrize("operation", ["HeadObject", "PutObject"])
def test_a_slow_down_of_s3_is_heeded(operation: str, send: Send, s3: Any, faults: Faults) -> None:
    Path("f").write_bytes(b"x")
    faults.fail(operation, 503, "SlowDown", times=1)
    assert sent(send("f")) == [True]
    assert content(s3, "f") == b"x"


def test_what_cannot_be_sent_is_told_and_the_rest_goes_up(send: Send, s3: Any, faults: Faults) -> None:
    Path("f").write_bytes(b"x")
    Path("g").write_bytes(b"x")
    gone, good = send("missing", "f")
    assert "missing" in failure(gone)
    assert sent([good]) == [True]
    assert content(s3, "f") == b"x"
    faults.fail("HeadObject", 400, "BadRequest", "no")
    assert "input file g" in failure(send("g")[0])


def test_s3_that_refuses_is_told_with_the_file(send: Send, faults: Faults) -> None:
    Path("f").write_bytes(b"x")
    faults.fail("PutObject", 403, "AccessDenied", "not for you")
    told = failure(send("f")[0])
    assert "input file f" in told
    assert "not for you" in told


def test_a_file_that_changes_while_it_is_sent_is_told(send: Send, faults: Faults) -> None:
    Path("f").write_bytes(b"before")

    def change(_: Request, forward: Forward) -> Answer:
        answer = forward()
        Path("f").write_bytes(b"and after")
        return answer

    faults.on("PutObject", change, times=1)
    told = failure(send("f")[0])
    assert "input file f" in told
    assert "changed" in told
    assert sent(send("f")) == [True]


@pytest.mark.usefixtures("s3")
def test_who_watches_is_told_how_much_there_is_and_how_much_is_sent(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that is sent again does not count twice."""
    monkeypatch.setattr(sending, "TOLD_EACH", 0.0)
    size = 2 * PART_SIZE + 1
    Path("large").write_bytes(bytes(size))
    Path("small").write_bytes(b"x")
    faults.fail("UploadPart", 500, "InternalError", times=1)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Uploader(
        cloud, PLACE, Bag((), ("large", "small", "missing")), events.put, InFlight(16), bucket_is_new=True
    ) as uploader:
        uploader.send(["large", "small", "missing"])
        found: list[Event] = []
        while sum(isinstance(event, (Staged, StagingFailed)) for event in found) < 3:
            found.append(events.get(timeout=TIMEOUT))
    assert [(event.files, event.size) for event in found if isinstance(event, StagingBegun)] == [(3, size + 1)]
    assert isinstance(found[0], StagingBegun)
    under_way = [(event.item, event.sent) for event in found if isinstance(event, Uploading)]
    assert {item for item, _ in under_way} == {"large"}
    assert len(under_way) > 10
    assert max(sent for _, sent in under_way) == under_way[-1][1] == size


def test_leaving_ends_the_transfers(cloud: Cloud, s3: Any, faults: Faults) -> None:
    del s3
    for number in range(40):
        Path(f"f{number}").write_bytes(b"x")
    faults.fail("ListObjectsV2", 403, "AccessDenied")  # so that each is asked for
    faults.fail("HeadObject", 500, "InternalError")  # and would be tried for long
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    items = tuple(f"f{number}" for number in range(40))
    with Uploader(cloud, PLACE, Bag((), items), events.put, InFlight(16), bucket_is_new=False) as uploader:
        uploader.send(items)
        wait_until(lambda: faults.count("HeadObject"), what="the first transfers")
    assert faults.count("PutObject") == 0


@pytest.mark.parametrize(("size", "operation"), [(1, "PutObject"), (PART_SIZE + 1, "UploadPart")])
def test_leaving_does_not_wait_for_s3_for_ever(
    size: int, operation: str, cloud: Cloud, s3: Any, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    del s3
    monkeypatch.setattr(uploads, "LEAVING", 0.05)
    Path("f").write_bytes(b"x" * size)
    hangs, go = threading.Event(), threading.Event()

    def act(_: Request, forward: Forward) -> Answer:
        hangs.set()
        go.wait()
        return forward()

    faults.on(operation, act)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    try:
        with Uploader(cloud, PLACE, Bag((), ("f",)), events.put, InFlight(16), bucket_is_new=False) as uploader:
            uploader.send(["f"])
            assert hangs.wait(TIMEOUT)
        told = [events.get() for _ in range(events.qsize())]
        assert not any(isinstance(event, (Staged, StagingFailed)) for event in told)
    finally:
        go.set()


# -- in parts


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The content of a file `f`, which goes up in three parts; but for S3's own rule they could be smaller."""
    content = os.urandom(2 * PART_SIZE + 1000)
    Path("f").write_bytes(content)
    monkeypatch.setattr(client, "OUTAGE", 60.0)
    monkeypatch.setattr(Cloud, "pause", lambda *_: None)
    return content


def told(cloud: Cloud, transfers: int = 16) -> list[Event]:
    """All events of sending `f`."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    found: list[Event] = []
    with Uploader(cloud, PLACE, Bag((), ("f",)), events.put, InFlight(transfers), bucket_is_new=True) as uploader:
        uploader.send(["f"])
        while not isinstance(event := events.get(timeout=TIMEOUT), (Staged, StagingFailed)):
            found.append(event)
    return [*found, event]


def unfinished(s3: Any) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


def test_what_is_begun_in_parts_is_told_before_and_after(parts: bytes, cloud: Cloud, s3: Any) -> None:
    asked, begun, staged = [event for event in told(cloud) if not isinstance(event, (StagingBegun, Uploading))]
    assert isinstance(asked, PartsAsked)
    assert isinstance(begun, PartsBegun)
    assert isinstance(staged, Staged)
    assert asked.key == begun.key == staged.key == "some/dir/f"
    assert content(s3, "f") == parts
    assert unfinished(s3) == []


def test_each_time_that_s3_is_asked_to_begin_is_told(parts: bytes, cloud: Cloud, s3: Any, faults: Faults) -> None:
    faults.fail("CreateMultipartUpload", 500, "InternalError", times=2)
    assert Counter(type(event) for event in told(cloud) if isinstance(event, (PartsAsked, PartsBegun))) == {
        PartsAsked: 3,
        PartsBegun: 1,
    }
    assert content(s3, "f") == parts


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
def test_an_answer_that_is_lost_costs_nothing(
    operation: str, parts: bytes, cloud: Cloud, s3: Any, faults: Faults
) -> None:
    faults.lose_answer(operation, 1)
    assert isinstance(told(cloud)[-1], Staged)
    assert content(s3, "f") == parts
    assert faults.count("CreateMultipartUpload") == 1
    assert unfinished(s3) == []


def test_a_part_that_s3_refuses_ends_the_upload(parts: bytes, cloud: Cloud, s3: Any, faults: Faults) -> None:
    del parts
    faults.fail("UploadPart", 403, "AccessDenied", "not for you")
    assert "input file f: UploadPart failed: not for you" in failure(told(cloud)[-1])
    assert unfinished(s3) == []


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (400, "RequestTimeout"), (400, "ExpiredToken")])
def test_a_part_is_sent_again_after_what_may_pass(
    status: int, code: str, parts: bytes, cloud: Cloud, s3: Any, faults: Faults
) -> None:
    faults.fail("UploadPart", status, code, times=3)
    assert isinstance(told(cloud)[-1], Staged)
    assert content(s3, "f") == parts


def test_a_part_goes_to_where_the_bucket_is(parts: bytes, cloud: Cloud, s3: Any, faults: Faults) -> None:
    """A redirection is for botocore to follow, which asks where to."""
    faults.on(
        "UploadPart",
        lambda *_: Answer.of_xml("<Error><Code>TemporaryRedirect</Code></Error>", "307 Elsewhere"),
        times=1,
    )
    assert isinstance(told(cloud)[-1], Staged)
    assert content(s3, "f") == parts


def test_parts_go_one_after_the_other_if_that_is_wanted(parts: bytes, cloud: Cloud, s3: Any, faults: Faults) -> None:
    del parts, s3
    lock = threading.Lock()

    def alone(_: Request, forward: Forward) -> Answer:
        assert lock.acquire(blocking=False)
        answer = forward()
        lock.release()
        return answer

    faults.on("UploadPart", alone)
    assert isinstance(told(cloud, transfers=1)[-1], Staged)


def test_a_file_that_gets_shorter_while_it_is_sent_is_told(parts: bytes, cloud: Cloud, s3: Any, faults: Faults) -> None:
    def cut(_: Request, forward: Forward) -> Answer:
        os.truncate("f", len(parts) - 1)
        return forward()

    faults.on("CreateMultipartUpload", cut)
    assert "input file f: upload failed: it changed while it was sent" in failure(told(cloud)[-1])
    assert unfinished(s3) == []


# -- encryption


@pytest.mark.parametrize("size", [10, PART_SIZE + 1])
@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        (Encryption("AES256"), {"ServerSideEncryption": "AES256"}),
        (Encryption("aws:kms", "alias/mine"), {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/mine"}),
    ],
)
def test_all_that_is_sent_says_how_it_is_to_be_encrypted(
    size: int, wanted: Encryption, shown: dict[str, str], cloud: Cloud, s3: Any
) -> None:
    Path("f").write_bytes(b"x" * size)
    place = replace(PLACE, encryption=wanted)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def put(event: Event) -> None:
        if isinstance(event, Staged):
            events.put(event)

    with Uploader(cloud, place, Bag((), ("f",)), put, InFlight(16), bucket_is_new=False) as uploader:
        uploader.send(["f"])
        events.get(timeout=TIMEOUT)
    head = s3.head_object(Bucket=BUCKET, Key="some/dir/f")
    assert shown.items() <= head.items()
    # moto keeps no checksum of a large file, and so no proof.
    assert is_there(cloud, place, "f", "some/dir/f") or size > PART_SIZE


def test_what_is_there_with_another_encryption_is_sent_again(cloud: Cloud, send: Send) -> None:
    Path("f").write_bytes(b"x")
    send("f")
    assert is_there(cloud, PLACE, "f", "some/dir/f")
    assert not is_there(cloud, replace(PLACE, encryption=Encryption("aws:kms")), "f", "some/dir/f")
