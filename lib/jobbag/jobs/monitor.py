"""DescribeJobs by the hundred → state-change events."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.bag.job import Job
from jobbag.batches import batches
from jobbag.errors import AwsError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import Lost, StateChanged
from jobbag.events.observation import ENDED, Observation, now_ms
from jobbag.jobs.array_children import ArrayChildren
from jobbag.jobs.ids import node_id, parent_of
from jobbag.jobs.job_detail import observe
from jobbag.jobs.poll_schedule import Allowance, PollSchedule
from jobbag.threads import DaemonPool, Worker

CALLS_PER_SECOND, BURST = 2.0, 8  # on average, and at once after a pause
CHILDREN_SHARE, CHILDREN_BURST = 0.4, 40  # for children of array jobs that have ended: of the calls a run may make now
AT_ONCE = 4  # calls for children that are under way side by side
LOCAL_CALLS_PER_SECOND = 50.0  # to the embedded AWS
TICK, LOCAL_TICK = 0.5, 0.1  # s; jobs that are due within one are asked for together
NODES_END = 60.0  # s after the end of a multi-node job in which its other nodes are waited for
MISSING = 300.0  # s that a job may be missing from DescribeJobs, which is eventually consistent
FORGOTTEN = 30.0  # s, if it is so old that AWS is likely to have forgotten it
OLD = 24 * 3600.0  # s since a job was created; AWS Batch keeps ended ones for a day at least

FIRST_LOOK = 1.0  # s between two looks at array jobs, at least

Tell = Callable[[str, Mapping[str, Any]], None]  # by AWS id
FindEnding = Callable[[Cloud, Observation, str], Observation | None]  # what was seen last; the token of its end mark


@dataclass(slots=True)
class _Watched:
    job: Job
    token: str | None = None  # that of the end mark in its log
    seen: Observation | None = None  # last
    taken_up: int | None = None  # when it was created (ms since the epoch), if an earlier start saw it
    missing_since: float | None = None  # time.monotonic()
    over_since: float | None = None  # the same, of a multi-node job some nodes of which go on
    shown: tuple[Any, ...] = ()  # the state, its reason and the counts of an array that were told of
    since: float = field(default_factory=time.monotonic)  # when it was known to be sent

    @property
    def status(self) -> str:
        return self.seen.status if self.seen else "SUBMITTED"


class Monitor(Worker):
    """The poller thread; it alone owns the jobs that it watches."""

    name = "monitor"

    def __init__(self, cloud: Cloud, emit: Emit, tell: Tell, find_ending: FindEnding) -> None:
        """`tell` learns what DescribeJobs says of a job, or of an array, whenever its state or the reason is new;
        `find_ending` finds out how a job ended that AWS Batch does not show any more."""
        super().__init__(worker_failed(emit))
        self._cloud = cloud.cancelled_by(self.stopped)
        self._emit = emit
        self._tell = tell
        self._find_ending = find_ending
        self._new: queue.SimpleQueue[tuple[str, _Watched]] = queue.SimpleQueue()
        self._watched: dict[str, _Watched] = {}
        self._tick = LOCAL_TICK if cloud.embedded else TICK
        self._rate = LOCAL_CALLS_PER_SECOND if cloud.embedded else CALLS_PER_SECOND
        self._schedule = PollSchedule(self._tick, self._rate * IDS_PER_CALL)
        self._arrays = ArrayChildren(LOCAL_TICK if cloud.embedded else FIRST_LOOK)
        self._calls = Allowance(BURST)
        self._children_calls = Allowance(CHILDREN_BURST)
        self._skew: float | None = None  # s by which the clock of this machine is ahead of AWS's, and a little more
        self._pool = DaemonPool(AT_ONCE)

    def close(self, seconds: float | None = None) -> None:
        """Ask for nothing more."""
        super().close(seconds)
        self._pool.shutdown(wait=False)

    def watch(self, aws_id: str, job: Job, seen: Observation | None = None, token: str | None = None) -> None:
        """Follow a job until it has ended: each state that it is seen in gives a StateChanged.

        `seen` is what an earlier start saw last of it, `token` that of the end mark in its log, if it will have one.
        """
        self._new.put((aws_id, _Watched(job, token, seen, seen.created if seen else None)))

    def work(self) -> None:
        """Ask for jobs when they are due."""
        while not self.stopped.is_set():
            self._take_new()
            self.stopped.wait(self._do_next(time.monotonic()))

    def _do_next(self, now: float) -> float:
        """Make the next call, if one is due; the seconds to wait after it."""
        if (pause := self._calls.pause(now, self._rate)) > 0:
            return pause
        if parents := self._arrays.look(now, IDS_PER_CALL):
            self._calls.spend()
            self._look_at_arrays(parents)
        elif batch := self._schedule.take(now, IDS_PER_CALL):
            self._calls.spend()
            self._ask([batch])
        elif batches := list(islice(self._children(now), AT_ONCE)):
            self._ask(batches)
        else:
            pauses = (self._schedule.pause(now), self._arrays.pause(now), self._tick)
            return min(pause for pause in pauses if pause is not None)
        return 0.0

    def _children(self, now: float) -> Iterator[list[str]]:
        """Children to ask for with one call each, as far as calls may be made."""
        while self._children_calls.pause(now, self._children_rate) == 0 and (batch := self._arrays.take(IDS_PER_CALL)):
            self._children_calls.spend()
            yield batch

    @property
    def _children_rate(self) -> float:
        """Calls a second: fewer as soon as AWS refuses some, or the user's other clients want theirs."""
        limit = self._cloud.rates.of("batch", "DescribeJobs", self._cloud.region)
        return LOCAL_CALLS_PER_SECOND if limit is None else CHILDREN_SHARE * limit.rate

    def _take_new(self) -> None:
        while not self._new.empty():
            aws_id, watched = self._new.get()
            self._watched[aws_id] = watched
            (self._arrays if parent_of(aws_id) else self._schedule).add(aws_id, time.monotonic())

    def _ask(self, batches: list[list[str]]) -> None:
        """Ask for each of the batches, side by side."""
        coming = [self._pool.submit(self._describe, batch) for batch in batches]
        for batch, answer in zip(batches, coming, strict=True):
            seen = answer.result()
            for aws_id in batch:
                if aws_id in seen:
                    self._saw(aws_id, seen[aws_id])
                else:
                    self._missed(aws_id)

    def _describe(self, ids: list[str]) -> dict[str, Mapping[str, Any]]:
        return {detail["jobId"]: detail for detail in self._cloud.call("batch", "DescribeJobs", jobs=ids)["jobs"]}

    def _look_at_arrays(self, ids: list[str]) -> None:
        """Ask for array jobs, and a child of some; find out which children have ended."""
        seen = self._describe(ids)
        for aws_id in ids:
            if parent_of(aws_id):
                if aws_id in seen:
                    self._saw(aws_id, seen[aws_id])
            elif aws_id in seen:
                self._tell(aws_id, seen[aws_id])
                self._list_ended(aws_id, self._arrays.saw(aws_id, seen[aws_id], time.monotonic()))
            else:
                missing = self._arrays.missing(aws_id, time.monotonic())
                for child in self._arrays.children(aws_id):
                    if missing > self._patience(child):
                        self._lose(child)

    def _list_ended(self, array: str, statuses: Iterable[str]) -> None:
        for status in statuses:
            for page in self._cloud.pages("batch", "ListJobs", arrayJobId=array, jobStatus=status):
                self._children_calls.spend()
                self._arrays.want(array, (one["jobId"] for one in page["jobSummaryList"]))

    def _saw(self, aws_id: str, detail: Mapping[str, Any]) -> None:
        watched = self._watched[aws_id]
        watched.missing_since = None
        self.here(detail.get("createdAt"), watched.since)  # the nearest that the clocks can be compared
        status = str(detail["status"])
        is_child = parent_of(aws_id) is not None
        nodes, wanted = self._nodes(aws_id, detail, watched) if status != watched.status else ([], 0)
        if status in ENDED and self._go_on(nodes, wanted, watched):
            self._schedule.saw(aws_id, time.monotonic(), None)
            return
        if status in ENDED:
            if is_child:
                self._arrays.forget(aws_id)
            else:
                self._schedule.ended(aws_id, self.here(detail.get("startedAt")), self.here(detail.get("stoppedAt")))
            del self._watched[aws_id]
        elif not is_child:
            started = self.here(detail.get("startedAt")) if status == "RUNNING" else None
            self._schedule.saw(aws_id, time.monotonic(), started)
        shown = status, detail.get("statusReason"), (detail.get("arrayProperties") or {}).get("statusSummary")
        if shown != watched.shown:
            watched.shown = shown
            self._tell(aws_id, detail)
        if status != watched.status:
            watched.seen = observe(detail, nodes)
            self._emit(StateChanged(watched.job, aws_id, watched.seen))

    def _nodes(self, aws_id: str, detail: Mapping[str, Any], watched: _Watched) -> tuple[list[Mapping[str, Any]], int]:
        """What AWS shows of nodes of a multi-node job: of all at its end, of the main one when it runs.

        And how many these are.
        """
        properties = detail.get("nodeProperties")
        if not properties or not detail.get("startedAt"):
            return [], 0
        number = watched.job.request.get("nodeOverrides", {}).get("numNodes") or properties["numNodes"]
        wanted = range(number) if detail["status"] in ENDED else [properties["mainNode"]]
        found: list[Mapping[str, Any]] = []
        for some in batches([node_id(aws_id, index) for index in wanted], IDS_PER_CALL):
            self._calls.spend()
            found += self._describe(some).values()
        return found, len(wanted)

    def _go_on(self, nodes: Sequence[Mapping[str, Any]], wanted: int, watched: _Watched) -> bool:
        """Whether nodes of a job that is over are still being stopped, and may write what belongs into its output."""
        watched.over_since = watched.over_since or time.monotonic()
        patient = time.monotonic() - watched.over_since < NODES_END
        return patient and sum(node["status"] in ENDED for node in nodes) < wanted

    def here(self, milliseconds: int | None, known: float | None = None) -> float | None:
        """A time of AWS's by the clock of this machine, as near as it can be told: nothing is known before it happens.

        `known`: when it had happened, at the latest; None: now.
        """
        if not milliseconds:
            return None
        seconds = milliseconds / 1000
        behind = (time.monotonic() if known is None else known) - seconds
        self._skew = behind if self._skew is None else min(self._skew, behind)
        return seconds + self._skew

    def _missed(self, aws_id: str) -> None:
        watched = self._watched[aws_id]
        now = time.monotonic()
        watched.missing_since = watched.missing_since or now
        if now - watched.missing_since > self._patience(aws_id):
            self._lose(aws_id)
        elif parent_of(aws_id) is None:  # of children, the array's counts tell that they are still to be asked for
            self._schedule.saw(aws_id, time.monotonic(), None)

    def _patience(self, aws_id: str) -> float:
        """Seconds that a job may be missing. One that an earlier start saw long ago is likely to be forgotten."""
        created = self._watched[aws_id].taken_up
        return FORGOTTEN if created is not None and now_ms() - created > OLD * 1000 else MISSING

    def _lose(self, aws_id: str) -> None:
        """Give up a job that AWS Batch does not show, unless its log says how it ended."""
        patience = self._patience(aws_id)
        watched = self._watched.pop(aws_id)
        (self._arrays if parent_of(aws_id) else self._schedule).forget(aws_id)
        if watched.seen is not None and watched.token is not None:
            ending = self._find_ending(self._cloud, watched.seen, watched.token)
            if ending is not None:
                self._emit(StateChanged(watched.job, aws_id, ending))
                return
        message = f"AWS Batch has not shown the job {aws_id} for {patience:.0f} s; what became of it is not known"
        self._emit(Lost(watched.job, aws_id, AwsError("DescribeJobs", "JobMissing", message)))
