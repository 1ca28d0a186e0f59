"""Local directories on their way to S3."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Any

import pytest

from helpers.clients import s3_of
from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Item, Job, list_key
from jobbag.events.events import Event, Staged, StagingBegun, StagingFailed
from jobbag.s3.contents import is_unchanged
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.s3.uploads import Uploader

from ..fault_layer import Faults

BUCKET = "the-bucket"
PLACE = S3Place(BUCKET, "run/", own=False)
TIMEOUT = 60  # s; no test waits for it
BAG = Bag((Job(1, "j", "x", (), {}, (), {}, Path("b"), launcher=True, items=(Item("in", "in"),)),), ("in/common",))


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in/a, b.txt", "in/sub/run.sh", "in/common"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    Path("in/sub/run.sh").chmod(0o755)
    Path("in/empty").mkdir()


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = s3_of(cloud)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": cloud.region})
    return client


def send(cloud: Cloud, *items: str) -> list[Event]:
    """All events until the directory is there, or not."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    found: list[Event] = []
    with Uploader(cloud, PLACE, BAG, events.put, InFlight(16), bucket_is_new=False) as uploader:
        uploader.send(items)
        while not any(getattr(event, "item", None) == "in" for event in found):
            found.append(events.get(timeout=TIMEOUT))
    return found


def text(s3: Any, key: str) -> str:
    return str(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


def test_each_file_goes_up_once_and_then_the_list(cloud: Cloud, s3: Any) -> None:
    told = send(cloud, "in/common", "in")
    keys = {path: PLACE.key(key) for path, key in BAG.files_of("in")}
    assert [(event.files, event.size) for event in told if isinstance(event, StagingBegun)] == [(4, 33)]
    assert [event.item for event in told if isinstance(event, Staged) and event.sent][-1] == "in"
    assert sorted(event.item for event in told if isinstance(event, Staged)) == ["in", *sorted(keys)]
    assert {path: text(s3, key) for path, key in keys.items()} == {path: path for path in keys}
    url = f"s3://{BUCKET}/"
    assert text(s3, PLACE.key(list_key("in"))) == (
        f"f {url}{keys['in/a, b.txt']}\na, b.txt\nf {url}run/common\ncommon\n"
        f"x {url}{keys['in/sub/run.sh']}\nsub/run.sh\nd \nempty\n"
    )


def test_only_what_has_changed_goes_up_again(cloud: Cloud, s3: Any, faults: Faults) -> None:
    del s3
    sent = {event.item: event for event in send(cloud, "in") if isinstance(event, Staged)}
    assert is_unchanged(sent["in"])
    before = faults.count("PutObject")
    Path("in/sub/run.sh").write_text("another")
    assert not is_unchanged(sent["in"])
    told = [event for event in send(cloud, "in") if isinstance(event, Staged)]
    assert [event.item for event in told if event.sent] == ["in/sub/run.sh", "in"]
    assert faults.count("PutObject") == before + 2


def test_a_file_that_cannot_be_sent_fails_the_directory_once(cloud: Cloud, s3: Any, faults: Faults) -> None:
    del s3
    faults.fail("PutObject", 403, "AccessDenied", "not yours")
    failed = [event for event in send(cloud, "in") if isinstance(event, StagingFailed)]
    assert [event.item for event in failed].count("in") == 1
    assert "not yours" in str(failed[-1].error)
