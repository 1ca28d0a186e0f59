"""What a run made is removed at its end, by whichever start: that, and nothing else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from jobbag.aws.client import Cloud
from jobbag.entities.kinds import Plan
from jobbag.errors import AwsError, Cancelled, CleanupError, ToolError
from jobbag.events.consumers import replay
from jobbag.events.events import (
    Attached,
    Event,
    Made,
    Making,
    PartsAsked,
    PartsBegun,
    Removed,
    Removing,
    Staged,
    TakenDown,
    TakingDown,
)
from jobbag.run import cleanup
from jobbag.run.cleanup import BUCKET, Cleanup
from jobbag.run.task import TaskOnAws
from jobbag.s3.place import S3Place

from ..builders import bag, heard, job

OWN, NAMED = S3Place("own", "", own=True), S3Place("named", "dir/", own=False)
MAKING, MADE = Making(BUCKET, "own"), Made(BUCKET, "own", "arn:aws:s3:::own")
REFUSED = AwsError("CreateBucket", "AccessDenied", "no")


class FakeBucket:
    """The module s3.bucket; `done` is what it was told to do, `fails` the errors of its functions by name."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.is_new = True
        self.nameless: list[str] = []  # uploads in parts whose id no start knows
        self.left: list[str] = []

    def _do(self, what: str) -> None:
        self.done.append(what)
        error = self.fails.get(what.partition(" ")[0])
        if error is not None:
            raise error

    def create(self, _: object, name: str) -> bool:
        self._do(f"create {name}")
        return self.is_new

    def close(self, _: object, name: str) -> None:
        self._do(f"close {name}")

    def delete(self, _: object, name: str, keys: Any) -> None:
        self._do(f"delete {name} {sorted(keys)}")

    def take_down(self, _: object, place: S3Place, keys: Any) -> list[str]:
        self._do(f"take_down {place.bucket} {sorted(keys)}")
        return self.left

    def empty_uploads(self, _: object, name: str, key: str, after: int, before: int) -> list[str]:
        self._do(f"empty_uploads {name} {key} {after}-{before}")
        return self.nameless

    def abort_upload(self, _: object, name: str, key: str, upload_id: str) -> None:
        self._do(f"abort_upload {name} {key} {upload_id}")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> FakeBucket:
    fake = FakeBucket()
    monkeypatch.setattr(cleanup, "bucket", fake)
    return fake


class NoCloud:
    """AWS that is asked for nothing: the run has made no entity."""

    region = "us-west-2"


CLOUD = cast(Cloud, NoCloud())


def cleanup_of(place: S3Place = OWN, past: tuple[Event, ...] = (), notes: list[Event] | None = None) -> Cleanup:
    """That of a run with one input file, after what an earlier start did."""
    task = TaskOnAws(bag(job(inputs=("x/in.txt",))), Plan(None, None, None, place), place, CLOUD)
    found = Cleanup(task, (notes if notes is not None else []).append, "run")
    replay(past, found)
    return found


# -- the bucket


def test_a_bucket_of_the_run_is_journalled_before_it_is_made_and_goes_with_all_that_was_sent(s3: FakeBucket) -> None:
    notes: list[Event] = []
    found = cleanup_of(notes=notes)
    s3.fails["create"] = REFUSED  # to see what is known by then
    with pytest.raises(AwsError):
        found.make_bucket(is_there=False)
    assert [(type(one), one.name) for one in notes if isinstance(one, (Making, Made))] == [(Making, "own")]
    s3.fails.clear()
    found.make_bucket(is_there=False)
    assert isinstance(notes[-1], Made)
    assert found.bucket_is_new
    found(Staged("x/in.txt", "in.txt", 1, 1, True))
    found(Attached("array.manifest"))
    assert found.describe() == ["bucket own"]
    assert found.take_down(CLOUD) == []
    assert s3.done[-1] == "take_down own ['array.manifest', 'in.txt']"
    assert [type(note) for note in notes[-3:]] == [TakingDown, Removing, Removed]


def test_an_input_whose_upload_got_no_answer_goes_too(s3: FakeBucket) -> None:
    cleanup_of(past=(MAKING, MADE)).take_down(CLOUD)
    assert s3.done[-1] == "take_down own ['in.txt']"


@pytest.mark.parametrize("place", [OWN, NAMED])
def test_a_bucket_that_is_there_stays_as_it_is(s3: FakeBucket, place: S3Place) -> None:
    found = cleanup_of(place)
    found.make_bucket(is_there=True)
    found.take_down(CLOUD)
    assert s3.done == [f"delete {place.bucket} []"]
    assert (found.describe(), found.bucket_is_new) == ([], False)


def test_a_bucket_that_the_user_named_is_made_and_stays(s3: FakeBucket) -> None:
    found = cleanup_of(NAMED)
    found.make_bucket(is_there=False)
    found.take_down(CLOUD)
    assert s3.done == ["create named", "delete named []"]
    assert found.describe() == []


def test_a_bucket_that_another_client_made_meanwhile_stays(s3: FakeBucket) -> None:
    notes: list[Event] = []
    s3.is_new = False
    found = cleanup_of(notes=notes)
    found.make_bucket(is_there=False)
    found.take_down(CLOUD)
    assert not any("take_down" in one for one in s3.done)
    assert not any(isinstance(one, Made) for one in notes)


