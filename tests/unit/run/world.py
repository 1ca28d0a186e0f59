"""AWS and the workers of a run as a model without threads: what comes next is drawn by chance."""

from __future__ import annotations

import queue
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.bag.rules import MoreMemory, OtherQueue
from jobbag.errors import ToolError
from jobbag.events import remarks
from jobbag.events.events import (
    Absent,
    Event,
    LogsWritten,
    NotRun,
    NotSubmitted,
    Staged,
    StagingFailed,
    StateChanged,
    Submitted,
    Unsent,
)
from jobbag.events.observation import Observation
from jobbag.events.state import RunState
from jobbag.jobs.array_request import JobGroup, PreparedRequest
from jobbag.jobs.ids import parent_of
from jobbag.jobs.submission import token_of

from ..builders import array, bag, ended, job

_FILES = st.sampled_from([(), (), ("a",), ("b",), ("a", "b")])
_NEEDED = st.just(0) | st.integers(0, 127)  # jobs, by their bits


FIRST_MEMORY = 1024  # MiB that jobs ask for
DEFINITION = {"containerProperties": {"resourceRequirements": [{"type": "MEMORY", "value": str(FIRST_MEMORY)}]}}
OOM, LOST = "OutOfMemoryError: Container killed due to memory usage", "Host EC2 (instance i-1) terminated."
OTHER = "other"  # the queue for jobs that have lost their machines


@st.composite
def bags(draw: st.DrawFn, *, arrays: bool = False, rules: bool = False) -> Bag:
    """Jobs that wait for files and for each other; some of them may be arrays of the user's own.

    With `rules`, they are sent again with more memory, or to another queue, when that is what they lack.
    """
    jobs: list[Job] = []
    sizes = st.sampled_from([0, 0, 2, 3] if arrays else [0])
    entries = draw(st.lists(st.tuples(_FILES, _NEEDED, sizes), min_size=1, max_size=8))
    for entry, (files, needed, size) in enumerate(entries, 1):
        depends_on = tuple(f"j{one}" for one in range(1, entry) if needed >> one & 1)
        name, number = f"j{entry}", len(jobs) + 1
        fields: dict[str, Any] = {"inputs": files, "depends_on": depends_on}
        if rules and not size:
            fields |= {"on_out_of_memory": MoreMemory(2, 2), "on_spot_loss": OtherQueue(OTHER, 2)}
        jobs += array(number, name, size, **fields) if size else [job(number, name, **fields)]
    return bag(*jobs, common=draw(st.sampled_from([(), ("all",)])))


class Killed(BaseException):
    """The end of a process, at any instant."""


@dataclass
class InAws:
    """A job that AWS has. `needs` are AWS ids; `end` is what is seen when it has ended."""

    job: Job
    needs: list[str]
    end: Observation | None = None
    terminated: bool = False  # or that was asked for when it had ended
    memory: int = FIRST_MEMORY  # MiB
    queue: str = ""

    @property
    def asks(self) -> tuple[int, str]:
        return self.memory, self.queue


