"""Who waits, who runs, what follows: the jobs of all regions, on as many threads as there are slots."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable

from moto.utilities.utils import get_partition

from . import attempt, process
from .attempt import OUT_OF_MEMORY, Outcome, Site
from .backends import open_log
from .entities import ACCOUNT
from .jobs import FAILED, PENDING, RUNNABLE, RUNNING, STARTING, SUCCEEDED, Job, now_ms
from .policy import is_retried

CLOSE_GRACE = 1.0
"""Seconds from SIGTERM to SIGKILL when the whole embedded AWS ends."""
EXITED = "Essential container in task exited"


class Pool:
    """Runs jobs, first come first served. `lock` guards every job's state."""

    def __init__(self, slots: int, site: Site) -> None:
        self.lock = threading.RLock()
        self._news = threading.Condition(self.lock)
        self._ready: deque[Job] = deque()
        self._running: set[Job] = set()
        self._closing = False
        self._site = site
        self._threads = [threading.Thread(target=self._work, name=f"slot-{n}", daemon=True) for n in range(slots)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End what runs, start nothing more, and wait for the threads."""
        with self.lock:
            self._closing = True
            for job in self._running:
                job.leash.pull(CLOSE_GRACE)
            self._news.notify_all()
        deadline = time.monotonic() + CLOSE_GRACE + process.DRAIN
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))

    def add(self, job: Job, dependencies: Iterable[Job]) -> None:
        """Take the job on: it waits for the dependencies, then for its turn. The lock is held."""
        failed = False
        for dependency in dependencies:
            failed |= dependency.status == FAILED
            if not dependency.ended:
                job.waits_for.add(dependency.job_id)
                dependency.dependents.append(job)
        if failed:
            self._end(job, FAILED, "Dependent Job failed")
        elif job.waits_for:
            job.enter(PENDING)
        else:
            self._make_runnable(job)

    def look_again(self) -> None:
        """Jobs that could not start may be able to now. The lock is held."""
        self._news.notify_all()

    def stop(self, job: Job, reason: str, running_too: bool) -> None:
        """Cancel a job that waits; end one that runs, if that is wished. The lock is held."""
        if job.ended:
            return
        for child in job.children:
            self.stop(child, reason, running_too)
        if running_too:
            job.termination = job.termination or reason
        elif job.status not in (STARTING, RUNNING):
            job.is_cancelled = True
        if job in self._running:
            if running_too:
                job.leash.pull(process.TERM_GRACE)
        elif not job.children:
            self._end(job, FAILED, reason)

    def _make_runnable(self, job: Job) -> None:
        job.enter(RUNNABLE)
        if job.overrides_are_too_long:
            self._end(job, FAILED, "Container Overrides length must be at most 8192")
            return
        self._ready.append(job)
        self._news.notify()

    def _end(self, job: Job, status: str, reason: str) -> None:
        """End the job, and what ends with it: jobs that need its success, and its array after the last."""
        ending = [(job, status, reason)]
        while ending:
            job, status, reason = ending.pop()
            if job.ended:
                continue
            job.end(status, reason)
            for dependent in job.dependents:
                dependent.waits_for.discard(job.job_id)
                if status == FAILED:
                    ending.append((dependent, FAILED, "Dependent Job failed"))
                elif not dependent.waits_for and not dependent.ended:
                    self._make_runnable(dependent)
            array = job.parent
            if array and array.summary[SUCCEEDED] + array.summary[FAILED] == len(array.children):
                failed = array.summary[FAILED]
                ending.append((array, FAILED, "Array Child Job failed") if failed else (array, SUCCEEDED, EXITED))

    def _work(self) -> None:
        while job := self._next():
            try:
                outcome = self._run(job)
            except Exception as error:  # a full disk, say: the job's failure, not the thread's end
                outcome = Outcome(None, f"{type(error).__name__}: {error}"[:255])
            with self.lock:
                self._running.discard(job)
                self._settle(job, outcome)

    def _next(self) -> Job | None:
        with self._news:
            while not self._closing:
                job = next((job for job in self._ready if job.ended or job.may_start()), None)
                if job is None:
                    self._news.wait()
                    continue
                self._ready.remove(job)
                if not job.ended:
                    job.enter(STARTING)
                    job.status_reason, job.last = None, {}
                    job.leash = process.Leash()
                    self._running.add(job)
                    return job
        return None

    def _run(self, job: Job) -> Outcome:
        """One attempt. Its whole log can be read when this returns, and so before the job shows as ended."""
        task = uuid.uuid4().hex
        log, stream = open_log(job.definition, job.region, task)
        with self.lock:
            cluster = f"arn:{get_partition(job.region)}:ecs:{job.region}:{ACCOUNT}:task/{job.queue['jobQueueName']}"
            job.last = {"taskArn": f"{cluster}/{task}"} | ({"logStreamName": stream} if stream else {})
            job.started_at = now_ms()
            job.enter(RUNNING)
        try:
            return attempt.run(job, len(job.attempts) + 1, self._site, log)
        finally:
            log.close()

    def _settle(self, job: Job, outcome: Outcome) -> None:
        """Note the attempt, and decide what follows."""
        status_reason = _why(job, outcome)
        if outcome.exit_code is not None:
            job.last["exitCode"] = outcome.exit_code
        if outcome.reason:
            job.last["reason"] = outcome.reason
        times = {"startedAt": job.started_at or now_ms(), "stoppedAt": now_ms()}
        job.attempts.append({"container": dict(job.last), **times, "statusReason": status_reason})
        if job.termination or outcome.timed_out or self._closing:
            self._end(job, FAILED, status_reason)
        elif outcome.exit_code == 0:
            self._end(job, SUCCEEDED, status_reason)
        elif is_retried(job.retry_strategy, len(job.attempts), outcome.exit_code, outcome.reason or "", status_reason):
            job.status_reason = status_reason
            job.enter(RUNNABLE)
            self._ready.appendleft(job)
            self._news.notify()
        else:
            self._end(job, FAILED, status_reason)


def _why(job: Job, outcome: Outcome) -> str:
    if job.termination:
        return job.termination
    if outcome.timed_out:
        return "Job attempt duration exceeded timeout"
    return EXITED if outcome.reason in (None, OUT_OF_MEMORY) else "Task failed to start"
