"""Listings of a bucket, page by page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, cast

import pytest

from jobbag.aws.client import Cloud
from jobbag.s3 import bucket
from jobbag.s3.place import S3Place

NAME = "the-bucket"
PLACE = S3Place(NAME, "", own=True)
BEGUN = datetime(2026, 1, 2, tzinfo=timezone.utc)
BEGUN_MS = int(BEGUN.timestamp() * 1000)
CALLS = 100  # more than any test needs


class FakeS3:
    """An S3 that lists unfinished uploads, a few at a time; or one that heeds no markers."""

    def __init__(self, uploads: list[tuple[str, str]], page: int, *, heeds_markers: bool = True) -> None:
        self.uploads, self.page, self.heeds_markers = sorted(uploads), page, heeds_markers
        self.with_parts: set[str] = set()
        self.when_paused: Callable[[], object] = lambda: None
        self.calls: list[str] = []

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.when_paused()

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        assert service == "s3"
        assert params["Bucket"] == NAME
        self.calls.append(operation)
        assert len(self.calls) < CALLS, "it never ends"
        if operation == "ListMultipartUploads":
            return self._listed(**params)
        if operation == "AbortMultipartUpload":
            self.uploads.remove((params["Key"], params["UploadId"]))
        if operation == "ListParts":
            return {"Parts": [{"PartNumber": 1}]} if params["UploadId"] in self.with_parts else {}
        return {}

    def _listed(
        self, *, Bucket: str, Prefix: str, EncodingType: str, KeyMarker: str = "", UploadIdMarker: str = ""
    ) -> dict[str, Any]:
        del Bucket, EncodingType  # it does not know that one
        after = (KeyMarker, UploadIdMarker) if self.heeds_markers else ("", "")
        left = [one for one in self.uploads if one[0].startswith(Prefix) and one > after]
        shown = left[: self.page]
        found: dict[str, Any] = {"Uploads": [{"Key": k, "UploadId": u, "Initiated": BEGUN} for k, u in shown]}
        if len(left) > len(shown):
            found |= {"IsTruncated": True, "NextKeyMarker": shown[-1][0], "NextUploadIdMarker": shown[-1][1]}
        return found

    @property
    def cloud(self) -> Cloud:
        return cast(Cloud, self)


UPLOADS = [(key, f"{key}-{number}") for key in ("a", "large", "large.2", "z") for number in range(3)]


@pytest.mark.parametrize("page", [1, 2, 5, 100])
def test_all_unfinished_uploads_are_given_up(page: int) -> None:
    s3 = FakeS3(UPLOADS, page)
    assert bucket.take_down(s3.cloud, PLACE, {"a", "large", "large.2", "z"}) == []
    assert s3.uploads == []
    assert s3.calls[-1] == "DeleteBucket"


@pytest.mark.parametrize("page", [1, 2, 5, 100])
def test_uploads_without_a_part_are_found_on_any_page(page: int) -> None:
    s3 = FakeS3(UPLOADS, page)
    s3.with_parts = {"large-1"}
    assert bucket.empty_uploads(s3.cloud, NAME, "large", BEGUN_MS, BEGUN_MS) == ["large-0", "large-2"]


@pytest.mark.parametrize("minutes", [-14, -5, 5, 14])
def test_an_upload_is_found_though_the_clocks_differ(minutes: int) -> None:
    s3 = FakeS3(UPLOADS, 100)
    asked = BEGUN_MS + minutes * 60_000
    assert bucket.empty_uploads(s3.cloud, NAME, "large", asked, asked) == ["large-0", "large-1", "large-2"]


def test_an_upload_of_another_that_goes_on_is_left() -> None:
    s3 = FakeS3(UPLOADS, 100)
    s3.when_paused = lambda: s3.with_parts.add("large-1")
    asked = BEGUN_MS + 5 * 60_000
    assert bucket.empty_uploads(s3.cloud, NAME, "large", asked, asked) == ["large-0", "large-2"]


@pytest.mark.parametrize("minutes", [-16, 16])
def test_clocks_that_differ_by_more_are_refused_by_aws(minutes: int) -> None:
    s3 = FakeS3(UPLOADS, 100)
    asked = BEGUN_MS + minutes * 60_000
    assert bucket.empty_uploads(s3.cloud, NAME, "large", asked, asked) == []


def test_a_server_that_heeds_no_markers_is_not_asked_for_ever() -> None:
    s3 = FakeS3(UPLOADS, 2, heeds_markers=False)
    assert set(bucket.empty_uploads(s3.cloud, NAME, "large", BEGUN_MS, BEGUN_MS)) == {"large-0", "large-1"}
    assert s3.calls.count("ListMultipartUploads") == 2