@dataclass
class Aws:
    """The jobs that AWS has, over all starts of a run. `trouble` is the share of whatever can fail that fails."""

    chance: random.Random
    trouble: float
    jobs: dict[str, InAws] = field(default_factory=dict)  # by AWS id
    by_token: dict[str, str] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)  # MiB without which a job ends, by name
    spot: frozenset[str] = frozenset()  # names of jobs that lose their machines, but in the other queue
    failing: frozenset[str] = frozenset()  # names of jobs that fail by themselves
    told: dict[str, str | None] = field(default_factory=dict)  # why jobs have no log, by name
    hold: bool = False  # jobs end only when they are terminated

    def fails(self) -> bool:
        return self.chance.random() < self.trouble

    def submit(self, jobs: JobGroup, prepared: PreparedRequest) -> str:
        """SubmitJob. No job may be there twice, unless the first one was terminated before it succeeded."""
        aws_id = f"id-{len(self.by_token) + 1}"
        token = token_of(prepared.request)
        assert token is not None
        assert token not in self.by_token
        needs = [one["jobId"] for one in prepared.request.get("dependsOn", ())]
        assert all(map(self._with, needs)), "AWS knows what the job waits for"
        size = jobs[0].child.size if jobs[0].child else len(jobs)
        assert len(jobs) == size, "an array of the user's own is sent as a whole"
        requirements = prepared.request["containerOverrides"].get("resourceRequirements", ())
        memory = next((int(one["value"]) for one in requirements if one["type"] == "MEMORY"), FIRST_MEMORY)
        asks = memory, prepared.request["jobQueue"]
        numbers = {one.number for one in jobs}
        earlier = [there for there in self.jobs.values() if there.job.number in numbers]
        stopped = [self._may_run_again(there, asks) for there in earlier]
        assert all(stopped) or (jobs[0].child and any(stopped)), "it runs once"
        assert all(there.end for there in earlier), "it does not run twice at the same time"
        self.jobs |= {own_id: InAws(one, needs, None, False, *asks) for one, own_id in prepared.ids(jobs, aws_id)}
        self.by_token[token] = aws_id
        return aws_id

    def _may_run_again(self, there: InAws, asks: tuple[int, str]) -> bool:
        """Whether a job can be sent that was sent before: that was terminated, or had less, or lost its machine."""
        if there.end is None or there.end.status == "SUCCEEDED":
            return False
        lost = LOST in (there.end.reason or "") and there.queue != OTHER
        return there.terminated or lost or (OOM in (there.end.reason or "") and there.memory < asks[0])

    def _with(self, aws_id: str) -> list[InAws]:
        """The job, or all children of the array job."""
        return [one for own_id, one in self.jobs.items() if aws_id in (own_id, parent_of(own_id))]

    def _needed(self, aws_id: str) -> list[Observation | None]:
        """The ends of what the job waits for."""
        return [one.end for need in self.jobs[aws_id].needs for one in self._with(need)]

    def can_end(self, aws_id: str) -> bool:
        """Whether the job may end now, or has ended."""
        job = self.jobs[aws_id]
        return job.end is not None or job.terminated or (not self.hold and all(self._needed(aws_id)))

    def end(self, aws_id: str) -> Observation:
        """Let a job end that may, if it has not ended yet."""
        job = self.jobs[aws_id]
        if job.end is None:
            if job.terminated or any(one is None or one.status == "FAILED" for one in self._needed(aws_id)):
                reason = "Job terminated" if job.terminated else "Dependent Job failed"
                job.end = ended("FAILED", None, status_reason=reason, started=None)
            else:
                name = job.job.name
                if name in self.spot and job.queue != OTHER:
                    job.end = ended("FAILED", None, status_reason=LOST, memory=job.memory)
                elif job.memory < self.needs.get(name, 0):
                    job.end = ended("FAILED", 137, container_reason=OOM, memory=job.memory)
                else:
                    job.end = ended("FAILED", 1) if name in self.failing or self.fails() else ended()
        return job.end

    def terminate(self, aws_ids: Iterable[str]) -> None:
        """TerminateJobs."""
        for one in (one for aws_id in aws_ids for one in self._with(aws_id)):
            one.terminated = True


