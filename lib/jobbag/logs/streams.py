"""Reads log streams of CloudWatch Logs: one with a call, or up to a hundred.

The events are those of GetLogEvents and FilterLogEvents: `message`, `timestamp` and `ingestionTime` (ms). Where these
credentials may make only one of the two calls, that is the one that is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.events.observation import LogPlace
from jobbag.logs.one_stream import Page, all_pages, newest, pages

STREAMS_PER_CALL = 100  # FilterLogEvents


class Refused(set[tuple[str, str]]):
    """The calls that were refused, each with the log group."""


def stream_events(cloud: Cloud, place: LogPlace, refused: Refused | None = None) -> Iterator[dict[str, Any]]:
    """The events of a stream from its head. `refused` is remembered from one reading to the next. Raises AwsError."""
    refused = Refused() if refused is None else refused
    for page in _either("GetLogEvents", partial(all_pages, cloud, place), "FilterLogEvents",
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
        for page in pages(cloud, place, since):
            yield [{**event, "logStreamName": place.stream} for event in page]


def last_event(cloud: Cloud, place: LogPlace) -> dict[str, Any] | None:
    """The newest event of a stream, None if it has none. Raises AwsError."""
    found = None
    for page in _either("GetLogEvents", partial(newest, cloud, place), "FilterLogEvents",
                        partial(_together, cloud, [place], 0), place.group, Refused()):  # fmt: skip
        found = page[-1] if page else found
    return found
