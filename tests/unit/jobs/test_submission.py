"""How a job is found whose SubmitJob got no answer."""

from __future__ import annotations

import queue
import weakref
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from helpers.waiting import wait_until
from jobbag.aws import troubles
from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.aws.troubles import Troubles
from jobbag.errors import AwsError
from jobbag.events.events import Absent, Event, NotRun, NotSubmitted, Submitted
from jobbag.jobs import submission
from jobbag.jobs.array_request import PreparedRequest
from jobbag.jobs.request import TOKEN_LENGTH, TOKEN_VARIABLE, Target, submit_request
from jobbag.jobs.submission import AGAIN, LOOKS, Submitter, find, token_of
from jobbag.s3.place import S3Place
from jobbag.threads import DueQueue

from ..builders import bag, heard, job

ONE = job(1, "one")
PLACE = S3Place("bucket", "", own=True)
TIMEOUT = 20  # s; no test waits for it


MINE = {"name": TOKEN_VARIABLE, "value": "mine"}


def request(token: str = "mine") -> dict[str, Any]:
    """The SubmitJob request of the job."""
    return submit_request(ONE, bag(ONE), PLACE, Target("q", "d"), token)


def detail(aws_id: str, token: str | None) -> dict[str, Any]:
    """What DescribeJobs says of a job."""
    environment = [{"name": "OTHER", "value": "mine"}]
    if token is not None:
        environment.append({"name": TOKEN_VARIABLE, "value": token})
    return {"jobId": aws_id, "container": {"environment": environment}}