@pytest.mark.parametrize(("unsure", "doomed"), [(False, []), (True, ["bucket own"])])
def test_a_bucket_that_may_have_been_made_goes(s3: FakeBucket, unsure: bool, doomed: list[str]) -> None:
    s3.fails["create"] = AwsError("CreateBucket", "X", "no", unsure=unsure)
    found = cleanup_of()
    with pytest.raises(AwsError):
        found.make_bucket(is_there=False)
    assert found.describe() == doomed


@pytest.mark.parametrize(
    ("past", "ours"),
    [((), False), ((MAKING,), True), ((MAKING, MADE), True), ((MAKING, MADE, TakenDown()), False)],
    ids=["nothing", "perhaps", "made", "gone"],
)
def test_a_later_start_knows_whose_the_bucket_is(s3: FakeBucket, past: tuple[Event, ...], ours: bool) -> None:
    """One that was killed may have left it open to the public."""
    found = cleanup_of(past=past)
    found.make_bucket(is_there=True)
    assert (s3.done, found.describe()) == ((["close own"], ["bucket own"]) if ours else ([], []))


def test_what_went_with_the_last_clean_up_is_not_removed_again(s3: FakeBucket) -> None:
    cleanup_of(past=(Attached("old"), Staged("f", "f", 1, 1, True), TakenDown(), MAKING, MADE)).take_down(CLOUD)
    assert s3.done == ["take_down own ['in.txt']"]


def test_results_of_jobs_stay_and_are_named(s3: FakeBucket) -> None:
    s3.left = ["result.txt", "more.txt"]
    with heard("jobbag.run.cleanup") as said:
        assert cleanup_of(past=(MAKING, MADE)).take_down(CLOUD) == []
    assert said == ["WARNING the bucket own stays, as jobs left results in it: result.txt, more.txt"]


def test_what_cannot_be_removed_is_told_and_the_rest_goes(s3: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cleanup_of(past=(MAKING, MADE))

    def fail(_: object) -> None:
        raise CleanupError(["the queue stays", "the environment stays"])

    monkeypatch.setattr(found.creator, "take_down", fail)
    s3.fails = {"take_down": ToolError("the bucket stays")}
    told = found.take_down(CLOUD)
    assert told == ["the queue stays", "the environment stays", "the bucket stays"]


# -- uploads in parts

ASKED = PartsAsked("in.txt", at=5)
BEGUN = PartsBegun("in.txt", "u1")
SENT = Staged("x/in.txt", "in.txt", 1, 1, True)


@pytest.mark.parametrize(
    ("past", "done"),
    [
        ((ASKED, BEGUN), ["abort_upload own in.txt u1"]),
        ((ASKED,), ["empty_uploads own in.txt 5-5", "abort_upload own in.txt u9"]),
        ((ASKED, BEGUN, SENT), []),
        ((ASKED, BEGUN, TakenDown()), []),
        (
            (ASKED, PartsAsked("in.txt", at=9), BEGUN, SENT),
            ["empty_uploads own in.txt 5-9", "abort_upload own in.txt u1", "abort_upload own in.txt u9"],
        ),
    ],
    ids=["begun", "no answer", "sent", "removed", "one of two sent"],
)
def test_uploads_that_nobody_goes_on_with_are_given_up(
    s3: FakeBucket, past: tuple[Event, ...], done: list[str]
) -> None:
    s3.nameless = ["u9"]
    found = cleanup_of(past=past)
    assert found.abort_unfinished_uploads(CLOUD) == []
    assert s3.done == done
    assert found.abort_unfinished_uploads(CLOUD) == []
    assert s3.done == done, "once"


def test_an_upload_for_which_there_is_no_time_is_told_and_tried_again(s3: FakeBucket) -> None:
    found = cleanup_of(past=(ASKED, BEGUN, PartsAsked("other"), PartsBegun("other", "u2")))
    s3.fails["abort_upload"] = Cancelled("the time is over")
    assert found.abort_unfinished_uploads(CLOUD) == [
        "an unfinished upload of in.txt stays: the time is over",
        "an unfinished upload of other stays: the time is over",
    ]
    s3.fails.clear()
    assert found.abort_unfinished_uploads(CLOUD) == []
    assert s3.done[-2:] == ["abort_upload own in.txt u1", "abort_upload own other u2"]


def test_an_upload_that_s3_does_not_give_up_is_told_and_the_others_go(s3: FakeBucket) -> None:
    found = cleanup_of(past=(ASKED, PartsAsked("other"), PartsBegun("other", "u2")))
    s3.fails["empty_uploads"] = AwsError("ListMultipartUploads", "AccessDenied", "no")
    with heard("jobbag.run.cleanup") as said:
        assert found.abort_unfinished_uploads(CLOUD) == []
    assert said == [
        "WARNING an unfinished upload of in.txt may stay: ListMultipartUploads failed: no (AccessDenied)",
    ]
    assert s3.done[-1] == "abort_upload own other u2"
