"""GetLogEvents: the pages of one stream from its head.

Each page names the token of the next one, so that a long stream takes as many calls one behind the other. It is read at
several places at the same time instead: stretches of time, each with pages of its own, which come in their order.
The service gives the events of a stream by their timestamps, and a stretch ends between two of these; so content and
order are those of one reading.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.paging import Advance
from jobbag.errors import ToolError
from jobbag.events.observation import LogPlace
from jobbag.threads import DaemonPool, start

PAGES_BACK = 20  # empty ones, at most, before a stream counts as empty
LONG = 8  # pages after which a stream may be long
STRETCH = 16  # pages, about, of a stretch: each takes a call more, which finds its end
AT_ONCE = 2  # stretches: while one is written, the next one fills the room that it has
AHEAD = 8  # pages of each that wait in memory

Page = list[dict[str, Any]]


def pages(cloud: Cloud, place: LogPlace, since: int = 0, until: int | None = None) -> Iterator[Page]:
    """The pages, one behind the other. One may be empty before the end; at the end, it names the token that led to it.

    Without events older than `since`, or not older than `until` (ms). While the caller takes the events of a page, the
    next one is fetched.
    """
    more = ({"startTime": since} if since else {}) | ({"endTime": until} if until is not None else {})

    ask = partial(_page, cloud, place, startFromHead=True, **more)
    page, token = ask(), ""
    ahead, advance = DaemonPool(1), Advance("GetLogEvents")
    try:
        while page["nextForwardToken"] != token:
            token = page["nextForwardToken"]
            advance(token, page["events"])
            coming = ahead.submit(partial(ask, nextToken=token))
            yield page["events"]
            page = coming.result()
        yield page["events"]
    finally:
        ahead.shutdown(wait=False)


def newest(cloud: Cloud, place: LogPlace) -> Iterator[Page]:
    """The newest event of a stream, if it has one.

    A page may be empty though there are older events; the oldest page names the token that led to it.
    """
    token, more = "", dict[str, str]()
    for _ in range(PAGES_BACK):
        page = _page(cloud, place, startFromHead=False, limit=1, **more)
        if page["events"]:
            yield page["events"][-1:]
            return
        if page.get("nextBackwardToken") in (None, token):
            return
        token = page["nextBackwardToken"]
        more = {"nextToken": token}


def _page(cloud: Cloud, place: LogPlace, **which: Any) -> dict[str, Any]:
    """One answer of GetLogEvents; `which`: its other parameters."""
    where = {"logGroupName": place.group, "logStreamName": place.stream}
    return cloud.call("logs", "GetLogEvents", place.region, **where, **which)


def all_pages(cloud: Cloud, place: LogPlace) -> Iterator[Page]:
    """All pages; where there are many, they are read in stretches of time."""
    first: int | None = None  # the timestamp of the first event
    long = LONG
    for number, page in enumerate(pages(cloud, place), 1):
        if first is None and page:
            first = page[0]["timestamp"]
        if number >= long and first is not None and not cloud.embedded and _is_in_order(page):
            long = 2 * number
            last = page[-1]["timestamp"]
            end = max((event["timestamp"] for found in newest(cloud, place) for event in found), default=last)
            each = (last - first) / number
            if end - last >= STRETCH * each:
                yield [event for event in page if event["timestamp"] < last]
                yield from _Stretches(cloud, place, last, end, each)
                return
        yield page


def _is_in_order(page: Page) -> bool:
    """Whether the events are in the order of their times, and not all of the same one: then none of the last
    timestamp was in a page before."""
    times = [event["timestamp"] for event in page]
    return bool(times) and times[0] < times[-1] and times == sorted(times)


class _Stretch:
    """The pages of a stretch of time, `since` (ms) up to `until` (None: the end), which come in a thread of its own."""

    def __init__(self, cloud: Cloud, place: LogPlace, since: int, until: int | None) -> None:
        self.since, self.until = since, until
        self.number = 0.0  # pages with events, so far
        self._pages = pages(cloud, place, since, until)
        self._read: queue.SimpleQueue[Page | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._is_closed = False
        try:
            start([threading.Thread(target=self._work, name="log reader", daemon=True)])
            self._has_thread = True
        except ToolError:
            self._has_thread = False  # the system allows none: who takes the pages reads them

    def __iter__(self) -> Iterator[Page]:
        if not self._has_thread:
            yield from map(self._own, self._pages)
            return
        while (page := self._read.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            self._room.release()
            yield page

    def close(self) -> None:
        """Read no more."""
        self._is_closed = True
        self._room.release()

    def _work(self) -> None:
        try:
            for page in self._pages:
                self._room.acquire()
                if self._is_closed:
                    return
                self._read.put(self._own(page))
        except BaseException as error:
            self._read.put(error)
        else:
            self._read.put(None)

    def _own(self, page: Page) -> Page:
        """Without what belongs into another stretch, as some servers take the end of a time for a part of it."""
        self.number += bool(page)
        if self.until is None:
            return page
        return [event for event in page if self.since <= event["timestamp"] < self.until]


class _Stretches:
    """The pages from a time on, of several stretches at once."""

    def __init__(self, cloud: Cloud, place: LogPlace, since: int, end: int, each: float) -> None:
        """`since`, `end`: timestamps (ms), the latter of the newest event; `each`: of a page, about (ms)."""
        self._cloud, self._place = cloud, place
        self._next: int | None = since  # where the next stretch begins; None: there is none
        self._end = end
        self._each = each
        self._under_way: deque[_Stretch] = deque()

    def __iter__(self) -> Iterator[Page]:
        try:
            self._begin()
            while self._under_way:
                stretch = self._under_way[0]
                yield from stretch
                self._under_way.popleft()
                if stretch.until is not None:  # as dense as it was, the next ones are likely to be
                    self._each = (stretch.until - stretch.since) / max(stretch.number, 1.0)
                self._begin()
        finally:
            for stretch in self._under_way:
                stretch.close()

    def _begin(self) -> None:
        while self._next is not None and len(self._under_way) < AT_ONCE:
            until: int | None = self._next + max(int(STRETCH * self._each), 1)
            if until is not None and until > self._end:
                until = None
            self._under_way.append(_Stretch(self._cloud, self._place, self._next, until))
            self._next = until
