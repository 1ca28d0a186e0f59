"""Calls of AWS when it is slow to answer, answers with errors, or does not answer at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.clients import s3_of
from jobbag.aws import client, troubles
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.errors import AwsError, Cancelled, JournalLost
from jobbag.local import CREDENTIALS
from jobbag.rates import limit
from jobbag.s3 import bucket

from ..conftest import REGION
from ..fault_layer import Answer, Faults, Forward, Request

Break = Callable[[Faults, str, int], None]

BREAKS: dict[str, Break] = {
    "throttled": lambda faults, operation, times: faults.throttle(operation, times),
    "bare 429": lambda faults, operation, times: faults.fail(operation, 429, "", times=times),
    "throttled by name": lambda faults, operation, times: faults.fail(
        operation, 400, "ThrottlingException", "Rate exceeded", times
    ),
    "500": lambda faults, operation, times: faults.fail(operation, 500, "ServerException", times=times),
    "503": lambda faults, operation, times: faults.fail(operation, 503, "ServiceUnavailable", times=times),
    "reset": lambda faults, operation, times: faults.reset(operation, times),
    "answer lost": lambda faults, operation, times: faults.lose_answer(operation, times),
}
THROTTLES = [name for name in BREAKS if "429" in name or "throttled" in name]
JOB: dict[str, Any] = {
    "jobName": "one",
    "jobQueue": "q",
    "jobDefinition": "d",
    "containerOverrides": {"command": ["true"]},
}


def jobs(cloud: Cloud) -> int:
    """How many jobs the service has."""
    filters = [{"name": "JOB_NAME", "values": ["*"]}]
    return len(cloud.call("batch", "ListJobs", jobQueue="q", filters=filters)["jobSummaryList"])


@pytest.mark.parametrize("how", BREAKS)
def test_a_call_that_may_be_repeated_is_repeated(how: str, cloud: Cloud, faults: Faults, pauses: list[float]) -> None:
    BREAKS[how](faults, "DescribeJobQueues", 3)
    assert cloud.call("batch", "DescribeJobQueues")["jobQueues"] == []
    assert faults.count("DescribeJobQueues") == 4
    assert len([pause for pause in pauses if pause > 0]) == 3


@pytest.mark.usefixtures("pauses")
def test_a_run_that_may_not_go_on_makes_no_request(ready: Cloud, faults: Faults) -> None:
    """Before each one it looks, also before that which repeats one."""
    allowed = [None]

    def check() -> None:
        if not allowed:
            raise JournalLost("taken over")
        allowed.pop()

    faults.throttle("SubmitJob", 2)
    guarded = ready.guarded_by(check).cancelled_by(threading.Event())
    for _ in range(2):
        with pytest.raises(JournalLost):
            guarded.call_once("batch", "SubmitJob", **JOB)
    with pytest.raises(JournalLost):
        guarded.put_object("bucket", "key", b"content")
    assert (faults.count("SubmitJob"), faults.count("PutObject")) == (1, 0)


@pytest.mark.parametrize("how", THROTTLES)
def test_a_job_that_was_throttled_is_submitted_once(
    how: str, ready: Cloud, faults: Faults, pauses: list[float]
) -> None:
    BREAKS[how](faults, "SubmitJob", 2)
    assert ready.call_once("batch", "SubmitJob", **JOB)["jobId"]
    assert faults.count("SubmitJob") == 3
    assert pauses
    assert jobs(ready) == 1


@pytest.mark.parametrize(("how", "there"), [("500", 0), ("503", 0), ("reset", 0), ("answer lost", 1)])
def test_a_job_whose_answer_was_lost_is_not_sent_again(how: str, there: int, ready: Cloud, faults: Faults) -> None:
    BREAKS[how](faults, "SubmitJob", 1)
    with pytest.raises(AwsError) as caught:
        ready.call_once("batch", "SubmitJob", **JOB)
    assert caught.value.unsure
    assert faults.count("SubmitJob") == 1
    assert jobs(ready) == there


def test_an_answer_for_good_is_believed(cloud: Cloud, faults: Faults, pauses: list[float]) -> None:
    wrapped = "Error executing request, Exception : JobQueue q not found, RequestId: 12-ab"
    faults.fail("SubmitJob", 400, "ClientException", wrapped)
    for call in (cloud.call, cloud.call_once):
        with pytest.raises(AwsError) as caught:
            call("batch", "SubmitJob", **JOB)
        assert str(caught.value) == "SubmitJob failed: JobQueue q not found (ClientException)"
        assert not caught.value.unsure
    assert faults.count("SubmitJob") == 2
    assert [pause for pause in pauses if pause > 0.1] == []


def test_calls_keep_to_the_quota_of_their_api_and_region(
    cloud: Cloud, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers together, whatever they call."""
    monkeypatch.setattr(limit, "time", SimpleNamespace(monotonic=lambda: 1_000.0))  # however long a call takes
    cloud.call("logs", "CreateLogGroup", logGroupName="g")
    cloud.call("logs", "CreateLogStream", logGroupName="g", logStreamName="s")
    pauses.clear()
    for worker in [cloud.cancelled_by(threading.Event()) for _ in range(4)]:
        worker.call("logs", "GetLogEvents", logGroupName="g", logStreamName="s")
    assert pauses == pytest.approx([0.0, 0.1, 0.2, 0.3], rel=0.05)  # ten a second in this region


