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
