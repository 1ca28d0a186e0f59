"""Reads log streams of CloudWatch Logs: one with a call, or up to a hundred.

The events are those of GetLogEvents and FilterLogEvents: `message`, `timestamp` and `ingestionTime` (ms).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.paging import Advance
from jobbag.events.observation import LogPlace
from jobbag.threads import DaemonPool

STREAMS_PER_CALL = 100  # FilterLogEvents
PAGES_BACK = 20  # empty ones, at most, before a stream counts as empty


def stream_events(cloud: Cloud, place: LogPlace) -> Iterator[dict[str, Any]]:
    """The events of a stream from its head. Raises AwsError.

    A page may be empty before the end; at the end, it names the token that led to it. While the caller takes the events
    of a page, the next one is fetched.
    """

    def ask(**token: str) -> Any:
        return cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=True, **token,
        )  # fmt: skip

    page, token = ask(), ""
    ahead, advance = DaemonPool(1), Advance("GetLogEvents")
    try:
        while page["nextForwardToken"] != token:
            token = page["nextForwardToken"]
            advance(token, page["events"])
            coming = ahead.submit(partial(ask, nextToken=token))
            yield from page["events"]
            page = coming.result()
        yield from page["events"]
    finally:
        ahead.shutdown(wait=False)


def last_event(cloud: Cloud, place: LogPlace) -> dict[str, Any] | None:
    """The newest event of a stream, None if it has none. Raises AwsError.

    A page may be empty though there are older events; the oldest page names the token that led to it.
    """
    token, more = "", dict[str, str]()
    for _ in range(PAGES_BACK):
        page = cloud.call(
            "logs", "GetLogEvents", place.region, logGroupName=place.group, logStreamName=place.stream,
            startFromHead=False, limit=1, **more,
        )  # fmt: skip
        if page["events"]:
            newest: dict[str, Any] = page["events"][-1]
            return newest
        if page.get("nextBackwardToken") in (None, token):
            break
        token = page["nextBackwardToken"]
        more = {"nextToken": token}
    return None


def events_of_streams(cloud: Cloud, places: Sequence[LogPlace]) -> Iterator[dict[str, Any]]:
    """The events of up to 100 streams of one group, in the order of each stream; they carry its logStreamName.

    Raises AwsError (ResourceNotFoundException) if one of the streams does not exist.
    """
    for page in pages_of_streams(cloud, places):
        yield from page


def pages_of_streams(cloud: Cloud, places: Sequence[LogPlace], since: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The same events in a list for each call, and without those older than `since` (ms since the epoch)."""
    first = places[0]
    names = [place.stream for place in places]
    more = {"startTime": since} if since else {}
    for page in cloud.pages(
        "logs", "FilterLogEvents", first.region, logGroupName=first.group, logStreamNames=names, **more
    ):
        yield page["events"]
