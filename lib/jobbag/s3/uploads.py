"""Local files → S3, each once, several at the same time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, cast

from botocore.exceptions import ClientError

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import PartsAsked, PartsBegun, Staged, StagingBegun, StagingFailed, Uploading, WorkerFailed
from jobbag.s3.contents import MANY, MOST_LISTED, PART_SIZE, is_there, state_of
from jobbag.s3.listings import keys
from jobbag.s3.place import S3Place
from jobbag.threads import LEAVING, DaemonPool

log = logging.getLogger(__name__)

FILES_AT_ONCE = 8
REQUESTS_AT_ONCE = 16  # of all files together: the parts of a large file go at the same time
TOLD_EACH = 0.25  # s between two Uploading events of a file


class Uploader:
    """Sends files to S3 in threads of its own. A context manager: leaving it ends the transfers."""

    def __init__(self, cloud: Cloud, place: S3Place, emit: Emit, *, bucket_is_new: bool) -> None:
        self._cancel = threading.Event()
        self._cloud = cloud.cancelled_by(self._cancel)
        self._place = place
        self._emit = emit
        self._bucket_is_new = bucket_is_new  # so nothing is in it
        self._lock = threading.Lock()
        self._managers: dict[Any, Any] = {}  # by client
        self._transfers: set[Any] = set()  # under way
        self._pool = DaemonPool(FILES_AT_ONCE)

    def __enter__(self) -> Uploader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.cancel()
        if self._pool.close(LEAVING):
            for manager in self._managers.values():
                manager.shutdown()

    def cancel(self) -> None:
        """Begin nothing more, and give up what is under way."""
        self._cancel.set()
        with self._lock:
            for transfer in self._transfers:
                transfer.cancel()

    def send(self, items: Iterable[str]) -> None:
        """Begin to send local files; each gives a Staged or a StagingFailed. Files with one S3 key are sent once."""
        by_key: dict[str, list[str]] = {}
        for item in items:
            by_key.setdefault(self._place.key(item), []).append(item)
        if by_key:
            self._begin(self._send_all, by_key)

    def _begin(self, step: Callable[..., None], *args: Any) -> None:
        """Take a step in one of the threads. An error that no step expects ends the run."""

        def guarded() -> None:
            try:
                step(*args)
            except BaseException as error:
                self._emit(WorkerFailed("upload", error))

        self._pool.submit(guarded)

    def _send_all(self, by_key: dict[str, list[str]]) -> None:
        """Hand the files to the pool; if there are many, list the bucket before, so that not each is asked for."""
        items = [item for same in by_key.values() for item in same]
        self._emit(StagingBegun(len(items), sum(map(_size_if_there, items))))
        there: set[str] | None = set() if self._bucket_is_new else None
        if there is None and len(by_key) >= MANY:
            try:
                there = keys_there(self._cloud, self._place)
            except Cancelled:
                return
            except AwsError as error:
                log.debug("the bucket cannot be listed, so each file is asked for: %s", error)
        for key, same in by_key.items():
            if self._cancel.is_set():
                return
            self._begin(self._send, key, same, there is None or key in there)

    def _send(self, key: str, items: list[str], may_be_there: bool) -> None:
        item = items[0]
        if self._cancel.is_set():
            return
        try:
            size, modified = state_of(item)
            sent = not (may_be_there and is_there(self._cloud, self._place, item))
            if sent:
                self._cloud.persist("s3", "PutObject", lambda: self._upload(item, key))
            for one in items:
                self._emit(Staged(one, key, size, modified, sent and one is item))
        except Cancelled:
            return
        except AwsError as error:
            self._fail(items, error.about(f"input file {item}"))
        except ToolError as error:
            self._fail(items, error)
        except Exception as error:
            self._fail(items, AwsError("upload", type(error).__name__, str(error), subject=f"input file {item}"))

    def _fail(self, items: list[str], error: ToolError) -> None:
        if self._cancel.is_set():  # then it is no failure
            return
        for item in items:
            self._emit(StagingFailed(item, error))

    def _upload(self, item: str, key: str) -> None:
        before = state_of(item)
        log.debug("sending %s (%d bytes) to %s", item, before[0], self._place.url)
        if before[0] >= PART_SIZE or not self._put(item, key):
            self._transfer(item, key)
        if state_of(item) != before:
            raise AwsError("upload", "FileChanged", "it changed while it was sent", subject=f"input file {item}")

    def _transfer(self, item: str, key: str) -> None:
        """Send a file with s3transfer; a large one in parts, several at the same time."""
        transfer = self._current_manager().upload(
            item,
            self._place.bucket,
            key,
            extra_args=dict(self._place.encryption.params),
            subscribers=[_UploadProgress(item, self._emit)],
        )
        with self._lock:
            self._transfers.add(transfer)
        if self._cancel.is_set():
            transfer.cancel()
        try:
            transfer.result()
        finally:
            with self._lock:
                self._transfers.discard(transfer)

    def _put(self, item: str, key: str) -> bool:
        """Send a small file with one request; false where only s3transfer can, as to a bucket in another region."""
        try:
            with open(item, "rb") as file:
                self._cloud.put_object(self._place.bucket, key, file.read(), **self._place.encryption.params)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 400 and status != 400:
                raise
            return False
        return True

    def _parts_asked(self, params: Mapping[str, Any], **_: Any) -> None:
        """A hook of botocore; it keeps no state."""
        self._emit(PartsAsked(params["Key"]))

    def _parts_begun(self, parsed: Mapping[str, Any], **_: Any) -> None:
        """A hook of botocore; it keeps no state."""
        if "UploadId" in parsed:
            for _attempt in range(parsed["ResponseMetadata"].get("RetryAttempts", 0)):
                self._emit(PartsAsked(parsed["Key"]))
            self._emit(PartsBegun(parsed["Key"], parsed["UploadId"]))

    def _current_manager(self) -> Any:
        """The transfer manager on the current client: another one once the credentials have been renewed."""
        from s3transfer.manager import TransferConfig, TransferManager

        client = self._cloud.transfer_client(self._place.bucket)
        with self._lock:
            if client not in self._managers:
                config = TransferConfig(
                    multipart_threshold=PART_SIZE,
                    multipart_chunksize=PART_SIZE,
                    max_request_concurrency=REQUESTS_AT_ONCE,
                )
                self._managers[client] = TransferManager(client, config, executor_cls=cast(Any, DaemonPool))
                client.meta.events.register("provide-client-params.s3.CreateMultipartUpload", self._parts_asked)
                client.meta.events.register("after-call.s3.CreateMultipartUpload", self._parts_begun)
            return self._managers[client]


class _UploadProgress:
    """A subscriber of s3transfer that reports how much of a file is sent."""

    def __init__(self, item: str, emit: Emit) -> None:
        self._item, self._emit = item, emit
        self._lock = threading.Lock()  # parts go side by side
        self._sent, self._told = 0, time.monotonic()

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Called for each 256 KiB or so; the number is negative for what has to be sent again."""
        with self._lock:
            self._sent += bytes_transferred
            now = time.monotonic()
            if now - self._told >= TOLD_EACH:
                self._told = now
                self._emit(Uploading(self._item, self._sent))


def keys_there(cloud: Cloud, place: S3Place) -> set[str] | None:
    """The keys below the key prefix; None if there are more than MOST_LISTED. Raises AwsError."""
    found = set(islice(keys(cloud, place.bucket, place.key_prefix), MOST_LISTED + 1))
    return found if len(found) <= MOST_LISTED else None


def _size_if_there(item: str) -> int:
    """Bytes, 0 where that is not known; what is wrong with the file shows when it is sent."""
    try:
        return state_of(item)[0]
    except OSError:
        return 0
