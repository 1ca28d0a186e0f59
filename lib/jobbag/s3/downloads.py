"""Objects in S3 → files here, each verified, and put in its place by rename."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError, Cancelled
from jobbag.files import fsync, naming, sync, with_directory
from jobbag.s3.arriving import Arriving
from jobbag.s3.contents import FASTEST, PART_SIZE, Opened, Pieces, compared
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.threads import DaemonPool

TRIES = 3  # of an object that comes with a wrong content
# It does not have its checksum, or was replaced while it came; 412 and 416 where the server does not say it in words.
WRONG = ("WrongContent", "PreconditionFailed", "412", "InvalidRange", "416")
PARTS_AT_ONCE = 10  # of all large objects together
QUICK = 1024 * 1024  # bytes of an object that is got at once, in memory
MOST_AT_ONCE = 512  # pieces of it that are written with one call (POSIX writev)
ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307", "400")
_HEADERS = {  # of GetObject, by the names that HeadObject's answer has for them
    "ETag": "etag",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ChecksumCRC32": "x-amz-checksum-crc32",
}


Got = TypeVar("Got")


class Downloads:
    """Fetches objects of one bucket. Safe to share between threads."""

    def __init__(self, cloud: Cloud, place: S3Place, in_flight: InFlight, stopped: Event) -> None:
        """`stopped`: once it is set, nothing more is asked for."""
        self._cloud = cloud
        self._stopped = stopped
        self._in_flight = in_flight
        self._bucket = place.bucket
        self._pool = DaemonPool(min(PARTS_AT_ONCE, in_flight.most))

    def fetch(self, key: str, size: int, etag: str, part: Path, target: Path) -> None:
        """Write an object to `target`, by way of `part` in the same file system.

        `size` (bytes) and `etag`: as a listing shows them; it may have been replaced since.

        Raises AwsError, Cancelled, and OSError.
        """
        try:
            with naming(target):
                self._get_right(key, size, etag, part)
                with_directory(target, lambda: os.replace(part, target))
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _get_right(self, key: str, size: int, etag: str, part: Path) -> None:
        """Get an object, more than once if something on the way changes it."""
        for left in reversed(range(TRIES)):
            try:
                if size > QUICK or not self._small(key, etag, part):
                    self._large(key, part)
                return
            except AwsError as error:
                if error.code not in WRONG or not left:
                    raise

    def _small(self, key: str, etag: str, part: Path) -> bool:
        """Get an object with one request; false where it has to be looked for first: it is in another region, or what
        came is not what was listed, but a later object, or a page of somebody else."""
        try:
            headers, content = self._get(lambda: self._cloud.get_object(self._bucket, key))
        except AwsError as error:
            if error.code in ELSEWHERE:
                return False
            raise
        if headers["etag"].strip('"') != etag.strip('"'):  # some servers list it without
            return False
        head = {name: headers[header] for name, header in _HEADERS.items() if header in headers}
        _verify(head, content, sum(map(len, content)))
        _write(part, content)
        return True

    def _large(self, key: str, part: Path) -> None:
        """Get an object in parts, several at the same time, and verify it while it comes."""
        head = self._cloud.call("s3", "HeadObject", Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        size = int(head["ContentLength"])
        with with_directory(part, lambda: Arriving(part, size)) as file:
            coming = _Coming(key, head["ETag"], file, knows_ranges=head.get("AcceptRanges") == "bytes")
            for start in coming.starts if coming.knows_ranges else coming.starts[:1]:
                self._pool.submit(self._get_part, coming, start)
            _verify(head, file.reader, size)
            file.wait()
        sync(part)

    def _get_part(self, coming: _Coming, start: int) -> None:
        file = coming.file
        if file.error is not None:
            return
        part = range(start, min(start + PART_SIZE, file.size))
        most = part.stop if coming.knows_ranges or start else file.size
        try:
            end = self._get(lambda: self._write_part(coming, part, most))
            if end not in (part.stop, most):
                raise _other_bytes(part, end - start)
            file.arrived(start, end)
            if not coming.knows_ranges and not start and end < file.size:
                for other in coming.starts[1:]:
                    self._pool.submit(self._get_part, coming, other)
        except BaseException as error:
            file.fail(error)

    def _write_part(self, coming: _Coming, part: range, most: int) -> int:
        """Write what comes for a part, which is not to go beyond `most`; gives where it ends."""
        end = part.start

        def write(piece: bytes) -> None:
            nonlocal end
            if end + len(piece) > most:
                raise _other_bytes(part, "more")
            coming.file.write(end, piece)
            end += len(piece)

        self._cloud.get_part(self._bucket, coming.key, coming.etag, part, write)
        return end

    def _get(self, once: Callable[[], Got]) -> Got:
        def attempt() -> Got:
            with self._in_flight.one():
                if self._stopped.is_set():
                    raise Cancelled("the run is being stopped")
                return once()

        return self._cloud.persist("s3", "GetObject", attempt)

    def shutdown(self) -> None:
        """End the threads, none of which has work any more."""
        self._pool.shutdown(wait=False)


@dataclass(frozen=True)
class _Coming:
    """A large object that comes in parts; all of it with the first one from a server that knows no ranges."""

    key: str
    etag: str
    file: Arriving
    knows_ranges: bool  # for sure

    @property
    def starts(self) -> range:
        """Where the parts begin."""
        return range(0, self.file.size, PART_SIZE)


def _other_bytes(part: range, came: object) -> AwsError:
    what = f"the bytes {part.start} to {part.stop - 1} were asked for, and {came} came"
    return AwsError("GetObject", WRONG[0], what)


def _verify(head: Mapping[str, Any], content: Opened | Pieces, size: int) -> None:
    if head.get("ContentLength", size) != size or compared(head, content, size, FASTEST) is False:
        raise AwsError("GetObject", WRONG[0], "what came does not have the checksum that S3 has for it")


def _write(path: Path, content: Pieces) -> None:
    """Write a small content to disk, with few calls: each lets another thread in, for which this one then waits."""
    file = with_directory(path, lambda: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
    try:
        left = [memoryview(piece) for piece in content]
        while left:
            written = os.writev(file, left[:MOST_AT_ONCE])
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if left:
                left[0] = left[0][written:]
        fsync(file, path)
    finally:
        os.close(file)
