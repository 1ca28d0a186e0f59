"""What a job prints while it runs, as CloudWatch Logs has it; and what a job waits for that does not run yet."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.bag.job import Job
from jobbag.commands.cloud import others_aws
from jobbag.commands.recorded import Recorded
from jobbag.console import complain, say
from jobbag.errors import AwsError, ToolError
from jobbag.events import remarks
from jobbag.events.events import Event, OutputSeen, WorkerFailed
from jobbag.events.observation import Observation
from jobbag.holding.lock import holder_of
from jobbag.jobs.job_detail import observe
from jobbag.logs.delays import Delays
from jobbag.logs.follower import Follower
from jobbag.logs.readings import why_no_log
from jobbag.logs.streams import stream_events
from jobbag.options.settings import Settings
from jobbag.text import plain

EACH, LOCAL_EACH = 2.0, 0.25  # s between two looks at the job
WAITING = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING")


class Running:
    """A job whose output is not on disk."""

    def __init__(self, settings: Settings, run: Recorded, job: Job) -> None:
        self._settings, self._run = settings, run
        self._job = replace(job, launcher=True)  # it may be; what ends its log then is none of its output
        self._cloud: Cloud | None = None
        self._writing = threading.Lock()
        self._is_read = True  # by somebody, what is printed
        self._said = ""

    def print(self, *, follow: bool) -> bool:
        """Print what it has written, or say on stderr why there is nothing; `follow`: until it ends.

        True if nothing was printed, and its files are there by now. Raises ToolError.
        """
        while True:
            state = self._run.state
            if state.of(self._job).finished:
                return True
            seen = self._look()
            if seen is not None and seen.status not in WAITING:
                self._read(seen, follow=follow)
                return False
            self._say(self._why_none(seen))
            if not follow or not self._goes_on():
                return False
            time.sleep(self._each)
            self._run.read_on()

    @property
    def _each(self) -> float:
        return LOCAL_EACH if self._run.is_local else EACH

    def _goes_on(self) -> bool:
        """Whether the job may still come to run."""
        outcome = self._run.state.of(self._job)
        return not outcome.over and (bool(outcome.aws_id) or holder_of(self._run.path) is not None)

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            complain(f"job {self._job.name} has no output{why}")

    def _why_none(self, seen: Observation | None) -> str:
        state, job = self._run.state, self._job
        outcome = state.of(job)
        if (why := remarks.why_no_log(state, job)) is not None:
            return f": {why}"
        needed = [name for name in job.depends_on if not all(state.of(one).succeeded for one in state.bag.named(name))]
        waits = f": it waits for job {' and '.join(needed)}" if needed else ""
        if not outcome.aws_id:
            holder = "" if holder_of(self._run.path) else "; nobody holds the run: the same command goes on with it"
            return f" yet{waits or ': it is not sent yet'}{holder}"
        if seen is None:
            return f": AWS Batch does not show it ({outcome.aws_id})"
        known = [one.reason for one in self._run.waiting.values()] if seen.status == "RUNNABLE" else []
        reason = next(iter(known), seen.reason)
        return f" yet{waits or f': it is {seen.status}'}{f' ({reason})' if reason else ''}"

    # -- AWS

    def _aws(self) -> Cloud:
        if self._cloud is None:
            then = self._run.header.options
            region = then.get("--region", self._settings.region)
            if not self._run.is_local:
                self._cloud = Cloud(Access(then.get("--endpoint", self._settings.endpoint), region))
            else:
                held = holder_of(self._run.path)
                if held is None or not held.access:
                    why = "its embedded AWS is out of reach: it has ended, or is on another machine"
                    raise ToolError(f"job {self._job.name} has no output yet: {why}")
                self._cloud = others_aws(held.access, region)
        return self._cloud

    def _look(self) -> Observation | None:
        """What AWS says of the job now; None if it does not have it."""
        aws_id = self._run.state.of(self._job).aws_id
        if not aws_id:
            return None
        details = self._aws().call("batch", "DescribeJobs", jobs=[aws_id])["jobs"]
        return observe(details[0]) if details else None

    def _read(self, seen: Observation, *, follow: bool) -> None:
        """Print what there is; with `follow`, also what comes until the job has ended."""
        cloud = self._aws()
        follower = Follower(cloud, self._emit, lambda _: True)
        if not follow:
            self._read_whole(follower, seen)
        else:
            with follower:
                while self._is_read and not seen.ended:
                    follower.follow(self._job, seen)
                    time.sleep(self._each)
                    seen = self._look() or seen
            delays, ended = Delays(embedded=cloud.embedded), time.monotonic()
            while self._is_read:
                began = time.monotonic()
                needed = delays.settle(self._read_whole(follower, seen))
                if began >= ended + needed:
                    break
                time.sleep(ended + needed - began)
        if self._is_read and seen.ended and (why := why_no_log(seen)) is not None:
            self._say(f": {why}")

    def _read_whole(self, follower: Follower, seen: Observation) -> int:
        """Print what was not printed before; gives how many lines the log has."""
        lines = 0
        for place in seen.logs:
            reading = follower.reading(self._job, place) if place.is_readable else None
            if reading is None:
                continue
            try:
                for event in stream_events(self._aws(), place):
                    reading.take(event)
                    lines += 1
            except AwsError as error:
                if error.code != "ResourceNotFoundException":
                    raise
            reading.log.tell(whole=True)
        return lines

    def _emit(self, event: Event) -> None:
        with self._writing:
            match event:
                case OutputSeen(lines=lines, source=source):
                    where = f"{source}: " if source else ""
                    self._is_read = say(sys.stdout, *(plain(f"{where}{line}") for line in lines)) and self._is_read
                case WorkerFailed(error=error):
                    complain(str(error))
