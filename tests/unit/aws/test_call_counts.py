"""Each request is counted once, by how it ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from jobbag.aws.call_counts import CallCounts
from jobbag.errors import Cancelled


def answer(code: str, status: int) -> Any:
    return {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}


def error(code: str, status: int) -> ClientError:
    return ClientError(answer(code, status), "SubmitJob")


ENDS: list[tuple[BaseException | None, str]] = [
    (None, "calls"),
    (error("TooManyRequestsException", 429), "throttled"),
    (error("SlowDown", 503), "throttled"),
    (error("ServerException", 500), "failed"),
    (error("AccessDenied", 403), "failed"),
    (error("NoSuchKey", 404), "calls"),  # no failure, but the answer to a question
    (ReadTimeoutError(endpoint_url="http://x"), "failed"),
    (Cancelled("the run is being stopped"), "failed"),
]


def expected(kind: str) -> dict[str, int]:
    return {"calls": 1, "throttled": 0, "failed": 0} | {kind: 1}


@pytest.mark.parametrize(("end", "kind"), ENDS)
def test_a_request_counts_by_how_it_ended(end: BaseException | None, kind: str) -> None:
    counts = CallCounts()
    raised = None
    try:
        with counts.counted("batch", "SubmitJob"):
            if end is not None:
                raise end
    except BaseException as error:
        raised = error
    assert raised is end, "an error goes on its way"
    assert counts.calls == {"batch SubmitJob": expected(kind)}


@pytest.mark.parametrize(
    ("answered", "exception", "kind"),
    [
        ({"ResponseMetadata": {"HTTPStatusCode": 200}}, None, "calls"),
        (answer("SlowDown", 503), None, "throttled"),
        (answer("AccessDenied", 403), None, "failed"),
        (answer("404", 404), None, "calls"),
        (None, ReadTimeoutError(endpoint_url="http://x"), "failed"),
    ],
)
def test_the_requests_of_a_client_count_too(answered: Any, exception: BaseException | None, kind: str) -> None:
    counts = CallCounts()
    received = counts.listener("s3")
    received(
        event_name="response-received.s3.HeadObject", parsed_response=answered, exception=exception, context="unused"
    )
    assert counts.calls == {"s3 HeadObject": expected(kind)}


def test_they_are_listed_in_alphabetical_order_and_belong_to_who_asks() -> None:
    counts = CallCounts()
    for service, operation in (("s3", "PutObject"), ("batch", "SubmitJob"), ("batch", "DescribeJobs")):
        with counts.counted(service, operation):
            pass
    calls = counts.calls
    assert list(calls) == ["batch DescribeJobs", "batch SubmitJob", "s3 PutObject"]
    calls["s3 PutObject"]["calls"] = 99
    assert counts.calls["s3 PutObject"]["calls"] == 1


def test_threads_lose_no_count() -> None:
    counts = CallCounts()
    begin = threading.Barrier(4)

    def work() -> None:
        begin.wait()
        for _ in range(500):
            with counts.counted("batch", "SubmitJob"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.calls["batch SubmitJob"]["calls"] == 2000