class World:
    """What the loop of one start sees: AWS, the workers, and the queue of their events.

    A worker does its work while the loop waits for an event. A loop that waits for what never comes fails.
    """

    region = "eu-west-3"

    def __init__(self, aws: Aws, after: int | None = None, happens: Callable[[], None] = lambda: None) -> None:
        """`happens` is called after so many steps."""
        self._aws = aws
        self._left = after
        self._happens = happens
        self._events: list[Event] = []
        self._uploads: list[str] = []
        self._requests: list[_Request] = []
        self._watched: dict[str, Job] = {}  # by AWS id
        self._over: list[Job] = []  # whose output is to be fetched
        self._fetched: set[str] = set()  # names of jobs
        self._recalled: str | None = None
        self._no_more = False
        self.uploader = self.submitter = self.terminator = self.monitor = self.follower = self

    def have_fetched_results(self, _: RunState) -> bool:
        """There are none."""
        return True

    # -- the queue of events

    def put(self, event: Event) -> None:
        self._events.append(event)

    def empty(self) -> bool:
        return not self._events

    def get(self, timeout: float | None = None) -> Event:
        while True:
            self._step()
            ends = [aws_id for aws_id in self._watched if self._aws.can_end(aws_id)]
            choices = [*self._events, *self._uploads, *self._requests, *self._over, *ends]
            if timeout is not None and (not choices or self._aws.chance.random() < 0.3):
                raise queue.Empty
            assert choices, "the run waits for something that never comes"
            one = self._aws.chance.choice(choices)
            match one:
                case Event():
                    self._events.remove(one)
                    return one
                case _Request():
                    self._requests.remove(one)
                    self._events += self._answer(one)
                case Job():
                    self._over.remove(one)
                    self.put(LogsWritten(one, Path("out"), Path("err"), 1))
                case str() if one in self._watched:
                    self.put(StateChanged(self._watched.pop(one), one, self._aws.end(one)))
                case str():
                    self._uploads.remove(one)
                    lost = self._aws.fails()
                    self.put(StagingFailed(one, ToolError("no")) if lost else Staged(one, one, 1, 1, True))

    def _step(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._happens()

    # -- the workers

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, seconds: float | None = None) -> None:
        """The submitter drops what it has not sent."""
        del seconds
        self._no_more = True
        for one in self._requests:
            self._events += [Unsent(job) for job in one.jobs if not one.unsure]
        self._requests.clear()

    def __call__(self, event: Event) -> None:
        """The follower hears of it."""

    def follow(self, job: Job, observation: Observation) -> None:
        del job, observation

    def send(self, items: list[str]) -> None:
        self._uploads += items

    def cancel(self) -> None:
        self._uploads.clear()

    def submit(self, jobs: JobGroup, prepared: PreparedRequest, *, unsure: bool = False) -> None:
        self._requests.append(_Request(jobs, prepared, unsure))

    def recall(self, reason: str) -> None:
        self._recalled = reason

    def send_no_more(self) -> None:
        self._no_more = True

    def _answer(self, one: _Request) -> list[Event]:
        token = token_of(one.prepared.request)
        if one.unsure:
            found = self._aws.by_token.get(token or "")
            return self._submitted(one, found) if found else [Absent(one.jobs)]
        if self._recalled is not None:
            return [NotRun(job, self._recalled) for job in one.jobs]
        if self._no_more:
            return [Unsent(job) for job in one.jobs]
        if self._aws.fails():
            return [NotSubmitted(job, ToolError("no")) for job in one.jobs]
        aws_id = self._aws.submit(one.jobs, one.prepared)
        self._step()  # the process may be killed before it knows
        return self._submitted(one, aws_id)

    def _submitted(self, one: _Request, aws_id: str) -> list[Event]:
        return [Submitted(job, own_id) for job, own_id in one.prepared.ids(one.jobs, aws_id)]

    def terminate(self, jobs: Mapping[str, str], reason: str) -> None:
        del reason
        self._aws.terminate(jobs)

    def watch(self, job: Job, state: RunState) -> None:
        aws_id = state.of(job).aws_id
        assert aws_id not in self._watched
        self._watched[aws_id] = job

    def fetch(self, job: Job, state: RunState) -> None:
        assert state.of(job).over
        assert job.name not in self._fetched, "its output is written once"
        self._fetched.add(job.name)
        why = remarks.why_no_log(state, job)
        assert why is None or "a job failed" not in why, "a job that failed is named"
        self._aws.told[job.name] = why
        self._over.append(job)

    # -- AWS, for the main thread

    @contextmanager
    def within(self, seconds: float) -> Iterator[World]:
        assert seconds > 0
        yield self

    def call(self, service: str, operation: str, *, jobs: list[str], reason: str = "") -> dict[str, Any]:
        if operation == "DescribeJobs":
            ends = {aws_id: self._aws.jobs[aws_id].end for aws_id in jobs}
            return {"jobs": [{"jobId": one, "status": end.status if end else "RUNNING"} for one, end in ends.items()]}
        assert (service, operation) == ("batch", "TerminateJobs")
        self.terminate(dict.fromkeys(jobs, ""), reason)
        return {}


@dataclass(frozen=True)
class _Request:
    jobs: JobGroup
    prepared: PreparedRequest
    unsure: bool
