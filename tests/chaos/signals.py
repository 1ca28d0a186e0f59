"""A run whose first starts are ended by signals: what each signal promises, and a new start that ends it all well."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from chaos.run import Run, lines_in
from chaos.stage import Inspected
from helpers.processes import Process
from helpers.records import STATES, Step, Task, job_output, jobstates, merged_output
from helpers.waiting import wait_until

GRACE = 30.0  # s; the default of --grace
A_LITTLE = 5.0  # s, on a busy machine
ENDED = STATES[-2:]
STOPPED = "pegasus-aws-batch was stopped"
UNFINISHED = {"all.out.part", "all.err.part", "all.parts"}  # of --merge-logs, for the next start


@dataclass(frozen=True)
class Kind:
    """A way to end a start."""

    name: str
    number: signal.Signals
    status: int
    twice: bool = False

    @property
    def stops(self) -> bool:
        """Whether it ends the jobs, and cleans up."""
        return self.number is not signal.SIGHUP and not self.twice


KINDS = (
    Kind("SIGINT", signal.SIGINT, 130),
    Kind("SIGTERM", signal.SIGTERM, 143),
    Kind("SIGHUP", signal.SIGHUP, 129),
    Kind("two SIGINT", signal.SIGINT, 130, twice=True),
)


@dataclass(frozen=True)
class InAws:
    """A job that AWS has."""

    name: str
    status: str
    reason: str

    @property
    def runs(self) -> bool:
        """Whether it runs, or may still."""
        return self.status not in ENDED


def _heeds(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


class SignalRun(Run):
    """A run with one kind of signal, which follows from the seed as all else does."""

    most_cuts = 2

    @cached_property
    def _kind(self) -> Kind:
        seed = self._shape.seed
        return KINDS[(seed + seed // 8) % len(KINDS)]  # each with all shapes

    def _await_an_instant(self, process: Process) -> bool:
        """Not before the command heeds signals: until then, Python does what it likes."""
        wait_until(lambda: process.poll() is not None or _heeds(process.pid, signal.SIGTERM), what="its handlers")
        return super()._await_an_instant(process)

    def _instant(self) -> Callable[[], bool]:
        """Anywhere between the first moment and the last, the ends of a run more often."""
        jobs, way = len(self._names), self._chance.random()
        deadline = time.monotonic() + self._chance.uniform(0.0, 3.0)
        if way < 0.2:
            return lambda: time.monotonic() >= deadline
        if way < 0.85:
            lines = lines_in(self._journal) + self._chance.randint(1, 7 * jobs)
            return lambda: lines_in(self._journal) >= lines
        last = b'"LogsWritten"'
        done, pause = jobs - self._chance.randint(0, 3), self._chance.uniform(0.0, 0.5)
        return lambda: (
            self._journal.exists()
            and self._journal.read_bytes().count(last) >= done
            and not threading.Event().wait(pause)
        )

    def _cut_short(self, process: Process, aws: Inspected) -> str | None:
        kind = self._kind
        process.send_signal(kind.number)
        if kind.twice:
            threading.Event().wait(self._chance.uniform(0.0, 2.0))
            process.send_signal(kind.number)
        began = time.monotonic()
        status = process.wait(self.patience)
        took = time.monotonic() - began
        if status == 0 and self._has_finished:
            return None  # it came too late
        self._check_start(status, took)
        self._check_disk_after_signal()
        self._check_aws_after_signal(aws)
        return f"{kind.name} {took:.1f}s"

    # -- checks after a signal

    def _wrong(self, kind: str, what: str) -> None:
        self.outcome.wrong(kind, f"start {len(self.outcome.starts)}, {self._kind.name}: {what}")

    def _check_start(self, status: int, took: float) -> None:
        kind, said = self._kind, self._said()
        if status != kind.status:
            self._wrong("status", f"{status}: {self._last_words()}")
        if self._has_finished:
            self._wrong("status", f"{status}, but the journal has the end of the run, so that a new start is a new run")
        most = {"SIGTERM": GRACE + A_LITTLE, "two SIGINT": A_LITTLE}.get(kind.name, self.patience)
        if took > most:
            self._wrong("slow", f"it took {took:.1f} s")
        wanted = (f"{kind.number.name}: ", "stopped by a signal", *(("left before",) if kind.twice else ()))
        if not any(words in said for words in wanted):
            self._wrong("silent", said[-300:])

    def _check_disk_after_signal(self) -> None:
        cwd = self._tool.cwd
        found = {path.name for path in cwd.iterdir()} - self._before
        names = {"all"} if self._shape.merged else set(self._names)
        allowed = {"bag.journal", "bag.jobstate.log", *(f"{name}.{end}" for name in names for end in ("out", "err"))}
        if self._shape.merged and not self._kind.stops:
            allowed |= UNFINISHED
        if self._kind.twice:
            allowed |= {name for name in found if name.endswith(".part") or name == "bag.journal.held"}
        if found - allowed:
            self._wrong("disk", f"too much: {sorted(found - allowed)}")
        for path in (cwd / name for name in found if name.endswith(".out") and not name.startswith("all")):
            self._check_output(*job_output(path.read_text()))
        if "all.out" in found:
            outputs, summary = merged_output((cwd / "all.out").read_text())
            for lines, task in outputs:
                self._check_output(lines, task)
            if (summary.tasks, summary.stat) != (len(self._names), "ok" if not summary.failed else "failed"):
                self._wrong("records", str(summary))
        if self._journal.exists() and not self._kind.twice:
            for line in self._journal.read_text().splitlines():
                json.loads(line)

    def _check_output(self, lines: list[str], task: Task) -> None:
        wanted = self._shape.text(task.name)[0]
        if lines != (wanted if task.state == "succeeded" else wanted[: len(lines)]):
            self._wrong("lines", f"stdout of {task.name}, which {task.state}, is {lines}, not {wanted}")

    def _check_aws_after_signal(self, aws: Inspected) -> None:
        jobs = self._jobs_of(aws)
        self._check_reasons(jobs)
        running = [job.name for job in jobs if job.runs]
        left = aws.everything()
        made = {"queues": ["bag-job-queue"], "environments": ["bag-compute-environment"]}
        if running and self._kind.number is signal.SIGHUP:
            for what, names in made.items() if self._shape.makes_entities else ():
                if left[what] != names:
                    self._wrong("removed", f"{what} are {left[what]}, but {running[0]} runs")
            bucket = "bag-bucket" if self._shape.own_bucket else self._shape.bucket
            if bucket not in left["buckets"]:
                self._wrong("removed", f"the bucket is gone, but {running[0]} runs")
            if "start the same command again to collect them" not in self._said():
                self._wrong("silent", "it does not say how to come back")
        if self._kind.stops:
            if running:
                self._wrong("running", f"{len(running)} jobs still run: {running[:3]}")
            self._check_left(aws, left)

    def _check_reasons(self, jobs: list[InAws]) -> None:
        count = Counter(job.name for job in jobs if job.status != "FAILED")
        for name, times in count.items():
            if times > 1:
                self._wrong("twice", f"{name} runs or has run {times} times")
        failed = [job for job in jobs if job.status == "FAILED"]
        for job in failed:
            if job.reason != STOPPED:
                self._wrong("state", f"{job.name} has failed: {job.reason}")
        if failed and self._kind.number is signal.SIGHUP:
            self._wrong("state", f"{len(failed)} jobs have been terminated")

    def _check_left(self, aws: Inspected, left: dict[str, list[str]]) -> None:
        wanted = {} if self._shape.makes_entities else {"queues": ["q"], "environments": ["ce"], "definitions": ["d:1"]}
        for what in ("queues", "environments", "definitions"):
            if left[what] != wanted.get(what, []):
                self._wrong("left", f"{what}: {left[what]}")
        if self._shape.own_bucket and left["buckets"]:
            self._wrong("left", f"buckets: {left['buckets']}")
        for bucket in left["buckets"]:
            if uploads := aws.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                self._wrong("left", f"{len(uploads)} unfinished multipart uploads")

    def _jobs_of(self, aws: Inspected) -> list[InAws]:
        """All that AWS has of the run: a queue that is gone shows its jobs no more, so the journal names them."""
        ids = {str(event["aws_id"]): None for event in self._events() if event["event"] == "Submitted"}
        if not self._shape.makes_entities:
            ids |= {one["jobId"]: None for one in aws.summaries("q")}
        each, found = iter(ids), []
        while batch := list(islice(each, 100)):
            for one in aws.batch.describe_jobs(jobs=batch)["jobs"]:
                found.append(InAws(one["jobName"], one["status"], one.get("statusReason", "")))
        return found

    def _events(self) -> Iterator[dict[str, Any]]:
        """The events in the journal; a torn line is none."""
        for line in self._journal.read_text().splitlines() if self._journal.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    # -- checks at the end

    def _check_effects(self) -> None:
        """A job that was terminated runs again; no other does."""
        begun = {name: (self._ran / name).stat().st_size for name in self._names if (self._ran / name).exists()}
        for name, ids in self._by_id().items():
            if not 1 <= begun.get(name, 0) <= len(ids):
                self.outcome.wrong("twice", f"{name} was begun {begun.get(name, 0)} times as {len(ids)} jobs")
        for name in set(self._names) - begun.keys():
            self.outcome.wrong("lost", f"{name} never ran")

    def _by_id(self) -> dict[str, dict[str, list[Step]]]:
        """The lines of the jobstate log, by job and AWS id."""
        found: dict[str, dict[str, list[Step]]] = {}
        for name, steps in jobstates(self._tool.read("bag.jobstate.log")).items():
            for step in steps:
                found.setdefault(name, {}).setdefault(step.aws_id, []).append(step)
        return found

    def _check_states(self) -> None:
        by_id = self._by_id()
        for name in self._names:
            ends = []
            for steps in by_id.get(name, {}).values():
                ranks = [STATES.index(step.state) for step in steps]
                ends.append(steps[-1].state)
                if ranks != sorted(set(ranks)):
                    self.outcome.wrong("jobstate", f"{name}: {steps}")
            if ends != ["FAILED"] * (len(ends) - 1) + ["SUCCEEDED"]:
                self.outcome.wrong("jobstate", f"{name}: {ends}")

    def _check_aws(self, aws: Inspected) -> None:
        super()._check_aws(aws)
        jobs = self._jobs_of(aws)
        self._check_reasons(jobs)
        missing = set(self._names) - {job.name for job in jobs if job.status == "SUCCEEDED"}
        for name in sorted(missing):
            self.outcome.wrong("lost", f"{name} has not succeeded")

    def _check_queue(self, aws: Inspected) -> None:
        """A job that was terminated is there twice."""
