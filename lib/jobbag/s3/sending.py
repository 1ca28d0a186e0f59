"""A local file → S3: small ones with one request, large ones in parts, several at the same time (multipart upload)."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from jobbag.aws.client import Cloud
from jobbag.aws.faults import is_expired, is_transient
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import PartsAsked, PartsBegun, Uploading
from jobbag.s3.contents import PART_SIZE, is_there, part_size
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.threads import DaemonPool

log = logging.getLogger(__name__)

READ_WHOLE = 2 * 1024 * 1024  # bytes of a file of which more than a hundred may be in memory at once
PARTS_AT_ONCE = 16  # of all larger files together
TOLD_EACH = 0.25  # s between two Uploading events of a file

Answer = TypeVar("Answer")


class Sender:
    """Sends files to one bucket. Safe to share between threads."""

    def __init__(self, cloud: Cloud, place: S3Place, emit: Emit, in_flight: InFlight, cancel: threading.Event) -> None:
        """`cancel`: once it is set, nothing more is sent."""
        self._cloud = cloud
        self._place = place
        self._emit = emit
        self._in_flight = in_flight
        self._cancel = cancel
        self._pool = DaemonPool(min(PARTS_AT_ONCE, in_flight.most))

    def send(self, item: str, key: str, size: int) -> None:
        """Send a file of so many bytes. Raises AwsError, Cancelled and OSError."""
        if size <= READ_WHOLE:
            self.put(key, lambda: _whole(item))
        elif size < PART_SIZE:
            self._pool.submit(self.put, key, lambda: _whole(item)).result()
        else:
            with open(item, "rb") as file:
                self._send_in_parts(item, file.fileno(), key, size)

    def put(self, key: str, read: Callable[[], bytes]) -> None:
        """Send what `read` gives, a small content. Raises AwsError and Cancelled, and what `read` raises."""
        encryption = self._place.encryption.params

        def once() -> None:
            content = read()
            try:
                self._cloud.put_object(self._place.bucket, key, content, **encryption)
            except ClientError as error:
                if not _is_elsewhere(error):
                    raise
                self._cloud.once("s3", "PutObject", None, self._of(key, Body=content, **encryption))

        self._ask("PutObject", once)

    def _send_in_parts(self, item: str, file: int, key: str, size: int) -> None:
        upload = _Upload(item, key, self._begin(key), size, self._emit)
        try:
            parts = [self._pool.submit(self._send_part, upload, file, number) for number in upload.numbers]
            wait(parts)
            if upload.error is not None:
                raise upload.error
            self._complete(upload, [{"PartNumber": at, **part.result()} for at, part in enumerate(parts, 1)])
        except BaseException:
            self._abort(upload)
            raise

    def _begin(self, key: str) -> str:
        """The id of a new upload in parts."""

        def once() -> dict[str, Any]:
            self._emit(PartsAsked(key))
            return self._cloud.once("s3", "CreateMultipartUpload", None, self._of(key, **self._place.encryption.params))

        upload_id = str(self._ask("CreateMultipartUpload", once)["UploadId"])
        self._emit(PartsBegun(key, upload_id))
        return upload_id

    def _send_part(self, upload: _Upload, file: int, number: int) -> Mapping[str, str]:
        try:
            with upload.room:
                if upload.error is not None:
                    return {}
                start = (number - 1) * upload.part
                content = _read(file, start, min(upload.part, upload.size - start))
                return self._ask("UploadPart", lambda: self._put_part(upload, number, content))
        except BaseException as error:
            upload.error = upload.error or error
            return {}

    def _put_part(self, upload: _Upload, number: int, content: bytes) -> Mapping[str, str]:
        told = 0

        def sent(size: int) -> None:
            nonlocal told
            size = min(size, len(content) - told)  # the head of the request is none of the file
            told += size
            upload.progress(size)

        place = upload.id, number
        try:
            put = self._cloud.put_part(self._place.bucket, upload.key, place, content, sent)
        except BaseException as error:
            upload.progress(-told)
            told = 0
            if not _is_elsewhere(error):
                raise
            params = self._of(upload.key, UploadId=upload.id, PartNumber=number, Body=content)
            put = self._cloud.once("s3", "UploadPart", None, params)
        sent(len(content))
        return {name: put[name] for name in ("ETag", "ChecksumCRC32") if name in put}

    def _complete(self, upload: _Upload, parts: list[dict[str, Any]]) -> None:
        def find() -> dict[str, Any] | None:
            return {} if is_there(self._cloud, self._place, upload.item, upload.key) else None

        params = self._of(upload.key, UploadId=upload.id, MultipartUpload={"Parts": parts})
        self._cloud.call_or_find("s3", "CompleteMultipartUpload", find, **params)

    def _abort(self, upload: _Upload) -> None:
        """Let S3 forget the parts. Where that cannot be, the end of the run does it, which knows of them."""
        try:
            self._cloud.attempt("s3", "AbortMultipartUpload", **self._of(upload.key, UploadId=upload.id))
        except (ToolError, Cancelled) as error:
            log.debug("an unfinished upload of %s may stay: %s", upload.key, error)

    def _ask(self, operation: str, once: Callable[[], Answer]) -> Answer:
        def attempt() -> Answer:
            with self._in_flight.one():
                if self._cancel.is_set():
                    raise Cancelled("the run is being stopped")
                return once()

        return self._cloud.persist("s3", operation, attempt)

    def _of(self, key: str, **params: Any) -> dict[str, Any]:
        return {"Bucket": self._place.bucket, "Key": key, **params}

    def shutdown(self) -> None:
        """End the threads, none of which has work any more."""
        self._pool.shutdown(wait=False)


class _Upload:
    """One upload in parts that is under way."""

    def __init__(self, item: str, key: str, upload_id: str, size: int, emit: Emit) -> None:
        self.item, self.key, self.id, self.size = item, key, upload_id, size
        self.part = part_size(size)  # bytes
        self.numbers = range(1, -(-size // self.part) + 1)
        self.room = threading.BoundedSemaphore(max(1, PARTS_AT_ONCE * PART_SIZE // self.part))  # of parts in memory
        self.error: BaseException | None = None  # for which no more parts are sent
        self._emit = emit
        self._lock = threading.Lock()  # parts go side by side
        self._sent, self._told = 0, time.monotonic()

    def progress(self, size: int) -> None:
        """So many bytes more are sent, or have to be sent again."""
        with self._lock:
            self._sent += size
            now = time.monotonic()
            if now - self._told >= TOLD_EACH:
                self._told = now
                self._emit(Uploading(self.item, self._sent))


def _is_elsewhere(error: BaseException) -> bool:
    """Whether only botocore can make a request, as one to a bucket in another region."""
    if not isinstance(error, ClientError) or is_transient(error) or is_expired(error):
        return False
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return status < 400 or status == 400


def _whole(item: str) -> bytes:
    with open(item, "rb") as file:
        return file.read()


def _read(file: int, start: int, size: int) -> bytes:
    """So many bytes of a file. Raises OSError; AwsError where there are less."""
    content = os.pread(file, size, start)
    if len(content) < size:
        raise AwsError("upload", "FileChanged", "it changed while it was sent")
    return content
