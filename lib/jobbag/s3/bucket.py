"""The S3 bucket of a run: made if it is missing, emptied and deleted where that is asked for."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence, Set
from itertools import islice
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.batches import batches
from jobbag.errors import AwsError, Cancelled, CleanupError, InputError
from jobbag.s3.listings import keys, unfinished, versions
from jobbag.s3.place import S3Place, may_be_new
from jobbag.text import counted

log = logging.getLogger(__name__)

KEYS_PER_CALL = 1000  # DeleteObjects
CLOCKS_DIFFER = 15 * 60_000  # ms; S3's and ours: if they differ by more, AWS refuses what we sign
CLOCKS_AGREE = 60_000  # ms
A_PART_LATER = 5.0  # s in which an upload that goes on has its first part
NOT_NEEDED = 15.0  # s for a call that a run can do without
WANTS_MD5 = ("MissingContentMD5", "InvalidRequest", "InvalidDigest")  # DeleteObjects, of servers for older clients
SHOWN = 10  # keys that a message names
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # as in the body of DeleteObjects


def exists(cloud: Cloud, place: S3Place) -> bool:
    """Whether the bucket exists.

    Raises AwsError when these credentials may not use it: they may list neither it nor what is below the key prefix.
    """
    try:
        cloud.call("s3", "HeadBucket", Bucket=place.bucket)
    except AwsError as error:
        if error.code in ("404", "NoSuchBucket"):
            return False
        if error.is_denial and _may_list(cloud, place):
            return True
        if error.is_denial:
            error = AwsError("HeadBucket", "403", "the bucket exists, and these credentials may not use it")
        raise error.about(f"bucket {place.bucket}") from None
    return True


def _may_list(cloud: Cloud, place: S3Place) -> bool:
    try:
        cloud.call("s3", "ListObjectsV2", Bucket=place.bucket, Prefix=place.key_prefix, MaxKeys=1)
    except AwsError as error:
        if error.is_denial or error.code == "NoSuchBucket":
            return False
        raise error.about(f"bucket {place.bucket}") from None
    return True


def check_name(bucket: str) -> None:
    """Raises InputError unless the bucket, which is not there, can be created under its name."""
    if not may_be_new(bucket):
        raise InputError.of("--s3", f"there is no bucket {bucket}, and S3 creates none of such a name")


def create(cloud: Cloud, bucket: str) -> bool:
    """Create the bucket, closed to the public. Whether this call did it, and not another client meanwhile.

    Raises AwsError, or InputError for its name; if the first is `unsure`, the bucket may be there all the same.
    """
    check_name(bucket)
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
    cloud.settling.made("s3")
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
    if not exists(cloud, place):
        log.info("the bucket %s is gone already", place.bucket)
        return
    if place.key_prefix:
        found = ({"Key": key} for key in keys(cloud, place.bucket, place.key_prefix))
        count = _delete_objects(cloud, place.bucket, found)
        log.info("deleted %d objects below %s", count, place.url)
        _tell_versions(cloud, place)
        return
    count = _delete_versions(cloud, place.bucket)
    count += _delete_objects(cloud, place.bucket, ({"Key": key} for key in keys(cloud, place.bucket, "")))
    cloud.call("s3", "DeleteBucket", Bucket=place.bucket)
    log.info("deleted the bucket %s and the %d objects in it", place.bucket, count)


def _tell_versions(cloud: Cloud, place: S3Place) -> None:
    """Say what a bucket with versioning keeps of what was deleted below the key prefix."""
    try:
        first = cloud.attempt("s3", "ListObjectVersions", Bucket=place.bucket, Prefix=place.key_prefix)
    except AwsError as error:
        log.debug("whether versions stay is not known: %s", error)
        return
    if versions := len(first.get("Versions", ())):
        many = ("more than " if first.get("IsTruncated") else "") + counted(versions, "version")
        what = "the bucket has versioning: %s of what was below %s stays there; a lifecycle rule of the bucket can "
        log.warning(what + "expire that, or --delete of the whole bucket deletes it", many, place.url)


def take_down(cloud: Cloud, place: S3Place, uploaded: Set[str]) -> list[str]:
    """Delete the objects that the run sent, and its bucket if nothing else is in it. Raises AwsError or CleanupError.

    Returns the first keys of what is left there: results of jobs, which are never deleted, before what is another's.
    """
    bucket = place.bucket
    try:
        delete(cloud, bucket, uploaded)
        _abort_uploads(cloud, place, uploaded)
        left = _first_keys(cloud, place)
        if not left and not _delete_if_empty(cloud, bucket):
            left = _first_keys(cloud, place) or _delete_old_versions(cloud, bucket, uploaded)
        return left
    except AwsError as error:
        if error.code == "NoSuchBucket":  # deleted by a request that got no answer, or a start that was killed
            return []
        raise error.about(f"bucket {bucket}") from None


def _delete_if_empty(cloud: Cloud, bucket: str) -> bool:
    """Delete the bucket; whether nothing is in it that keeps it from that: what a job wrote just now, or versions."""
    try:
        cloud.call("s3", "DeleteBucket", Bucket=bucket)
    except AwsError as error:
        if error.code != "BucketNotEmpty":
            raise
        return False
    log.info("deleted the bucket %s", bucket)
    return True


def _delete_old_versions(cloud: Cloud, bucket: str, uploaded: Set[str]) -> list[str]:
    """Delete the bucket, in which only versions are left, with those of these keys; the first of all others."""
    _delete_objects(cloud, bucket, (one for one in versions(cloud, bucket) if one["Key"] in uploaded))
    if _delete_if_empty(cloud, bucket):
        return []
    others = dict.fromkeys(one["Key"] for one in versions(cloud, bucket))
    return [f"versions of {key}" for key in islice(others, SHOWN)]


def _abort_uploads(cloud: Cloud, place: S3Place, uploaded: Set[str]) -> None:
    """Give up what a killed start has left unfinished. A server that does not list that may keep it."""
    try:
        for upload in unfinished(cloud, place.bucket, place.key_prefix):
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


def all_keys(cloud: Cloud, place: S3Place) -> set[str]:
    """The keys below the key prefix; none if the bucket is gone, or shows them to nobody."""
    try:
        return set(keys(cloud, place.bucket, place.key_prefix))
    except AwsError as error:
        log.debug("what is below %s is not known: %s", place.url, error)
        return set()


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

    times = {
        one["UploadId"]: one["Initiated"].timestamp() * 1000 for one in unfinished(cloud, bucket, key, exactly=True)
    }
    found = without_parts(begun(CLOCKS_AGREE))
    doubtful = without_parts(one for one in begun(CLOCKS_DIFFER) if one not in begun(CLOCKS_AGREE))
    if doubtful:
        cloud.pause(A_PART_LATER)
    return found + without_parts(doubtful)


def uploads(cloud: Cloud, bucket: str, key: str) -> list[str]:
    """The ids of all unfinished multipart uploads of a key."""
    return [one["UploadId"] for one in unfinished(cloud, bucket, key, exactly=True)]


def abort_upload(cloud: Cloud, bucket: str, key: str, upload_id: str) -> None:
    """Give up one multipart upload. One that is gone already is fine."""
    try:
        cloud.call("s3", "AbortMultipartUpload", Bucket=bucket, Key=key, UploadId=upload_id)
    except AwsError as error:
        if error.code not in ("NoSuchUpload", "NoSuchBucket"):
            raise error.about(f"s3://{bucket}/{key}") from None


# -- listings


def _delete_versions(cloud: Cloud, bucket: str) -> int:
    """Delete all versions; how many. A server that has none may not know the call."""
    try:
        return _delete_objects(cloud, bucket, versions(cloud, bucket))
    except AwsError as error:
        if not error.unsupported:
            raise
        log.debug("%s; so there are no versions", error)
        return 0


def _delete_batch(cloud: Cloud, bucket: str, batch: Sequence[dict[str, str]]) -> list[str]:
    """Delete so many objects as one call can name, with it as far as the server can; why some of them stayed."""
    together = [one for one in batch if not _NOT_IN_XML.search(one["Key"])]
    alone = [one for one in batch if _NOT_IN_XML.search(one["Key"])]
    errors: list[tuple[str, str | None]] = []
    try:
        if together:
            answer = cloud.call("s3", "DeleteObjects", Bucket=bucket, Delete={"Objects": together, "Quiet": True})
            errors = [(error["Key"], error.get("Message")) for error in answer.get("Errors", ())]
    except AwsError as error:
        if not error.unsupported and error.code not in WANTS_MD5:
            raise
        log.debug("%s; deleting one by one", error)
        alone = list(batch)
    for one in alone:
        try:
            cloud.call("s3", "DeleteObject", Bucket=bucket, **one)
        except AwsError as error:
            if error.code == "NoSuchBucket":
                raise
            errors.append((one["Key"], error.message))
    return [f"s3://{bucket}/{key} could not be deleted: {message}" for key, message in errors]


def _delete_objects(cloud: Cloud, bucket: str, objects: Iterable[dict[str, str]]) -> int:
    """Delete objects by the thousand; how many. Raises CleanupError with those that stayed."""
    count, failures = 0, list[str]()
    for batch in batches(objects, KEYS_PER_CALL):
        failures += _delete_batch(cloud, bucket, batch)
        count += len(batch)
    if failures:
        raise CleanupError(failures)
    return count