class FakeCloud:
    """AWS with jobs, of which some are not shown by ListJobs yet."""

    embedded = False

    def __init__(self, jobs: dict[str, str | None], page: int = 100) -> None:
        self.jobs, self.page = jobs, page
        self.answers: list[Exception | str] = []  # of SubmitJob: an error, or an id
        self.hidden_looks = 0  # how many times ListJobs shows nothing
        self.hidden: dict[str, int] = {}  # how many times DescribeJobs does not show a job
        self.of_nodes: set[str] = set()  # jobs that have several nodes
        self.pauses: list[float] = []
        self.calls: list[str] = []
        self.troubles = Troubles()
        self.on_list: Callable[[], None] = lambda: None

    def cancelled_by(self, _: object) -> FakeCloud:
        return self

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, region) == ("batch", None)
        self.calls.append(operation)
        if operation == "DescribeJobs":
            assert 0 < len(params["jobs"]) <= IDS_PER_CALL
            shown = [one for one in params["jobs"] if not self.hidden.get(one)]
            self.hidden |= {one: self.hidden[one] - 1 for one in params["jobs"] if one not in shown}
            nodes = {"jobId": "ours", "nodeProperties": {"mainNode": 0, "numNodes": 2}}
            return {"jobs": [nodes if one in self.of_nodes else detail(one, self.jobs[one]) for one in shown]}
        assert operation == "ListJobs"
        self.on_list()
        assert params["jobQueue"] == "q"
        assert params["filters"] == [{"name": "JOB_NAME", "values": ["one"]}]
        if self.hidden_looks:
            self.hidden_looks -= 1
            return {"jobSummaryList": []}
        start = int(params.get("nextToken", 0))
        ids = [one for one in self.jobs if "#" not in one][start : start + self.page]
        more = {"nextToken": str(start + self.page)} if start + self.page < len(self.jobs) else {}
        return {"jobSummaryList": [{"jobId": one} for one in ids], **more}

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def pages(self, service: str, operation: str, **params: Any) -> Iterator[dict[str, Any]]:
        cloud: Any = self
        return Cloud.pages(cloud, service, operation, **params)

    def call_once(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("batch", "SubmitJob")
        self.calls.append(operation)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert token_of(params) == "mine"
        return {"jobId": answer}

    @property
    def cloud(self) -> Cloud:
        return cast(Cloud, self)


def test_the_token_is_in_the_request() -> None:
    assert token_of(request("abc.1")) == "abc.1"
    assert token_of({"containerOverrides": {}}) is None
    assert token_of({"containerOverrides": {"environment": [{"name": TOKEN_VARIABLE}]}}) is None


def test_a_token_is_as_short_as_the_check_of_the_request_says() -> None:
    assert len(f"{'0' * 12}.{10**9}") <= TOKEN_LENGTH


@pytest.mark.parametrize("page", [1, 7, 100])
def test_it_is_found_by_its_token_among_many(page: int) -> None:
    fake = FakeCloud({**{f"id-{n}": f"other {n}" for n in range(150)}, "ours": "mine", "none": None}, page)
    assert find(fake.cloud, request()) == "ours"


def test_jobs_of_others_are_not_ours() -> None:
    assert find(FakeCloud({"a": "other", "b": None, "c": "mine.2", "d": ""}).cloud, request()) is None


def test_nothing_is_described_when_nothing_is_listed() -> None:
    fake = FakeCloud({})
    assert find(fake.cloud, request()) is None
    assert fake.calls == ["ListJobs"]


def test_a_listed_job_that_is_not_shown_yet_is_asked_for_again() -> None:
    """It may be the one that is sought: taken for absent, that would be sent once more."""
    fake = FakeCloud({"other": "other", "ours": "mine"})
    fake.hidden = {"ours": len(AGAIN)}
    assert find(fake.cloud, request()) == "ours"
    assert fake.pauses == list(AGAIN)


def test_a_multi_node_job_whose_main_node_is_not_shown_yet_is_asked_for_again() -> None:
    fake = FakeCloud({"ours": "mine", "ours#0": "mine"})
    fake.of_nodes, fake.hidden = {"ours"}, {"ours#0": 1}
    assert find(fake.cloud, request()) == "ours"
    assert fake.pauses == [AGAIN[0]]


def test_a_listed_job_that_is_never_shown_is_not_waited_for_without_end() -> None:
    fake = FakeCloud({"other": "other", "forgotten": "mine"})
    fake.hidden = {"forgotten": 1000}
    assert find(fake.cloud, request()) is None
    assert fake.calls == ["ListJobs", *["DescribeJobs"] * (1 + len(AGAIN))]


def test_the_looks_give_a_service_time_that_is_eventually_consistent() -> None:
    assert all(before < after for before, after in pairwise(LOOKS))
    assert LOOKS[0] >= 0.5, "a look at once finds nothing, and costs a call"
    assert 8 <= LOOKS[-1] <= 60
    assert len(LOOKS) >= 3


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> int:
    """Looks that follow at once; how many there are."""
    looks = (0.0, 0.01, 0.02)
    monkeypatch.setattr(submission, "LOOKS", looks)
    return len(looks)


def submit(fake: FakeCloud, *, unsure: bool = False) -> Event:
    """How the submission of the job ended."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(fake.cloud, events.put) as submitter:
        submitter.submit((ONE,), PreparedRequest(request()), unsure=unsure)
        return events.get(timeout=TIMEOUT)


def test_what_was_sent_is_not_kept_while_the_next_is_waited_for() -> None:
    fake = FakeCloud({})
    fake.answers = ["sent"]
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    prepared = PreparedRequest(request())
    held = weakref.ref(prepared)
    with Submitter(fake.cloud, events.put) as submitter:
        submitter.submit((ONE,), prepared)
        del prepared
        events.get(timeout=TIMEOUT)
        wait_until(lambda: held() is None, what="the end of it")


def test_a_job_that_is_recalled_is_not_sent() -> None:
    fake = FakeCloud({})
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Submitter(fake.cloud, events.put) as submitter:
        submitter.recall("2 jobs failed")
        submitter.submit((ONE,), PreparedRequest(request()))
        event = events.get(timeout=TIMEOUT)
    assert isinstance(event, NotRun)
    assert (event.job, event.reason) == (ONE, "2 jobs failed")
    assert "SubmitJob" not in fake.calls


def lost() -> AwsError:
    return AwsError("SubmitJob", "ConnectionClosedError", "closed", unsure=True)


def aws_id(event: Event) -> str:
    assert isinstance(event, Submitted)
    return event.aws_id


@pytest.mark.usefixtures("quick")
def test_a_lost_answer_sends_nothing_when_the_job_is_there() -> None:
    fake = FakeCloud({"there": "mine"})
    fake.answers, fake.hidden_looks = [lost()], 2
    assert aws_id(submit(fake)) == "there"
    assert fake.calls.count("SubmitJob") == 1


def test_a_lost_answer_is_looked_for_to_the_last_before_it_is_sent_again(quick: int) -> None:
    fake = FakeCloud({})
    fake.answers = [lost(), lost(), "third"]
    assert aws_id(submit(fake)) == "third"
    assert fake.calls == ["SubmitJob", *[*["ListJobs"] * quick, "SubmitJob"] * 2]


@pytest.mark.usefixtures("quick")
def test_no_two_looks_come_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    dues: list[float] = []

    class Noting(DueQueue[Any]):
        def put(self, due: float, item: Any) -> None:
            dues.append(due)
            super().put(due, item)

    monkeypatch.setattr(submission, "DueQueue", Noting)
    fake = FakeCloud({})
    fake.answers = [lost(), "second"]
    assert aws_id(submit(fake)) == "second"
    looks = dues[1:]
    assert len(looks) == len(submission.LOOKS) == fake.calls.count("ListJobs")
    assert all(before < after for before, after in pairwise(looks))


@pytest.mark.usefixtures("quick")
def test_a_lasting_outage_of_submit_job_is_told_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of any other call; and not before it is known that AWS does not have the job."""
    monkeypatch.setattr(submission, "OUTAGE", 0.15)
    monkeypatch.setattr(troubles, "WORTH_TELLING", 0.05)
    fake = FakeCloud({})
    fake.answers = [lost() for _ in range(100)]
    with heard("jobbag.aws") as said:
        event = submit(fake)
    assert isinstance(event, NotSubmitted)
    assert str(event.error) == "SubmitJob failed: closed (ConnectionClosedError)"
    assert fake.calls[-1] == "ListJobs"
    assert [line for line in said if line.startswith("WARNING SubmitJob: ")]
    assert fake.troubles.what() is None, "it is over"


@pytest.mark.usefixtures("quick")
def test_who_watches_is_told_of_an_outage_of_submit_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "WORTH_TELLING", 0.0)
    fake = FakeCloud({})
    fake.answers = [lost(), lost(), "third"]
    seen = []
    fake.on_list = lambda: seen.append(fake.troubles.what())
    assert aws_id(submit(fake)) == "third"
    assert set(seen) == {"an outage of SubmitJob"}
    assert fake.troubles.what() is None


