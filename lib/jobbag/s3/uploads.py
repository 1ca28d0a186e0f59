"""Local files → S3, each once, several at the same time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.directory import state_of_file
from jobbag.bag.job import Bag, list_key
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit
from jobbag.events.events import Staged, StagingBegun, StagingFailed, WorkerFailed
from jobbag.s3.contents import Contents, state_of
from jobbag.s3.directories import SendingDirectory, list_of
from jobbag.s3.in_flight import InFlight
from jobbag.s3.place import S3Place
from jobbag.s3.sending import Sender
from jobbag.threads import LEAVING, DaemonPool

log = logging.getLogger(__name__)


class Uploader:
    """Sends files to S3 in threads of its own. A context manager: leaving it ends the transfers."""

    def __init__(
        self, cloud: Cloud, place: S3Place, bag: Bag, emit: Emit, in_flight: InFlight, *, bucket_is_new: bool
    ) -> None:
        """`bag` says what local files and directories are called in S3."""
        self._cancel = threading.Event()
        self._cloud = cloud.cancelled_by(self._cancel)
        self._place = place
        self._bag = bag
        self._emit = emit
        self._contents = Contents(self._cloud, place, is_new=bucket_is_new)
        self._sender = Sender(self._cloud, place, emit, in_flight, self._cancel)
        self._directories: dict[str, list[SendingDirectory]] = {}  # by the key of a file, those that it is in
        self._pool = DaemonPool(in_flight.most)

    def __enter__(self) -> Uploader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.cancel()
        if self._pool.close(LEAVING):
            self._sender.shutdown()

    def cancel(self) -> None:
        """Begin nothing more, and give up what is under way."""
        self._cancel.set()

    def send(self, items: Iterable[str]) -> None:
        """Begin to send local files and directories; each gives a Staged or a StagingFailed.

        Files with one S3 key are sent once. A directory has its own Staged behind those of the files in it.
        """
        items = list(items)
        if items:
            self._begin(self._send_items, items)

    def _begin(self, step: Callable[..., None], *args: Any) -> None:
        """Take a step in one of the threads. An error that no step expects ends the run."""

        def guarded() -> None:
            try:
                step(*args)
            except BaseException as error:
                self._emit(WorkerFailed("upload", error))

        self._pool.submit(guarded)

    def _send_items(self, items: list[str]) -> None:
        by_key: dict[str, list[str]] = {}
        directories = []
        for item in items:
            try:
                paths = [path for path, _ in self._bag.files_of(item)]
                if self._bag.is_directory(item):
                    directories.append(SendingDirectory(item, state_of(item)[1], {self._key(path) for path in paths}))
            except OSError as error:
                self._fail([item], AwsError("upload", type(error).__name__, str(error), subject=f"input {item}"))
                continue
            for path in paths:
                by_key.setdefault(self._key(path), []).append(path)
        by_key = {key: list(dict.fromkeys(same)) for key, same in by_key.items()}
        sending = [path for same in by_key.values() for path in same]
        lists = sum(map(self._bag.is_directory, items))
        self._emit(StagingBegun(len(sending) + lists, sum(map(_size_if_there, sending))))
        for directory in directories:
            for key in directory.missing:
                self._directories.setdefault(key, []).append(directory)
            if not directory.missing:
                self._begin(self._send_list, directory)
        self._send_all(by_key)

    def _key(self, path: str) -> str:
        return self._place.key(self._bag.name_in_s3(path))

    def _send_all(self, by_key: dict[str, list[str]]) -> None:
        """Hand the files to the pool."""
        try:
            self._contents.look(len(by_key))
        except Cancelled:
            return
        except AwsError as error:
            log.debug("the bucket cannot be listed, so each file is asked for: %s", error)
        for key, same in by_key.items():
            if self._cancel.is_set():
                return
            self._begin(self._send, key, same)

    def _send(self, key: str, items: list[str]) -> None:
        item = items[0]
        if self._cancel.is_set():
            return
        try:
            before = size, modified = state_of_file(item)
            sent = not self._contents.hold(item, key)
            if sent:
                self._upload(item, key, before)
            for one in items:
                self._emit(Staged(one, key, size, modified, sent and one is item, self._bag.is_executable(one)))
            self._arrived(key)
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
            for directory in self._directories.get(self._key(item), ()):
                if directory.item not in items and directory.fails():
                    self._emit(StagingFailed(directory.item, error))

    def _arrived(self, key: str) -> None:
        """Go on with the directories that a file is in, now that it is in S3."""
        for directory in self._directories.get(key, ()):
            if directory.arrived(key):
                self._send_list(directory)

    def _send_list(self, directory: SendingDirectory) -> None:
        """Send the list of the files in a directory, which all are in S3."""
        item, key = directory.item, self._place.key(list_key(directory.item))
        try:
            if state_of(item)[1] != directory.state:
                raise AwsError("upload", "DirectoryChanged", "it changed while it was sent")
            content = list_of(self._bag, self._place, item)
            self._sender.put(key, lambda: content)
        except Cancelled:
            return
        except AwsError as error:
            self._fail([item], error.about(f"input directory {item}"))
        except OSError as error:
            self._fail([item], AwsError("upload", type(error).__name__, str(error), subject=f"input directory {item}"))
        else:
            self._emit(Staged(item, key, len(content), directory.state, sent=True))

    def _upload(self, item: str, key: str, before: tuple[int, int]) -> None:
        """Send a file, which has this size (bytes) and time of the last change (ns)."""
        log.debug("sending %s (%d bytes) to %s", item, before[0], self._place.url)
        self._sender.send(item, key, before[0])
        if state_of_file(item) != before:
            raise AwsError("upload", "FileChanged", "it changed while it was sent", subject=f"input file {item}")


def _size_if_there(item: str) -> int:
    """Bytes, 0 where that is not known; what is wrong with the file shows when it is sent."""
    try:
        return state_of_file(item)[0]
    except OSError:
        return 0