def test_expired_credentials_are_read_again(cloud: Cloud, faults: Faults, pauses: list[float]) -> None:
    faults.fail("DescribeJobQueues", 403, "ExpiredTokenException", "expired", times=2)
    assert cloud.call("batch", "DescribeJobQueues")["jobQueues"] == []
    assert len(pauses) >= 2


# -- for how long


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.usefixtures("no_aws_environment")
@pytest.mark.parametrize("method", ["call", "call_once"])
def test_an_address_where_nobody_answers_is_given_up(
    method: str, closed_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_CONTACT", 0.1)
    began = time.monotonic()
    with pytest.raises(AwsError) as caught:
        getattr(Cloud(Access(closed_port, REGION, CREDENTIALS)), method)("batch", "DescribeJobQueues")
    assert time.monotonic() - began < 10
    assert closed_port in str(caught.value)
    assert not caught.value.unsure  # it never went out


@pytest.mark.usefixtures("pauses")
def test_a_service_that_has_answered_before_is_tried_for_longer(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.call("batch", "DescribeJobQueues")
    monkeypatch.setattr(client, "FIRST_CONTACT", 0.0)
    faults.reset("DescribeJobQueues", 5)
    assert cloud.call("batch", "DescribeJobQueues")["jobQueues"] == []


@pytest.mark.usefixtures("pauses")
def test_a_service_that_is_first_asked_in_the_middle_of_a_run_is_tried_for_longer(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudWatch Logs is, when the first job has ended; that may be in an outage of all services."""
    monkeypatch.setattr(client, "FIRST_CONTACT", 0.0)
    worker = cloud.cancelled_by(threading.Event())
    faults.reset("DescribeJobQueues", 1)
    with pytest.raises(AwsError):
        worker.call("batch", "DescribeJobQueues")  # nothing at all has answered yet
    assert cloud.call("sts", "GetCallerIdentity")["Account"]
    faults.reset("DescribeJobQueues", 5)
    assert worker.call("batch", "DescribeJobQueues")["jobQueues"] == []


@pytest.mark.usefixtures("pauses")
def test_a_service_that_asks_to_slow_down_has_answered(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound for a first contact is meant for a wrong address."""
    monkeypatch.setattr(client, "FIRST_CONTACT", 0.0)
    faults.throttle("DescribeJobQueues", 3)
    assert cloud.call("batch", "DescribeJobQueues")["jobQueues"] == []


@pytest.mark.usefixtures("pauses")
def test_an_outage_is_given_up_in_the_end(cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.call("batch", "DescribeJobQueues")
    monkeypatch.setattr(client, "OUTAGE", 0.05)
    faults.fail("DescribeJobQueues", 500, "ServerException", "down")
    with pytest.raises(AwsError, match="DescribeJobQueues failed: down"):
        cloud.call("batch", "DescribeJobQueues")


def test_a_cancelled_worker_does_not_go_on_trying(cloud: Cloud, faults: Faults) -> None:
    cancel = threading.Event()
    worker = cloud.cancelled_by(cancel)
    faults.fail("DescribeJobQueues", 500, "ServerException")
    timer = threading.Timer(0.1, cancel.set)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        worker.call("batch", "DescribeJobQueues")
    assert time.monotonic() - began < 5
    timer.join()
    with pytest.raises(Cancelled):
        worker.pause(60)
    cloud.pause(0.001)  # the others go on


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ((429, "TooManyRequestsException"), "throttling of DescribeJobQueues"),
        ((503, "ServiceUnavailable"), "an outage of DescribeJobQueues"),
        ((400, "ExpiredTokenException"), "expired credentials"),
    ],
)
def test_who_watches_is_told_what_is_waited_out(
    fault: tuple[int, str], words: str, cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    monkeypatch.setattr(troubles, "WORTH_TELLING", 0.0)
    monkeypatch.setattr(Cloud, "pause", lambda _, seconds: told.append(cloud.troubles.what()) if seconds else None)
    faults.fail("DescribeJobQueues", *fault, times=2)
    cloud.cancelled_by(threading.Event()).call("batch", "DescribeJobQueues")
    assert words in told
    assert cloud.troubles.what() is None


# -- who and where


def test_the_account_is_that_of_the_credentials(cloud: Cloud) -> None:
    assert cloud.account() == "123456789012"


def test_calls_may_go_to_another_region(cloud: Cloud) -> None:
    cloud.call("logs", "CreateLogGroup", "eu-west-3", logGroupName="there")
    found = {
        region: [group["logGroupName"] for group in cloud.call("logs", "DescribeLogGroups", region)["logGroups"]]
        for region in ("eu-west-3", None)
    }
    assert found == {"eu-west-3": ["there"], None: []}


@pytest.mark.usefixtures("pauses")
def test_every_request_is_counted(ready: Cloud, faults: Faults, tmp_path: Path) -> None:
    before = ready.calls
    faults.throttle("SubmitJob", 2)
    faults.fail("SubmitJob", 500, "ServerException", times=1)
    faults.reset("DescribeLogGroups", 1)
    faults.fail("PutPublicAccessBlock", 503, "SlowDown", times=1)
    ready.call("batch", "SubmitJob", **JOB)
    ready.call("logs", "DescribeLogGroups")
    bucket.create(ready, "my-bucket")
    with pytest.raises(AwsError):  # that it is not there is an answer
        ready.call("s3", "HeadObject", Bucket="my-bucket", Key="k")
    ready.put_object("my-bucket", "k", b"x")
    (tmp_path / "large").write_bytes(bytes(9 * 1024 * 1024))
    s3_of(ready).upload_file(str(tmp_path / "large"), "my-bucket", "large")
    assert {name: tuple(counts.values()) for name, counts in ready.calls.items() if name not in before} == {
        "batch SubmitJob": (4, 2, 1),
        "logs DescribeLogGroups": (2, 0, 1),
        "s3 CompleteMultipartUpload": (1, 0, 0),
        "s3 CreateBucket": (1, 0, 0),
        "s3 CreateMultipartUpload": (1, 0, 0),
        "s3 HeadObject": (1, 0, 0),
        "s3 PutObject": (1, 0, 0),
        "s3 PutPublicAccessBlock": (2, 1, 0),
        "s3 UploadPart": (2, 0, 0),
    }
    assert list(before.values()) == [{"calls": 1, "throttled": 0, "failed": 0}] * 3


class Elsewhere:
    """An address that is not the embedded AWS, and who came there."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.address = f"127.0.0.1:{listening.getsockname()[1]}"

    @property
    def visited(self) -> bool:
        self._listening.setblocking(False)
        try:
            self._listening.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Elsewhere(listening)


def test_the_embedded_aws_is_never_left(
    endpoint: str, elsewhere: Elsewhere, no_aws_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del no_aws_environment
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{elsewhere.address}")
    (tmp_path / "broken").write_text("[default")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "broken"))
    monkeypatch.setenv("AWS_PROFILE", "none")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    cloud = Cloud(Access(endpoint, REGION, CREDENTIALS, embedded=True))
    assert cloud.account() == "123456789012"
    assert cloud.call("s3", "ListBuckets")["Buckets"] == []
    assert not elsewhere.visited


def test_a_request_that_would_leave_the_machine_is_stopped(elsewhere: Elsewhere, no_aws_environment: None) -> None:
    del no_aws_environment
    cloud = Cloud(Access(f"http://{elsewhere.address}", REGION, CREDENTIALS, embedded=True))
    client = s3_of(cloud)
    client.meta.events.register("before-sign", lambda request, **_: setattr(request, "url", "http://127.0.0.1:1/"))
    with pytest.raises(AwsError, match=r"127\.0\.0\.1:1 was stopped"):
        client.list_buckets()
    for service, operation in (("s3", "ListBuckets"), ("batch", "DescribeJobQueues")):
        with pytest.raises(AwsError, match="was stopped"):
            Cloud(Access(None, REGION, CREDENTIALS, embedded=True)).call(service, operation)
    assert not elsewhere.visited


def test_within_a_time_a_call_without_an_answer_is_left_behind(
    cloud: Cloud, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "A_MOMENT", 0.05)
    hang = threading.Event()

    def act(_: Request, forward: Forward) -> Answer:
        hang.wait()
        return forward()

    faults.on("DescribeJobQueues", act)
    try:
        with cloud.within(0.1) as hurried:
            for _ in range(2):  # the second is late from its beginning
                with pytest.raises(Cancelled):
                    hurried.call("batch", "DescribeJobQueues")
    finally:
        hang.set()


def test_within_a_time_answers_and_errors_are_as_always(ready: Cloud) -> None:
    with ready.within(60) as hurried:
        assert hurried.call("batch", "SubmitJob", **JOB)["jobName"] == "one"
        with pytest.raises(AwsError, match="jobDefinition must be provided"):
            hurried.call("batch", "SubmitJob", **{**JOB, "jobDefinition": ""})
