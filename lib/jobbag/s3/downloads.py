"""Objects in S3 → files here, each verified, and put in its place by rename."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.files import fsync, naming, sync
from jobbag.s3.contents import Opened, compared
from jobbag.s3.in_flight import InFlight
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

    def __init__(self, cloud: Cloud, place: S3Place, in_flight: InFlight) -> None:
        self._cloud = cloud
        self._in_flight = in_flight
        self._bucket = place.bucket
        self._transfers = Transfers(cloud, place.bucket, in_flight.most)

    def fetch(self, key: str, size: int, part: Path, target: Path) -> None:
        """Write an object of so many bytes to `target`, by way of `part` in the same file system.

        Raises AwsError, Cancelled, and OSError.
        """
        try:
            with naming(target):
                self._get_right(key, size, part)
                os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _get_right(self, key: str, size: int, part: Path) -> None:
        """Get an object, more than once if something on the way changes it."""
        attempt = self._large if size > QUICK else self._small
        for left in reversed(range(TRIES)):
            try:
                self._cloud.persist("s3", "GetObject", lambda: attempt(key, part))
                return
            except AwsError as error:
                if error.code not in WRONG or not left:
                    raise

    def _large(self, key: str, part: Path) -> None:
        self._transfers.run(lambda manager: manager.download(self._bucket, key, str(part)))
        head = self._cloud.call("s3", "HeadObject", Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        _verify(head, lambda: part.open("rb"), part.stat().st_size)
        sync(part)

    def _small(self, key: str, part: Path) -> None:
        """Get an object with one request, unless only botocore can, as from a bucket in another region."""
        try:
            with self._in_flight.one():
                headers, content = self._cloud.get_object(self._bucket, key)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 400 and status != 400:
                raise
            self._large(key, part)
            return
        head = {name: headers[header] for name, header in _HEADERS.items() if header in headers}
        _verify(head, lambda: BufferedReader(BytesIO(content)), len(content))
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            fsync(file.fileno(), part)

    def cancel(self) -> None:
        """Give up what is under way."""
        self._transfers.cancel()

    def shutdown(self) -> None:
        """End the threads, none of which has work any more."""
        self._transfers.shutdown()


def _verify(head: Mapping[str, Any], opened: Opened, size: int) -> None:
    if head.get("ContentLength", size) != size or compared(head, opened, size) is False:
        raise AwsError("GetObject", WRONG[0], "what came does not have the checksum that S3 has for it")
