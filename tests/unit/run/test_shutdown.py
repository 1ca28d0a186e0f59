"""A run that is halted or stopped: each job that AWS has is terminated once, and the journal knows it before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.errors import ExitCode, Interrupted
from jobbag.events.events import Event, StateChanged, Submitted
from jobbag.events.journal import Journal
from jobbag.events.observation import Observation
from jobbag.events.state import RunState
from jobbag.run import shutdown
from jobbag.run.shutdown import Shutdown, policy_of
from jobbag.run.workers import Workers

from ..builders import bag, ended, heard, job, settings

JOBS = [job(number, f"j{number}") for number in range(1, 7)]
GRACE = 30.0  # s


class Scene:
    """A run with its journal, and with AWS, the workers and the loop as fakes: `done` is what they were told to do."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch, **wanted: Any) -> None:
        self.done: list[str] = []
        self.reasons: set[str] = set()
        self.aws: dict[str, str] = {}  # what DescribeJobs says, by AWS id
        self.unknown: list[str] = []  # AWS ids that the journal did not know when they were terminated
        self.state = RunState(bag(*JOBS), 0)
        self.to_come: list[Callable[[], None]] = []  # events, for the loop
        self.seconds = 0.0  # that have passed
        self.waits = 0.0  # s that each wait of the loop takes
        self.is_unsettled = True
        self.ends_by_itself = True
        self._path, self._synced = path, 0
        path.unlink(missing_ok=True)
        self.journal = Journal(path)
        patch.setattr(os, "fsync", self._fsync)
        patch.setattr(shutdown, "time", SimpleNamespace(monotonic=lambda: self.seconds))
        submitter = SimpleNamespace(
            recall=lambda reason: self.done.append(f"recall: {reason}"),
            send_no_more=lambda: self.done.append("send no more"),
            close=lambda seconds: self.done.append(f"close {seconds}"),
        )
        uploader = SimpleNamespace(cancel=lambda: self.done.append("cancel uploads"))
        workers: Any = SimpleNamespace(submitter=submitter, uploader=uploader, terminator=self)
        self.shutdown = Shutdown(
            cast(Cloud, self),
            self.state,
            self.journal,
            cast(Workers, workers),
            self,
            policy_of(settings(grace=GRACE, **wanted)),
        )

    def _fsync(self, file: int) -> None:
        self._synced = os.fstat(file).st_size

    def running(self, *jobs: Job, status: str = "RUNNING") -> None:
        """AWS has these jobs."""
        for one in jobs:
            self.state(Submitted(one, f"id-{one.number}"))
            self.state(StateChanged(one, f"id-{one.number}", Observation(status)))

    def found(self, one: Job, aws_id: str) -> None:
        """AWS turns out to have the job, too, while the run is being stopped."""
        self.state(Submitted(one, aws_id))
        self.shutdown.came_late(one, aws_id)

    # -- the loop

    def tell(self, event: Event) -> None:
        self.journal(event)
        self.state(event)

    def handle_next(self, seconds: float) -> None:
        assert seconds > 0
        self.seconds += self.waits
        if self.to_come:
            self.to_come.pop(0)()
        elif self.ends_by_itself:
            self.is_unsettled = False

    def drain(self) -> None:
        self.done.append("drain")

    # -- AWS and the terminator

    @contextmanager
    def within(self, seconds: float) -> Iterator[Scene]:
        self.done.append(f"within {seconds:g}")
        yield self

    def call(self, _: str, operation: str, *, jobs: list[str], reason: str = "") -> dict[str, Any]:
        if operation == "DescribeJobs":
            return {"jobs": [{"jobId": one, "status": self.aws[one]} for one in jobs if one in self.aws]}
        assert operation == "TerminateJobs"
        self.terminate(dict.fromkeys(jobs, ""), reason)
        return {}

    def terminate(self, jobs: Mapping[str, str], reason: str) -> None:
        lines = map(json.loads, self._path.read_bytes()[: self._synced].splitlines())
        known = {line["aws_id"] for line in lines if line["event"] == "Terminated"}
        self.unknown += [aws_id for aws_id in jobs if aws_id not in known]
        self.done += [f"terminate {aws_id}" for aws_id in jobs]
        self.reasons.add(reason)

    def terminated(self) -> list[str]:
        return [one.split()[1] for one in self.done if one.startswith("terminate")]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(tmp_path / "run.journal", monkeypatch)
    with scene.journal:
        yield scene


def interrupted(code: ExitCode = ExitCode.SIGINT) -> Interrupted:
    """A signal that has come at the time 0."""
    signal = Interrupted(code)
    signal.at = 0.0
    return signal


