"""SubmitJob for each job that is ready: side by side, at the rate that the service allows, each job exactly once.

SubmitJob has no idempotency token, so each job carries one of ours in its environment. When an answer is lost, or
an earlier start was killed between sending and knowing, the service is asked for a job with that token before the
job is sent again; ListJobs and DescribeJobs are eventually consistent, so it is asked several times.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from jobbag.aws.client import IDS_PER_CALL, OUTAGE, Cloud
from jobbag.batches import batches
from jobbag.entities.containers import Form, form_of
from jobbag.errors import AwsError, Cancelled, ToolError
from jobbag.events.consumers import Emit, worker_failed
from jobbag.events.events import Absent, NotRun, NotSubmitted, Submitted, Unsent
from jobbag.jobs.array_request import LARGE, Attachment, JobGroup, PreparedRequest
from jobbag.jobs.ids import node_id
from jobbag.jobs.overrides import variables_of
from jobbag.jobs.request import TOKEN_VARIABLE
from jobbag.s3.place import S3Place
from jobbag.threads import DueQueue, Worker

log = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 12  # fills 50 a second up to a latency of 240 ms
LOOKS = (1.0, 3.0, 6.0, 10.0)  # s after a lost answer; not found at the last one: it is not there
AGAIN = (0.5, 1.0, 2.0, 4.0)  # s between two times that a job is asked for which is listed, but not shown


@dataclass
class _Task:
    jobs: JobGroup
    prepared: PreparedRequest
    earlier: bool = False  # an earlier start may have sent it
    lost: float | None = None  # time.monotonic() since when it is not known whether AWS has the job
    looks: int = 0  # since then, or that are due
    losses: int = 0  # requests without an answer
    since: float | None = None  # time.monotonic() of the first of these
    error: AwsError | None = None  # what came in the place of the last answer

    @property
    def name(self) -> str:
        """How messages name it."""
        return str(self.prepared.request["jobName"])


class Submitter(Worker):
    """Submits jobs. Leaving it drops the jobs that were not sent yet, and waits a while for those under way.

    Each that was not sent gives an Unsent; of all others it is not known whether AWS has them.
    """

    name = "submission"
    count = REQUESTS_AT_ONCE

    def __init__(self, cloud: Cloud, emit: Emit) -> None:
        super().__init__(worker_failed(emit))
        self._no_more = threading.Event()
        self._sender = cloud.cancelled_by(self._no_more)
        self._cloud = cloud.cancelled_by(self.stopped)
        self._emit = emit
        self._due: DueQueue[_Task] = DueQueue()
        self._one_large = threading.Lock()  # of the large attachments, only one is in memory
        self._attached: set[str] = set()  # keys of what is in S3; some of it is for several requests
        self._recalled: str | None = None  # why no more jobs are sent

    def send_no_more(self) -> None:
        """Send no more jobs; but go on looking for those whose answer was lost."""
        self._no_more.set()

    def close(self, seconds: float | None = None) -> None:
        """Do nothing more; the requests under way end, in so many seconds at most, and what they gave is told."""
        self._no_more.set()
        self.stopped.set()
        for task in self._due.close():
            self._dropped(task)
        super().close(seconds)

    def recall(self, reason: str) -> None:
        """Send no job any more whose request is not under way; each gives a NotRun with the reason."""
        self._recalled = reason

    def submit(self, jobs: JobGroup, prepared: PreparedRequest, *, unsure: bool = False) -> None:
        """Send the jobs soon; gives a Submitted, a NotSubmitted or a NotRun for each.

        `unsure`: an earlier start may have sent them; an Absent if it did not.
        """
        now = time.monotonic()
        self._due.put(now, _Task(jobs, prepared, unsure, now if unsure else None))

    def work(self) -> None:
        """Send jobs, and look for those whose answer was lost, each when it is due."""
        while (task := self._due.get()) is not None:
            try:
                if task.lost is None:
                    self._send(task)
                else:
                    self._look(task)
            except Cancelled:
                self._dropped(task)
            except ToolError as error:
                self._cloud.troubles.over(task.name)
                for job in task.jobs:
                    self._emit(NotSubmitted(job, error))
            del task  # and the manifest of thousands of jobs with it, while the next is waited for

    def _dropped(self, task: _Task) -> None:
        self._cloud.troubles.over(task.name)
        if task.lost is None:
            for job in task.jobs:
                self._emit(Unsent(job))

    def _send(self, task: _Task) -> None:
        self._cloud.troubles.over(task.name)
        if self._recalled is not None:
            for job in task.jobs:
                self._emit(NotRun(job, self._recalled))
            return
        if self._no_more.is_set():
            raise Cancelled("the run is being stopped")
        if task.prepared.place is not None:
            self._attach(task.prepared.place, task.prepared.objects)
        try:
            answer = self._sender.call_once("batch", "SubmitJob", **task.prepared.request)
        except AwsError as error:
            if not error.unsure:
                raise
            log.debug("job %s: the answer to SubmitJob was lost (%s); looking for it", task.name, error)
            self._lost(task, error)
        else:
            self._sent(task, answer["jobId"])

    def _attach(self, place: S3Place, objects: Mapping[str, Attachment]) -> None:
        """Put into S3 what a request names."""
        for key, attachment in objects.items():
            if key in self._attached:
                continue
            with self._one_large if attachment.size >= LARGE else nullcontext():
                what: dict[str, Any] = {"Bucket": place.bucket, "Key": key, "Body": attachment.content()}
                self._sender.call("s3", "PutObject", None, **what, **place.encryption.params)
            self._attached.add(key)

    def _lost(self, task: _Task, error: AwsError) -> None:
        """Look for the jobs of a request that got no answer."""
        task.lost, task.looks, task.error = time.monotonic(), 1, error
        task.since = task.since or task.lost
        task.losses += 1
        self._cloud.troubles.tell(task.name, "SubmitJob", error, since=task.since, attempt=task.losses, pause=LOOKS[-1])
        self._due.put(task.lost + LOOKS[0], task)

    def _sent(self, task: _Task, aws_id: str) -> None:
        self._cloud.troubles.over(task.name)
        for job, child_id in task.prepared.ids(task.jobs, aws_id):
            self._emit(Submitted(job, child_id))

    def _look(self, task: _Task) -> None:
        assert task.lost is not None
        found = find(self._cloud, task.prepared.request)
        if found is not None:
            log.debug("job %s is there: %s", task.name, found)
            self._sent(task, found)
        elif task.looks < len(LOOKS):
            self._due.put(task.lost + LOOKS[task.looks], task)
            task.looks += 1
        elif task.earlier:
            self._emit(Absent(task.jobs))
        else:
            if task.error is not None and task.since is not None and time.monotonic() - task.since > OUTAGE:
                raise task.error
            log.debug("job %s is not there; sending it", task.name)
            task.lost = None
            self._send(task)


def find(cloud: Cloud, request: Mapping[str, Any]) -> str | None:
    """The AWS id of the job that this SubmitJob request made, if AWS shows it."""
    token = token_of(request)
    named = {"name": "JOB_NAME", "values": [request["jobName"]]}
    pages = cloud.pages("batch", "ListJobs", jobQueue=request["jobQueue"], filters=[named])
    ids = [one["jobId"] for page in pages for one in page["jobSummaryList"]]
    for pause in (*AGAIN, None):
        shown = set()
        for batch in batches(ids, IDS_PER_CALL):
            for detail in cloud.call("batch", "DescribeJobs", jobs=batch)["jobs"]:
                bearer = _with_variables(cloud, detail)
                if bearer is None:
                    continue
                if token_of(bearer) == token:
                    return str(detail["jobId"])
                shown.add(detail["jobId"])
        ids = [one for one in ids if one not in shown]
        if not ids or pause is None:
            break
        cloud.pause(pause)
    return None


def _with_variables(cloud: Cloud, detail: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The job, or of a multi-node job its main node: only that shows what the request has overridden. None: AWS does
    not show that."""
    if form_of(detail) is not Form.NODES:
        return detail
    main = node_id(str(detail["jobId"]), detail[Form.NODES.value]["mainNode"])
    return next(iter(cloud.call("batch", "DescribeJobs", jobs=[main])["jobs"]), None)


def token_of(bearer: Mapping[str, Any]) -> str | None:
    """The token in a SubmitJob request, or in the job that came of it."""
    return next((one.get("value") for one in variables_of(bearer) if one.get("name") == TOKEN_VARIABLE), None)