def test_a_job_of_an_earlier_start_is_looked_for_before_it_is_sent(quick: int) -> None:
    fake = FakeCloud({"there": "mine"})
    fake.hidden_looks = quick
    assert aws_id(submit(fake, unsure=True)) == "there"
    assert "SubmitJob" not in fake.calls
    fake = FakeCloud({})
    event = submit(fake, unsure=True)
    assert isinstance(event, Absent)
    assert event.jobs == (ONE,)
    assert fake.calls == ["ListJobs"] * (quick + 1)


def test_an_answer_for_good_is_the_end_of_it() -> None:
    fake = FakeCloud({})
    refusal = AwsError("SubmitJob", "ClientException", "no")
    fake.answers = [refusal]
    event = submit(fake)
    assert isinstance(event, NotSubmitted)
    assert event.error is refusal
    assert fake.calls == ["SubmitJob"]


@pytest.mark.parametrize(
    "fields",
    [
        {"ecsProperties": {"taskProperties": [{"containers": [{"name": "side"}, {"environment": [MINE]}]}]}},
        {"eksProperties": {"podProperties": {"containers": [{"env": [MINE]}]}}},
        {"nodeProperties": {"numNodes": 2, "mainNode": 1, "nodeRangeProperties": []}},
    ],
)
def test_a_job_of_any_form_is_found_by_its_token(fields: dict[str, Any]) -> None:
    def call(_: str, operation: str, __: str | None = None, **params: Any) -> dict[str, Any]:
        if operation == "ListJobs":
            return {"jobSummaryList": [{"jobId": "ours"}]}
        if params["jobs"] == ["ours#1"]:  # the main node; the job does not show what its request has overridden
            return {"jobs": [{"jobId": "ours#1", "container": {"environment": [MINE]}}]}
        return {"jobs": [{"jobId": "ours", **fields}]}

    cloud: Any = SimpleNamespace(call=call)
    cloud.pages = lambda *args, **params: [call(*args, **params)]
    assert find(cloud, request()) == "ours"