def test_a_halt_recalls_what_is_not_sent_and_terminates_what_is(scene: Scene) -> None:
    scene.running(*JOBS[:2])
    scene.shutdown.halt("2 jobs failed")
    assert scene.done == ["recall: 2 jobs failed", "terminate id-1", "terminate id-2", "cancel uploads"]
    assert scene.reasons == {"pegasus-aws-batch was halted: 2 jobs failed"}
    assert scene.unknown == []


def test_jobs_that_wait_are_terminated_first(scene: Scene) -> None:
    """They would start in the places of those that run."""
    scene.running(JOBS[0], JOBS[2])
    scene.running(JOBS[1], JOBS[3], status="RUNNABLE")
    scene.shutdown.stop(interrupted())
    assert scene.terminated() == ["id-2", "id-4", "id-1", "id-3"]


def test_jobs_that_have_ended_are_left_alone(scene: Scene) -> None:
    scene.running(*JOBS[:2])
    scene.state(StateChanged(JOBS[0], "id-1", ended()))
    scene.shutdown.stop(interrupted())
    assert scene.terminated() == ["id-2"]


def test_what_nobody_has_looked_at_for_long_may_have_ended(scene: Scene) -> None:
    """Of a run that nobody holds: AWS is asked, so that a job that failed by itself is not told as stopped."""
    scene.running(*JOBS[:3])
    scene.aws = {"id-1": "FAILED", "id-2": "RUNNING"}  # the third one is forgotten
    signal = Interrupted(ExitCode.SIGTERM, cancelled=True, unheld=True)
    signal.at = 0.0
    scene.shutdown.stop(signal)
    assert scene.terminated() == ["id-2"]


def test_nothing_more_is_sent_before_anything_is_terminated(scene: Scene) -> None:
    scene.running(JOBS[0])
    with heard("jobbag.run.shutdown") as said:
        scene.shutdown.stop(interrupted())
    assert scene.done == ["cancel uploads", "send no more", f"within {GRACE:g}", "terminate id-1"]
    assert scene.reasons == {"pegasus-aws-batch was stopped"}
    assert said == [
        "WARNING SIGINT: no more jobs are sent; a second signal leaves at once",
        "WARNING terminating 1 job, then waiting up to 30 s for their logs",
    ]


@pytest.mark.parametrize(
    ("code", "on_interrupt"),
    [(ExitCode.SIGHUP, "terminate"), (ExitCode.SIGINT, "detach"), (ExitCode.SIGTERM, "detach")],
)
def test_a_run_that_detaches_terminates_nothing_and_learns_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: ExitCode, on_interrupt: str
) -> None:
    scene = Scene(tmp_path / "run.journal", monkeypatch, on_interrupt=on_interrupt)
    scene.running(*JOBS)
    with scene.journal:
        scene.shutdown.stop(interrupted(code))
    assert scene.done == ["cancel uploads", "send no more", f"close {GRACE / 2}", "drain"]


@pytest.mark.parametrize(("code", "seconds"), [(ExitCode.SIGINT, 30.0), (ExitCode.SIGTERM, 22.5)])
def test_logs_are_waited_for_so_long_and_no_longer(scene: Scene, code: ExitCode, seconds: float) -> None:
    """After SIGTERM, some of the time is for the clean-up."""
    scene.running(JOBS[0])
    scene.waits, scene.ends_by_itself = 2.5, False
    scene.shutdown.stop(interrupted(code))
    assert scene.seconds == seconds


def test_a_run_that_is_settled_is_not_waited_for(scene: Scene) -> None:
    scene.waits, scene.is_unsettled = 1.0, False
    scene.shutdown.stop(interrupted())
    assert (scene.seconds, scene.terminated()) == (0.0, [])


STEPS = st.lists(st.tuples(st.sampled_from(["found", "ended"]), st.integers(0, len(JOBS) - 1)), max_size=12)


@given(st.sets(st.integers(0, len(JOBS) - 1)), STEPS)
def test_each_job_that_aws_has_is_terminated_once_whatever_comes_meanwhile(
    tmp_path_factory: pytest.TempPathFactory, first: set[int], steps: list[tuple[str, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        scene = Scene(tmp_path_factory.mktemp("run") / "run.journal", patch)
        there = set(first)
        scene.running(*(JOBS[one] for one in sorted(first)))
        for step, number in steps:
            one, aws_id = JOBS[number], f"id-{number + 1}"

            if step == "found" and number not in there:
                there.add(number)
                scene.to_come.append(partial(scene.found, one, aws_id))
            elif step == "ended" and number in there:
                scene.to_come.append(partial(scene.state, StateChanged(one, aws_id, ended("FAILED", 143))))
        with scene.journal:
            scene.shutdown.stop(interrupted())
    assert sorted(scene.terminated()) == sorted(f"id-{number + 1}" for number in there)
    assert scene.unknown == []
    assert all(scene.state.of(JOBS[number]).terminated for number in there)
