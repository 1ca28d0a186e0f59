"""Log streams: how one is divided, when it is whole, and how it is read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.events.observation import LogPlace
from jobbag.logs.streams import Refused, events_of_streams, last_event, pages_of_streams, reads_together, stream_events

# -- reading a stream


class Pages(Cloud):
    """Answers GetLogEvents with pages; the token of a page is its number."""

    def __init__(self, *pages: list[str]) -> None:
        self.served = pages
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("logs", "GetLogEvents")
        assert len(self.asked) <= len(self.served), "read on after the end"
        self.asked.append({"region": region, **params})
        at = int(params.get("nextToken", "f/0").removeprefix("f/"))
        if at == len(self.served):
            return {"events": [], "nextForwardToken": f"f/{at}", "nextBackwardToken": "b"}
        events = [{"message": text, "timestamp": 1, "ingestionTime": 2} for text in self.served[at]]
        return {"events": events, "nextForwardToken": f"f/{at + 1}", "nextBackwardToken": "b"}


class WithoutTokens(Cloud):
    """Answers each call with an empty page, and no token that leads back."""

    def __init__(self) -> None:
        pass

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        del service, operation, region, params
        return {"events": [], "nextForwardToken": "f"}


def test_a_service_that_names_no_older_page_has_none() -> None:
    assert last_event(WithoutTokens(), LogPlace("s", "g")) is None


def messages(cloud: Pages, place: LogPlace) -> Iterator[str]:
    return (event["message"] for event in stream_events(cloud, place))


@pytest.mark.parametrize("pages", [[[]], [["a"]], [["a"], [], ["b"], [], [], ["c", "d"]], [[], [], ["a"], []]])
def test_an_empty_page_is_not_the_end_and_a_repeated_token_is(pages: list[list[str]]) -> None:
    cloud = Pages(*pages)
    assert list(messages(cloud, LogPlace("s"))) == [text for page in pages for text in page]
    assert [request["startFromHead"] for request in cloud.asked] == [True] * (len(pages) + 1)


def test_the_last_page_may_repeat_the_token_that_it_was_asked_with() -> None:
    class Ending(Pages):
        def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
            page = super().call(service, operation, region, **params)
            return {**page, "nextForwardToken": "f/1"}

    assert list(messages(Ending(["a"], ["b"]), LogPlace("s"))) == ["a", "b"]


def test_a_stream_is_read_in_its_own_group_and_region() -> None:
    cloud = Pages(["a"])
    assert list(messages(cloud, LogPlace("the-stream", "the-group", "eu-west-3"))) == ["a"]
    for request in cloud.asked:
        assert (request["region"], request["logGroupName"], request["logStreamName"]) == (
            "eu-west-3",
            "the-group",
            "the-stream",
        )


# -- reading many streams with one call


class Filtered(Cloud):
    """Answers FilterLogEvents with pages; the token of a page is its number."""

    def __init__(self, *pages: list[tuple[str, str]]) -> None:
        self.served = pages
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("logs", "FilterLogEvents")
        self.asked.append({"region": region, **params})
        at = int(params.get("nextToken", "0"))
        events = [{"logStreamName": stream, "message": text} for stream, text in self.served[at]]
        return {"events": events, **({"nextToken": str(at + 1)} if at + 1 < len(self.served) else {})}


def test_a_page_without_a_token_is_the_end_of_all_streams_and_an_empty_one_is_not() -> None:
    cloud = Filtered([], [("a", "1"), ("b", "1")], [], [("b", "2")], [])
    places = [LogPlace("a", "/mine", "eu-west-3"), LogPlace("b", "/mine", "eu-west-3")]
    found = [(event["logStreamName"], event["message"]) for event in events_of_streams(cloud, places)]
    assert found == [("a", "1"), ("b", "1"), ("b", "2")]
    assert len(cloud.asked) == 5
    for request in cloud.asked:
        assert (request["region"], request["logGroupName"]) == ("eu-west-3", "/mine")
        assert request["logStreamNames"] == ["a", "b"]


def test_what_comes_of_a_stream_that_was_not_asked_for_is_left_out() -> None:
    cloud = Filtered([("other", "1"), ("a", "1")], [("other", "2")], [("a", "2")])
    found = [event["message"] for event in events_of_streams(cloud, [LogPlace("a"), LogPlace("b")])]
    assert found == ["1", "2"]


# -- with the calls that are allowed


class Guarded(Cloud):
    """Streams whose events are their own names, of which some calls are refused."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.asked: list[str] = []

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        del service, region
        self.asked.append(operation)
        if operation in self.refused:
            raise AwsError(operation, "AccessDeniedException", f"not authorized to perform: logs:{operation}")
        names = params.get("logStreamNames") or [params["logStreamName"]]
        events = [{"logStreamName": name, "message": name, "timestamp": 1, "ingestionTime": 2} for name in names]
        if operation == "FilterLogEvents":
            return {"events": events}
        last = {"nextForwardToken": "f/1"}
        return {"events": [] if "nextToken" in params else events, **last}


