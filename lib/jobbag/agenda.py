"""A queue whose items come out when they are due."""

from __future__ import annotations

import heapq
import threading
import time
from itertools import count
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items, each with the time (time.monotonic(), s) before which nobody gets it. Safe to share."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, due: float, item: Item) -> None:
        """Add an item."""
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._order), item))
            self._changed.notify()

    def get(self) -> Item | None:
        """The next item, once it is due; None when the agenda is closed."""
        with self._changed:
            while not self._closed:
                pause = self._heap[0][0] - time.monotonic() if self._heap else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(pause)
            return None

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
