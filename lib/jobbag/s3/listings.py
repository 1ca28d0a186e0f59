"""What S3 lists of a bucket, page by page. Keys come as they are, whatever characters they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from jobbag.aws.client import Cloud
from jobbag.aws.paging import Advance

LISTED = ("Contents", "Versions", "DeleteMarkers", "Uploads")  # in a page of the listings


def keys(cloud: Cloud, bucket: str, prefix: str) -> Iterator[str]:
    """The keys below a prefix."""
    return (entry["Key"] for entry in objects(cloud, bucket, prefix))


def objects(cloud: Cloud, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects below a prefix, as a listing shows them."""
    for page in _pages(cloud, "ListObjectsV2", ("ContinuationToken",), Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def versions(cloud: Cloud, bucket: str) -> Iterator[dict[str, str]]:
    """All versions and delete markers of a bucket, which must all go before it can."""
    for page in _pages(cloud, "ListObjectVersions", ("KeyMarker", "VersionIdMarker"), Bucket=bucket):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def unfinished(cloud: Cloud, bucket: str, prefix: str, *, exactly: bool = False) -> Iterator[dict[str, Any]]:
    """The unfinished multipart uploads of keys with a prefix; `exactly`: of the key that it is."""
    markers = "KeyMarker", "UploadIdMarker"
    for page in _pages(cloud, "ListMultipartUploads", markers, Bucket=bucket, Prefix=prefix, EncodingType="url"):
        yield from (one for one in page.get("Uploads", ()) if one["Key"] == prefix or not exactly)


def _pages(cloud: Cloud, operation: str, markers: tuple[str, ...], **params: Any) -> Iterator[dict[str, Any]]:
    """The pages of a listing, whose answers name the next page in fields `Next...` for the `markers` of a request.

    A server that leads in a circle, as one does that heeds no markers, is not followed.
    """
    more: dict[str, str] = {}
    seen: set[tuple[str, ...]] = set()
    advance = Advance(operation)
    while tuple(more.values()) not in seen:
        seen.add(tuple(more.values()))
        page = cloud.call("s3", operation, **params, **more)
        if operation == "ListMultipartUploads" and page.get("EncodingType") == "url":  # of others, botocore decodes it
            _decode(page)
        yield page
        following = {marker: page[f"Next{marker}"] for marker in markers if page.get(f"Next{marker}")}
        if not page.get("IsTruncated") or not following:
            return
        if tuple(following.values()) not in seen:
            advance("/".join(following.values()), [page[name] for name in LISTED if page.get(name)])
        more = following


def _decode(page: dict[str, Any]) -> None:
    """Keys of any characters come as in a URL, as XML has not all of them."""
    for part in (page, *page.get("Uploads", ())):
        part |= {name: unquote_plus(part[name]) for name in ("Key", "NextKeyMarker") if part.get(name)}