PLACES = [LogPlace("a", "/mine"), LogPlace("b", "/mine")]


def test_streams_are_read_one_by_one_where_only_that_is_allowed() -> None:
    cloud, refused = Guarded("FilterLogEvents"), Refused()
    for _ in range(2):
        found = [(event["logStreamName"], event["message"]) for event in events_of_streams(cloud, PLACES, refused)]
        assert found == [("a", "a"), ("b", "b")]
    assert cloud.asked.count("FilterLogEvents") == 1, "the refusal is remembered"
    assert not reads_together("/mine", refused)
    assert reads_together("/other", refused)


def test_streams_are_read_one_by_one_of_a_service_that_knows_only_that() -> None:
    class Lacking(Guarded):
        def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
            if operation == "FilterLogEvents":
                raise AwsError(operation, "501", "Not Implemented", unsupported=True)
            return super().call(service, operation, region, **params)

    assert [event["message"] for event in events_of_streams(Lacking(), PLACES)] == ["a", "b"]


def test_a_stream_is_read_with_the_call_for_many_where_only_that_is_allowed() -> None:
    cloud, refused = Guarded("GetLogEvents"), Refused()
    assert [event["message"] for event in stream_events(cloud, PLACES[0], refused)] == ["a"]
    assert [event["message"] for event in stream_events(cloud, PLACES[1], refused)] == ["b"]
    assert cloud.asked == ["GetLogEvents", "FilterLogEvents", "FilterLogEvents"]
    assert reads_together("/mine", refused)


def test_where_nothing_is_allowed_that_is_told_and_tried_again_later() -> None:
    cloud, refused = Guarded("GetLogEvents", "FilterLogEvents"), Refused()
    for _ in range(2):
        with pytest.raises(AwsError, match="GetLogEvents"):
            list(stream_events(cloud, PLACES[0], refused))
    cloud.refused = ()
    assert [event["message"] for event in stream_events(cloud, PLACES[0], refused)] == ["a"]


@pytest.mark.parametrize("refused", ["GetLogEvents", "FilterLogEvents"])
def test_the_newest_event_is_found_with_either_call(refused: str) -> None:
    class Long(Guarded):
        def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
            page = super().call(service, operation, region, **params)
            events = [{"logStreamName": "a", "message": text} for text in ("first", "last")]
            if operation == "GetLogEvents":
                return {"events": events[-params["limit"] :]}
            at = int(params.get("nextToken", "0"))
            return [{**page, "events": [events[0]], "nextToken": "1"}, {"events": [events[1]], "nextToken": "2"},
                    {"events": []}][at]  # fmt: skip

    assert last_event(Long(refused), PLACES[0]) == {"logStreamName": "a", "message": "last"}


def test_where_no_call_is_allowed_there_is_no_newest_event_and_that_is_told() -> None:
    with pytest.raises(AwsError, match="GetLogEvents"):
        last_event(Guarded("GetLogEvents", "FilterLogEvents"), PLACES[0])


def test_lines_that_are_older_are_left_out_one_by_one_too() -> None:
    class Since(Guarded):
        def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
            if operation == "GetLogEvents":
                assert params["startTime"] == 17
            return super().call(service, operation, region, **params)

    assert [[one["message"] for one in page] for page in pages_of_streams(Since("FilterLogEvents"), PLACES, 17)] == [
        ["a"], [], ["b"], [],
    ]  # fmt: skip
