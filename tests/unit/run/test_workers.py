"""The workers begin and end together; and what the log fetcher is told of a job that is over."""

from __future__ import annotations

from typing import Any, cast

import pytest

from jobbag.aws.client import Cloud
from jobbag.entities.kinds import Plan
from jobbag.errors import AwsError, ToolError
from jobbag.events.events import Event, Lost, NotRun, NotSubmitted, StateChanged, Submitted, Submitting
from jobbag.events.observation import LogPlace, Observation
from jobbag.events.state import RunState
from jobbag.logs.outputs import JobFiles
from jobbag.run import workers
from jobbag.run.task import TaskOnAws
from jobbag.run.workers import Workers
from jobbag.s3.place import S3Place

from ..builders import bag, ended, job, settings

ONE = job(1, "one")
PLACE = S3Place("bucket", "", own=True)
CLASSES = ("Uploader", "Submitter", "Terminator", "QueueWatch", "Monitor", "Follower", "Results", "LogFetcher")
ERROR = AwsError("SubmitJob", "ClientException", "no such queue")


class Fakes:
    """Workers that write down what they are told; the one called `broken` cannot begin."""

    def __init__(self, patch: pytest.MonkeyPatch, broken: str = "") -> None:
        self.told: list[str] = []
        self.fetched: list[tuple[Any, ...]] = []
        for name in CLASSES:
            patch.setattr(workers, name, self._class(name, broken))

    def _class(self, name: str, broken: str) -> Any:
        fakes = self

        class Fake:
            def __init__(self, *_: object, **__: object) -> None:
                self.saw = self.reading = None
                self.here = lambda stopped: stopped and stopped / 1000

            def __enter__(self) -> Fake:
                if name == broken:
                    raise ToolError("no thread")
                fakes.told.append(f"+{name}")
                return self

            def __exit__(self, *_: object) -> None:
                fakes.told.append(f"-{name}")

            def fetch(self, *what: Any) -> None:
                if name == "LogFetcher":
                    fakes.fetched.append(what)

        return Fake

    def workers(self) -> Workers:
        task = TaskOnAws(bag(ONE), Plan(None, None, None, PLACE), PLACE, cast(Cloud, None))
        return Workers(task, settings(), JobFiles(), RunState(task.bag, 0), lambda _: None, bucket_is_new=True)


def test_all_begin_and_those_that_send_something_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Fakes(monkeypatch)
    with fakes.workers():
        assert sorted(fakes.told) == sorted(f"+{name}" for name in CLASSES)
        fakes.told.clear()
    assert sorted(fakes.told) == sorted(f"-{name}" for name in CLASSES)
    assert fakes.told[:3] == ["-Uploader", "-Submitter", "-Terminator"]
    assert fakes.told[-1] == "-LogFetcher", "it writes what the others have found"


@pytest.mark.parametrize("broken", CLASSES)
def test_those_that_have_begun_end_when_one_cannot(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    fakes = Fakes(monkeypatch, broken)
    with pytest.raises(ToolError, match="no thread"), fakes.workers():
        raise AssertionError("nothing goes on without it")
    begun = [one[1:] for one in fakes.told if one[0] == "+"]
    assert [one[1:] for one in fakes.told if one[0] == "-"] == begun[::-1]


RUNNING = StateChanged(ONE, "id", Observation("RUNNING"))
GONE = AwsError("DescribeJobs", "Missing", "it is not shown any more")


@pytest.mark.parametrize(
    ("events", "aws_id", "has_ended", "why"),
    [
        ([Submitted(ONE, "id"), StateChanged(ONE, "id", ended())], "id", True, None),
        ([Submitted(ONE, "id"), RUNNING, Lost(ONE, "id", GONE)], "id", False, str(GONE)),
        ([Submitting(ONE, "t"), NotSubmitted(ONE, ERROR)], "", False, f"it was not submitted: {ERROR}"),
        ([NotRun(ONE, "job zero failed")], "", False, "not run: job zero failed"),
    ],
    ids=["ended", "lost", "refused", "not run"],
)
def test_the_fetcher_is_told_what_is_known_of_the_job(
    monkeypatch: pytest.MonkeyPatch, events: list[Event], aws_id: str, has_ended: bool, why: str | None
) -> None:
    fakes, state = Fakes(monkeypatch), RunState(bag(ONE), 0)
    for event in events:
        state(event)
    fakes.workers().fetch(ONE, state)
    seen, when = (ended(), 3.5) if has_ended else (None, None)
    assert fakes.fetched == [(ONE, aws_id, seen, why, None, None, when, [])]


def test_the_log_of_a_lost_job_is_fetched_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes, state = Fakes(monkeypatch), RunState(bag(ONE), 0)
    seen = Observation("RUNNING", log=LogPlace("d/default/1"))
    for event in (Submitted(ONE, "id"), StateChanged(ONE, "id", seen), Lost(ONE, "id", GONE)):
        state(event)
    fakes.workers().fetch(ONE, state)
    assert fakes.fetched == [(ONE, "id", seen, None, str(GONE), None, None, [])]


def test_of_several_containers_it_is_not_known_when_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes, state = Fakes(monkeypatch), RunState(bag(ONE), 0)
    seen = ended(more_logs=(LogPlace("another"),))
    for event in (Submitted(ONE, "id"), StateChanged(ONE, "id", seen)):
        state(event)
    fakes.workers().fetch(ONE, state)
    assert fakes.fetched == [(ONE, "id", seen, None, None, None, None, [])]
