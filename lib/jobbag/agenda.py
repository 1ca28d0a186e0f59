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
        items = self.get_all(1)
        return items[0] if items else None

    def get_all(self, most: int) -> list[Item]:
        """The items that are due, `most` at most, once there is one; none when the agenda is closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                due: list[Item] = []
                while self._heap and self._heap[0][0] <= now and len(due) < most:
                    due.append(heapq.heappop(self._heap)[2])
                if due:
                    return due
                self._changed.wait(self._heap[0][0] - now if self._heap else None)
            return []

    def close(self) -> list[Item]:
        """Let nobody wait any more; gives the items that nobody got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = [item for _, _, item in self._heap]
            self._heap.clear()
            return left
