"""The S3 bucket of a run: made if it is missing, emptied and deleted where that is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Set
from itertools import islice
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.paging import Advance
from jobbag.batches import batches
from jobbag.errors import AwsError, Cancelled, CleanupError
from jobbag.s3.place import S3Place

log = logging.getLogger(__name__)

LISTED = ("Contents", "Versions", "DeleteMarkers", "Uploads")  # in a page of the listings
KEYS_PER_CALL = 1000  # DeleteObjects
CLOCKS_DIFFER = 15 * 60_000  # ms; S3's and ours: if they differ by more, AWS refuses what we sign
CLOCKS_AGREE = 60_000  # ms
A_PART_LATER = 5.0  # s in which an upload that goes on has its first part
NOT_NEEDED = 15.0  # s for a call that a run can do without
WANTS_MD5 = ("MissingContentMD5", "InvalidRequest", "InvalidDigest")  # DeleteObjects, of servers for older clients
SHOWN = 10  # keys that a message names


def exists(cloud: Cloud, bucket: str) -> bool:
    """Whether the bucket exists. Raises AwsError when these credentials may not use it."""
    try:
        cloud.call("s3", "HeadBucket", Bucket=bucket)
    except AwsError as error:
        if error.code in ("404", "NoSuchBucket"):
            return False
        if error.code == "403":
            error = AwsError("HeadBucket", "403", "the bucket exists, and these credentials may not use it")
        raise error.about(f"bucket {bucket}") from None
    return True


def create(cloud: Cloud, bucket: str) -> bool:
    """Create the bucket, closed to the public. Whether this call did it, and not another client meanwhile.

    Raises AwsError; if that is `unsure`, the bucket may be there all the same.
    """
    where: dict[str, Any] = {}
    if cloud.region != "us-east-1":  # which is the default, and no word that CreateBucket accepts
        where = {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    log.info("creating the bucket %s", bucket)
    try:
        cloud.call("s3", "CreateBucket", Bucket=bucket, **where)
    except AwsError as error:
        if error.code == "BucketAlreadyExists":
            message = "another account has a bucket of this name; choose one with --s3, or another --prefix"
            error = AwsError(error.operation, error.code, message)
        if error.code != "BucketAlreadyOwnedByYou":
            raise error.about(f"bucket {bucket}") from None
        if not error.unsure:
            return False  # another client of the same workflow was quicker
    close(cloud, bucket)
    return True


def close(cloud: Cloud, bucket: str) -> None:
    """Block public access to the bucket."""
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    what = f"check that the bucket {bucket} is not public"
    try:
        with cloud.within(NOT_NEEDED) as hurried:
            hurried.call("s3", "PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=blocks)
    except AwsError as error:
        log.warning("%s; %s", error, what)
    except Cancelled:
        log.warning("PutPublicAccessBlock got no good answer in %.0f s; %s", NOT_NEEDED, what)


def remove(cloud: Cloud, place: S3Place) -> None:
    """Delete all objects below the key prefix; without one, the whole bucket. What is gone already is fine."""
    if not exists(cloud, place.bucket):
        log.info("the bucket %s is gone already", place.bucket)
        return
    if place.key_prefix:
        found = ({"Key": key} for key in keys(cloud, place.bucket, place.key_prefix))
        count = _delete_objects(cloud, place.bucket, found)
        log.info("deleted %d objects below %s", count, place.url)
        return
    count = _delete_versions(cloud, place.bucket)
    count += _delete_objects(cloud, place.bucket, ({"Key": key} for key in keys(cloud, place.bucket, "")))
    cloud.call("s3", "DeleteBucket", Bucket=place.bucket)
    log.info("deleted the bucket %s and the %d objects in it", place.bucket, count)


def take_down(cloud: Cloud, place: S3Place, uploaded: Set[str]) -> list[str]:
    """Delete the objects that the run sent, and its bucket if nothing else is in it. Raises AwsError or CleanupError.

    Returns the first keys of what is left there: results of jobs, which are never deleted, before what is another's.
    """
    bucket = place.bucket
    try:
        delete(cloud, bucket, uploaded)
        _abort_uploads(cloud, place, uploaded)
        left = _first_keys(cloud, place)
        if not left:
            cloud.call("s3", "DeleteBucket", Bucket=bucket)
            log.info("deleted the bucket %s", bucket)
        return left
    except AwsError as error:
        if error.code == "NoSuchBucket":  # deleted by a request that got no answer, or a start that was killed
            return []
        if error.code == "BucketNotEmpty":  # a job wrote to it just now
            return _first_keys(cloud, place)
        raise error.about(f"bucket {bucket}") from None


def _abort_uploads(cloud: Cloud, place: S3Place, uploaded: Set[str]) -> None:
    """Give up what a killed start has left unfinished. A server that does not list that may keep it."""
    try:
        for upload in _uploads(cloud, place.bucket, place.key_prefix):
            if upload["Key"] in uploaded:
                abort_upload(cloud, place.bucket, upload["Key"], upload["UploadId"])
    except AwsError as error:
        if not error.unsupported and error.code != "NoSuchUpload":  # which some say instead
            raise
        log.warning("unfinished uploads below %s may stay: %s", place.url, error)


def _first_keys(cloud: Cloud, place: S3Place) -> list[str]:
    """Some keys below the key prefix, or, if there are none, of the bucket."""
    found = (list(islice(keys(cloud, place.bucket, prefix), SHOWN)) for prefix in dict.fromkeys((place.key_prefix, "")))
    return next((some for some in found if some), [])


def delete(cloud: Cloud, bucket: str, doomed: Iterable[str]) -> None:
    """Delete the objects with these keys. Raises AwsError, or CleanupError with those that stayed."""
    try:
        _delete_objects(cloud, bucket, ({"Key": key} for key in doomed))
    except AwsError as error:
        if error.code != "NoSuchBucket":
            raise error.about(f"bucket {bucket}") from None


def empty_uploads(cloud: Cloud, bucket: str, key: str, after: int, before: int) -> list[str]:
    """The ids of the multipart uploads of a key that were begun between these times (ms) and have no part.

    These are the ones whose id never reached this machine. An upload of another client has a part soon.
    """

    def without_parts(ids: Iterable[str]) -> list[str]:
        answers = ((one, cloud.call("s3", "ListParts", Bucket=bucket, Key=key, UploadId=one)) for one in ids)
        return [one for one, answer in answers if not answer.get("Parts")]

    def begun(margin: int) -> list[str]:
        return [one for one, at in times.items() if after - margin <= at <= before + margin]

    times = {one["UploadId"]: one["Initiated"].timestamp() * 1000 for one in _uploads(cloud, bucket, key, exactly=True)}
    found = without_parts(begun(CLOCKS_AGREE))
    doubtful = without_parts(one for one in begun(CLOCKS_DIFFER) if one not in begun(CLOCKS_AGREE))
    if doubtful:
        cloud.pause(A_PART_LATER)
    return found + without_parts(doubtful)


def uploads(cloud: Cloud, bucket: str, key: str) -> list[str]:
    """The ids of all unfinished multipart uploads of a key."""
    return [one["UploadId"] for one in _uploads(cloud, bucket, key, exactly=True)]


def abort_upload(cloud: Cloud, bucket: str, key: str, upload_id: str) -> None:
    """Give up one multipart upload. One that is gone already is fine."""
    try:
        cloud.call("s3", "AbortMultipartUpload", Bucket=bucket, Key=key, UploadId=upload_id)
    except AwsError as error:
        if error.code not in ("NoSuchUpload", "NoSuchBucket"):
            raise error.about(f"s3://{bucket}/{key}") from None


# -- listings


def keys(cloud: Cloud, bucket: str, prefix: str) -> Iterator[str]:
    """The keys below a prefix."""
    return (entry["Key"] for entry in objects(cloud, bucket, prefix))


def objects(cloud: Cloud, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects below a prefix, as a listing shows them."""
    for page in _pages(cloud, "ListObjectsV2", ("ContinuationToken",), Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def _versions(cloud: Cloud, bucket: str) -> Iterator[dict[str, str]]:
    """All versions and delete markers of a bucket, which must all go before it can."""
    for page in _pages(cloud, "ListObjectVersions", ("KeyMarker", "VersionIdMarker"), Bucket=bucket):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": entry["Key"], "VersionId": entry["VersionId"]}


def _uploads(cloud: Cloud, bucket: str, prefix: str, *, exactly: bool = False) -> Iterator[dict[str, Any]]:
    """The unfinished multipart uploads of keys with a prefix; `exactly`: of the key that it is."""
    for page in _pages(cloud, "ListMultipartUploads", ("KeyMarker", "UploadIdMarker"), Bucket=bucket, Prefix=prefix):
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
        yield page
        following = {marker: page[f"Next{marker}"] for marker in markers if page.get(f"Next{marker}")}
        if not page.get("IsTruncated") or not following:
            return
        if tuple(following.values()) not in seen:
            advance("/".join(following.values()), [page[name] for name in LISTED if page.get(name)])
        more = following


def _delete_versions(cloud: Cloud, bucket: str) -> int:
    """Delete all versions; how many. A server that has none may not know the call."""
    try:
        return _delete_objects(cloud, bucket, _versions(cloud, bucket))
    except AwsError as error:
        if not error.unsupported:
            raise
        log.debug("%s; so there are no versions", error)
        return 0


def _delete_objects(cloud: Cloud, bucket: str, objects: Iterable[dict[str, str]]) -> int:
    """Delete objects by the thousand; how many. Raises CleanupError with those that stayed."""
    count, failures = 0, []
    for batch in batches(objects, KEYS_PER_CALL):
        try:
            answer = cloud.call("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        except AwsError as error:
            if not error.unsupported and error.code not in WANTS_MD5:
                raise
            log.debug("%s; deleting one by one", error)
            answer = {}
            for one in batch:
                cloud.call("s3", "DeleteObject", Bucket=bucket, **one)
        for left in answer.get("Errors", ()):
            failures.append(f"s3://{bucket}/{left['Key']} could not be deleted: {left.get('Message')}")
        count += len(batch)
    if failures:
        raise CleanupError(failures)
    return count
