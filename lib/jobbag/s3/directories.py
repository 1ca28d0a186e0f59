"""Local directories on their way to S3: all files in them, and then the list from which a job makes them anew."""

from __future__ import annotations

import threading

from jobbag.bag.directory import content_of
from jobbag.bag.job import Bag
from jobbag.s3.place import S3Place


def list_of(bag: Bag, place: S3Place, item: str) -> bytes:
    """The list of a directory, as the launcher reads it: two lines for each file and each empty directory.

    Raises OSError.
    """
    content = content_of(item)
    lines = [
        f"{'x' if file.executable else 'f'} {place.url}{bag.name_in_s3(file.path)}\n{file.name}\n"
        for file in content.files
    ]
    return "".join([*lines, *(f"d \n{name}\n" for name in content.empty)]).encode()


class SendingDirectory:
    """A directory under way: its state when that began, and the keys of the files in it that are not in S3 yet."""

    def __init__(self, item: str, state: int, missing: set[str]) -> None:
        self.item, self.state, self.missing = item, state, missing
        self._lock = threading.Lock()

    def arrived(self, key: str) -> bool:
        """Note that a file is in S3; whether it was the last one."""
        with self._lock:
            self.missing.discard(key)
            return not self.missing

    def fails(self) -> bool:
        """Note that a file cannot be sent; whether that is new."""
        with self._lock:
            first, self.missing = "" not in self.missing, {*self.missing, ""}
            return first
