"""Reads log streams of CloudWatch Logs: one with a call, or up to a hundred.

The events are those of GetLogEvents and FilterLogEvents: `message`, `timestamp` and `ingestionTime` (ms). Where these
credentials may make only one of the two calls, that is the one that is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.paging import Advance
from jobbag.errors import AwsError
from jobbag.events.observation import LogPlace
from jobbag.threads import DaemonPool

STREAMS_PER_CALL = 100  # FilterLogEvents
PAGES_BACK = 20  # empty ones, at most, before a stream counts as empty

Page = list[dict[str, Any]]


class Refused(set[tuple[str, str]]):
    """The calls that were refused, each with the log group."""


def stream_events(cloud: Cloud, place: LogPlace, refused: Refused | None = None) -> Iterator[dict[str, Any]]:
    """The events of a stream from its head. `refused` is remembered from one reading to the next. Raises AwsError."""
    refused = Refused() if refused is None else refused
    for page in _either("GetLogEvents", partial(_one_by_one, cloud, [place], 0), "FilterLogEvents",
                        partial(_together, cloud, [place], 0), place.group, refused):  # fmt: skip
        yield from page


def events_of_streams(
    cloud: Cloud, places: Sequence[LogPlace], refused: Refused | None = None
) -> Iterator[dict[str, Any]]:
    """The events of up to 100 streams of one group, in the order of each stream; they carry its logStreamName.

    Raises AwsError (ResourceNotFoundException) if one of the streams does not exist.
    """
    for page in pages_of_streams(cloud, places, 0, refused):
        yield from page


def pages_of_streams(
    cloud: Cloud, places: Sequence[LogPlace], since: int = 0, refused: Refused | None = None
) -> Iterator[Page]:
    """The same events in a list for each call, and without those older than `since` (ms since the epoch)."""
    refused = Refused() if refused is None else refused
    yield from _either("FilterLogEvents", partial(_together, cloud, places, since), "GetLogEvents",
                       partial(_one_by_one, cloud, places, since), places[0].group, refused)  # fmt: skip


def reads_together(group: str, refused: Refused) -> bool:
    """Whether one call reads several streams of the group, as far as is known."""
    return ("FilterLogEvents", group) not in refused


def _either(
    call: str,
    read: Callable[[], Iterator[Page]],
    other: str,
    instead: Callable[[], Iterator[Page]],
    group: str,
    refused: Refused,
) -> Iterator[Page]:
    """Read with a call or, where it is refused, with the other one. Raises AwsError, that of the first if both are."""
    denial = None
    if (call, group) not in refused or (other, group) in refused:
        try:
            for page in read():
                refused.discard((call, group))
                yield page
            return
        except AwsError as error:
            if not (error.is_denial or error.unsupported):
                raise
            denial = error
            refused.add((call, group))
    try:
        yield from instead()
    except AwsError as error:
        if error.is_denial or error.unsupported:
            refused.add((other, group))
            raise denial or error from None
        raise


def _together(cloud: Cloud, places: Sequence[LogPlace], since: int) -> Iterator[Page]:
    first = places[0]
    names = [place.stream for place in places]
    asked = set(names)
    more = {"startTime": since} if since else {}
    for page in cloud.pages(
        "logs", "FilterLogEvents", first.region, logGroupName=first.group, logStreamNames=names, **more
    ):
        yield [event for event in page["events"] if event["logStreamName"] in asked]


def _one_by_one(cloud: Cloud, places: Sequence[LogPlace], since: int) -> Iterator[Page]:
    for place in places:
        for page in _pages(cloud, place, since):
            yield [{**event, "logStreamName": place.stream} for event in page]


def _pages(cloud: Cloud, place: LogPlace, since: int) -> Iterator[Page]:
    """The pages of one stream. One may be empty before the end; at the end, it names the token that led to it.

    While the caller takes the events of a page, the next one is fetched.
    """
    more = {"startTime": since} if since else {}

    def ask(**token: str) -> Any:
        return cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=True, **more, **token,
        )  # fmt: skip

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


def last_event(cloud: Cloud, place: LogPlace) -> dict[str, Any] | None:
    """The newest event of a stream, None if it has none. Raises AwsError."""
    newest = None
    for page in _either("GetLogEvents", partial(_newest, cloud, place), "FilterLogEvents",
                        partial(_together, cloud, [place], 0), place.group, Refused()):  # fmt: skip
        newest = page[-1] if page else newest
    return newest


def _newest(cloud: Cloud, place: LogPlace) -> Iterator[Page]:
    """The newest event of a stream, if it has one.

    A page may be empty though there are older events; the oldest page names the token that led to it.
    """
    token, more = "", dict[str, str]()
    for _ in range(PAGES_BACK):
        page = cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=False, limit=1, **more,
        )  # fmt: skip
        if page["events"]:
            yield page["events"][-1:]
            return
        if page.get("nextBackwardToken") in (None, token):
            return
        token = page["nextBackwardToken"]
        more = {"nextToken": token}
