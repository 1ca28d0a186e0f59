"""Objects in S3 → files here, each verified, and put in its place by rename."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.files import naming, sync
from jobbag.s3.contents import compared
from jobbag.s3.place import S3Place
from jobbag.s3.transfers import Transfers

TRIES = 3  # of an object that comes with a wrong content
WRONG = ("WrongContent", "FlexibleChecksumError")  # as we find it, or botocore
QUICK = 1024 * 1024  # bytes of an object that is got at once, in memory
_HEADERS = {  # of GetObject, by the names that HeadObject's answer has for them
    "ETag": "etag",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ChecksumCRC32": "x-amz-checksum-crc32",
}


class Downloads:
    """Fetches objects of one bucket. Safe to share between threads."""

    def __init__(self, cloud: Cloud, place: S3Place) -> None:
        self._cloud = cloud
        self._bucket = place.bucket
        self._transfers = Transfers(cloud, place.bucket)

    def fetch(self, key: str, size: int, part: Path, target: Path) -> None:
        """Write an object of so many bytes to `target`, by way of `part` in the same file system.

        Raises AwsError, Cancelled, and OSError.
        """
        try:
            with naming(target):
                self._get_right(key, size, part)
                sync(part)
                os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _get_right(self, key: str, size: int, part: Path) -> None:
        """Get an object, more than once if something on the way changes it."""
        for left in reversed(range(TRIES)):
            try:
                self._cloud.persist("s3", "GetObject", lambda: self._attempt(key, size, part))
                return
            except AwsError as error:
                if error.code not in WRONG or not left:
                    raise

    def _attempt(self, key: str, size: int, part: Path) -> None:
        if size > QUICK:
            self._transfers.run(lambda manager: manager.download(self._bucket, key, str(part)))
            head: Mapping[str, Any] = self._cloud.call(
                "s3", "HeadObject", Bucket=self._bucket, Key=key, ChecksumMode="ENABLED"
            )
        else:
            head = self._get(key, part)
        length = os.path.getsize(part)
        if length != head.get("ContentLength", length) or compared(head, str(part), length) is False:
            raise AwsError("GetObject", WRONG[0], "what came does not have the checksum that S3 has for it")

    def _get(self, key: str, part: Path) -> Mapping[str, Any]:
        """Get a small object with one request, unless only botocore can, as from a bucket in another region."""
        try:
            headers, content = self._cloud.get_object(self._bucket, key)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 400 and status != 400:
                raise
            self._transfers.run(lambda manager: manager.download(self._bucket, key, str(part)))
            return self._cloud.call("s3", "HeadObject", Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        part.write_bytes(content)
        return {name: headers[header] for name, header in _HEADERS.items() if header in headers}

    def cancel(self) -> None:
        """Give up what is under way."""
        self._transfers.cancel()

    def shutdown(self) -> None:
        """End the threads, none of which has work any more."""
        self._transfers.shutdown()
