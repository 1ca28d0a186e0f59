"""When jobs of a queue stay RUNNABLE: asks AWS about the queue, beside the poller, and tells why."""

from __future__ import annotations

import logging
import queue
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.capacity import Needs, environment_refs, needs_of, those_of
from jobbag.errors import Cancelled, ToolError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import JobsWaiting
from jobbag.events.observation import ENDED
from jobbag.jobs.diagnosis import Cause, Facts, cause, sentence
from jobbag.jobs.ids import parent_of
from jobbag.threads import Worker

log = logging.getLogger(__name__)

PATIENCE = 60.0  # s that a job may be RUNNABLE before it is asked why
AGAIN = 120.0  # s until it is asked again
TICK = 5.0  # s


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job that is RUNNABLE, or an array job with so many such children."""

    count: int
    since: float  # time.monotonic()
    created: int  # ms since the epoch
    needs: Needs
    said: str | None


@dataclass(frozen=True, slots=True)
class _News:
    """What DescribeJobs says of a job, or of an array job with its children, without what is not needed of it: with
    that, the news of a few seconds would take a hundred MB."""

    aws_id: str
    queue: str  # its ARN
    status: str
    said: str | None
    children: Mapping[str, int] | None  # how many are in each state; None: it is no array job
    created: int  # ms since the epoch
    needs: Needs | None  # of jobs that are RUNNABLE
    at: float  # time.monotonic()

    @classmethod
    def of(cls, aws_id: str, detail: Mapping[str, Any]) -> _News:
        status, children = str(detail["status"]), (detail.get("arrayProperties") or {}).get("statusSummary")
        is_runnable = (children or {status: 1}).get("RUNNABLE") and parent_of(aws_id) is None
        return cls(
            aws_id,
            sys.intern(str(detail.get("jobQueue"))),
            sys.intern(status),
            detail.get("statusReason"),
            children,
            int(detail.get("createdAt") or 0),
            needs_of(detail) if is_runnable else None,
            time.monotonic(),
        )


@dataclass
class _Queue:
    waiting: dict[str, _Waiting] = field(default_factory=dict)  # by AWS id; those that wait longest come first
    running: dict[str, int] = field(default_factory=dict)  # how many jobs, by AWS id
    next_look: float = 0.0  # time.monotonic()
    told: list[Cause] = field(default_factory=list)

    def learn(self, news: _News) -> None:
        """What is new of a job, or of an array job with its children."""
        counts = {news.status: 1} if news.children is None else news.children
        before = self.waiting.get(news.aws_id)
        if news.needs is not None:
            since = before.since if before else news.at
            said = before.said if before and news.children is not None else news.said
            self.waiting[news.aws_id] = _Waiting(counts["RUNNABLE"], since, news.created, news.needs, said)
        else:
            self.forget(news.aws_id)
        self.running[news.aws_id] = counts.get("STARTING", 0) + counts.get("RUNNING", 0)
        if not self.running[news.aws_id]:
            del self.running[news.aws_id]

    def forget(self, aws_id: str) -> None:
        """The job does not wait any more."""
        self.waiting.pop(aws_id, None)
        if not self.waiting:
            self.forget_wrong()

    def forget_wrong(self) -> None:
        """What takes its time is told once; what was wrong is told again when it comes back."""
        self.told = [one for one in self.told if not one.wrong]


class QueueWatch(Worker):
    """A thread that asks why jobs do not start; it alone owns what it knows of the queues.

    Its calls only serve to tell more: one that fails means that less is known, and nobody waits for one under way.
    """

    name = "queue watch"
    leaving = 0.0

    def __init__(self, cloud: Cloud, emit: Emit) -> None:
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._emit = emit
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._queues: dict[str, _Queue] = {}

    def saw(self, aws_id: str, detail: Mapping[str, Any]) -> None:
        """Learn a job's new state, or the new reason of its state, from what DescribeJobs says. Never waits."""
        self._news.put(_News.of(aws_id, detail))

    def work(self) -> None:
        """Learn what is new of the queues, and ask about those in which jobs wait for long."""
        while not self.stopped.wait(TICK):
            while not self._news.empty():
                self._learn(self._news.get())
            for ref, of_queue in self._queues.items():
                now = time.monotonic()
                first = next(iter(of_queue.waiting.values()), None)
                if first is not None and now >= max(first.since + PATIENCE, of_queue.next_look):
                    of_queue.next_look = now + AGAIN
                    self._look(ref, of_queue, now - first.since)

    def _learn(self, news: _News) -> None:
        of_queue = self._queues.setdefault(news.queue, _Queue())
        parent = parent_of(news.aws_id)
        if parent is None:
            of_queue.learn(news)
        elif news.status == "RUNNABLE" and parent in of_queue.waiting:
            # How many children wait, the array's counts tell, but not why.
            of_queue.waiting[parent] = replace(of_queue.waiting[parent], said=news.said)
        else:
            of_queue.forget(parent)  # a child gets on; the next look at the array, if any, tells how many still wait
            if news.status in ENDED:
                of_queue.running.pop(parent, None)

    def _look(self, ref: str, of_queue: _Queue, waited: float) -> None:
        try:
            facts = self._facts(ref, of_queue, waited)
        except Cancelled:
            return
        found = cause(facts)
        told = [one.key for one in of_queue.told]
        of_queue.forget_wrong()
        if found is not None:
            of_queue.told.append(found)
            if found.key not in told:
                self._emit(JobsWaiting(ref, sentence(facts, found), found.wrong))

    def _facts(self, ref: str, of_queue: _Queue, waited: float) -> Facts:
        waiting = of_queue.waiting.values()
        denied: list[str] = []
        queues = self._ask("DescribeJobQueues", denied, jobQueues=[ref])
        detail: dict[str, Any] | None = None if queues is None else next(iter(queues.get("jobQueues", ())), {})
        return Facts(
            queue=ref,
            waited=waited,
            waiting=sum(one.count for one in waiting),
            running=sum(sum(one.running.values()) for one in self._queues.values()),
            needs=tuple(dict.fromkeys(one.needs for one in waiting)),
            said=tuple(dict.fromkeys(one.said for one in waiting if one.said)),
            detail=detail,
            environments=self._environments(detail or {}, denied),
            ahead=self._ahead(ref, of_queue, denied),
            denied=next(iter(denied), None),
        )

    def _environments(self, detail: Mapping[str, Any], denied: list[str]) -> tuple[Mapping[str, Any], ...] | None:
        refs = environment_refs(detail)
        found = self._ask("DescribeComputeEnvironments", denied, computeEnvironments=refs) if refs else None
        return None if found is None else those_of(refs, found.get("computeEnvironments", ()))

    def _ahead(self, ref: str, of_queue: _Queue, denied: list[str]) -> int | None:
        """How many jobs of others are to start before the first of ours; at least so many, of a long queue."""
        snapshot = self._ask("GetJobQueueSnapshot", denied, jobQueue=ref)
        front = [str(one.get("jobArn")) for one in (snapshot or {}).get("frontOfQueue", {}).get("jobs", ())]
        if front:
            ours = of_queue.waiting.keys() | of_queue.running.keys()
            ids = (arn.rpartition("/")[2] for arn in front)
            return len(list(takewhile(lambda aws_id: (parent_of(aws_id) or aws_id) not in ours, ids)))
        runnable = self._ask("ListJobs", denied, jobQueue=ref, jobStatus="RUNNABLE")
        if runnable is None:
            return None
        first = min(one.created for one in of_queue.waiting.values())
        others = (one for one in runnable.get("jobSummaryList", ()) if one["jobId"] not in of_queue.waiting)
        return sum(int(one.get("createdAt") or 0) < first for one in others)

    def _ask(self, operation: str, denied: list[str], **params: Any) -> dict[str, Any] | None:
        try:
            return self._cloud.attempt("batch", operation, **params)
        except Cancelled:
            raise
        except ToolError as error:
            log.debug("why jobs wait: %s", error)
            denied.append(str(error))
            return None
