"""A run that is cut short at one of its calls, by SIGKILL or a signal, and started again; each call is such a point."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.run import Run
from chaos.shape import Shape
from chaos.stage import Impatient, Inspected
from helpers.records import STATES, Step, jobstates
from helpers.servers import NOTHING
from helpers.waiting import wait_until
from jobbag.entities.capacity import needs_of

HURRY = 0.04  # what the waits are multiplied by
JOBS = 4
STARTS = 3  # after the one that is cut short; the first is to end it all
MODES = ("before", "after", "torn", "SIGTERM", "SIGINT", "SIGHUP")
_SCRIPT = Path(__file__).with_name("killpoint.py")


@dataclass(frozen=True)
class Case:
    """A kind of run: its shape, and the words of its starts.

    `first` are the words of a start that comes before and is left alone, `words` those of the one that is cut short,
    `again` those of all after it, where they are others. A job may run `more` times than once.
    """

    shape: dict[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    first: tuple[str, ...] | None = None
    again: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()  # that the words ask for
    more: int = 0


CASES = {
    "plain": Case(),
    "merged": Case({"merged": True}),
    "packed": Case({"merged": True, "packed": True}),
    "packed-per-job": Case({"packed": True}),
    "order": Case({"merged": True, "chained": True}),
    "created": Case({"makes_entities": True, "own_bucket": True}),
    "retry": Case({"merged": True, "fails_first": True}, ("--retry-failed",), first=()),
    "retry-per-job": Case({"fails_first": True}, ("--retry-failed",), first=()),
    "update": Case({"merged": True, "fails_first": True}, ("--update",), first=()),
    # Each start with --fresh abandons the one before it, so the last one is without.
    "fresh": Case({"waits_first": True}, ("--fresh",), first=("--detach",), again=(), more=1),
    "fresh-created": Case(
        {"waits_first": True, "makes_entities": True, "own_bucket": True, "merged": True},
        ("--fresh",), first=("--detach",), again=(), more=1,
    ),
    "detach": Case({"merged": True}, ("--detach",), again=()),
    "collect": Case({"makes_entities": True, "own_bucket": True}, first=("--detach",)),
    "report": Case(
        {"merged": True}, ("--summary", "summary.json", "--report", "page.html"), files=("summary.json", "page.html")
    ),
    "multipart": Case({"large_file": True, "own_bucket": True}),
    "results": Case({"results": True, "own_bucket": True, "makes_entities": True}),
    "results-packed": Case({"results": True, "packed": True, "merged": True}),
    "results-retry": Case({"results": True, "own_bucket": True, "fails_first": True}, ("--retry-failed",), first=()),
    "escalate": Case({"merged": True, "fails_first": True, "runs_out": True}, ("--more-memory", "2")),
    "escalate-order": Case({"fails_first": True, "runs_out": True, "chained": True}, ("--more-memory", "2")),
    "escalate-packed": Case({"fails_first": True, "runs_out": True, "packed": True}, ("--more-memory", "2")),
    "streams": Case({"merged": True}, ("--delete-log-streams",)),
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A call of a run, and what happens there. The number 0 is that of no call."""

    case: str
    mode: str
    number: int

    def __str__(self) -> str:
        return f"{self.case} {self.mode} {self.number}"


class PointRun(Run):
    """A run that is cut short at a point."""

    _tool: Impatient
    patience = 90.0

    def __init__(self, place: Path, seed: int, point: Point) -> None:
        self._case, self._point = CASES[point.case], point
        super().__init__(place, Shape(seed, JOBS, **self._case.shape), faults="", hurry=HURRY)
        self._listing = place / "calls"
        self._runs = 1  # whole ones: a new start after the end of one is a new one
        self.reached = False

    @property
    def calls(self) -> list[str]:
        """The calls of the start that was cut short."""
        return self._listing.read_text().splitlines()

    def _until_it_ends(self, aws: Inspected) -> None:
        case, before = self._case, None
        if case.first is not None:
            status = self._to_its_end(*case.first)
            if status != (1 if self._shape.failing else 0):
                self.outcome.wrong("status", f"the first start ended with {status}: {self._last_words()}")
            wait_until(lambda: all((self._ran / name).exists() for name in self._names), what="the jobs")
            before = self._run_id() if self._shape.failing else None
        status = self._cut(case.words)
        (self._place / "gate").touch()
        self.reached = 0 < self._point.number <= len(self.calls)
        ended = self._has_ended(before)
        self._check_cut(aws, status, ended=ended)
        again = case.words if case.again is None else case.again
        if status == 0 and ended:
            return
        if ended:
            self._check(aws)  # all is there already, and the next start is a new run
            self._runs += self._shape.runs_out or not self._shape.failing
        for _ in range(STARTS):
            status = self._to_its_end(*again)
            if status == 0:
                return
            self.outcome.wrong("status", f"start {len(self.outcome.starts)} ended with {status}: {self._last_words()}")
        self.outcome.wrong("status", "it never ended well")

    def _cut(self, words: Sequence[str]) -> int:
        """Start the command, which is cut short; its exit status."""
        usual = self._tool.before
        point = str(self._point.number), self._point.mode, str(self._listing), str(HURRY)
        self._tool.before = [sys.executable, str(_SCRIPT), *point]
        try:
            return self._to_its_end(*words)
        finally:
            self._tool.before = usual

    # -- what is known of it

    @property
    def _signal(self) -> signal.Signals | None:
        return signal.Signals[self._point.mode] if self._point.mode.startswith("SIG") else None

    def _events(self) -> list[dict[str, Any]]:
        """What is in the journal; a torn line is left out."""
        found = []
        for line in self._journal.read_text().splitlines() if self._journal.exists() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def _run_id(self) -> str | None:
        events = self._events()
        return events[0]["run"] if events else None

    def _has_ended(self, before: str | None) -> bool:
        """Whether a run has reached its end that is not the one before."""
        events = self._events()
        return bool(events) and events[-1]["event"] == "Finished" and events[0]["run"] != before

    def _most(self, name: str) -> int:
        """How often a job may run. A signal may have terminated it."""
        terminated = self._signal is not None and self._signal is not signal.SIGHUP
        return self._runs + self._case.more + (name in self._shape.failing) + terminated

    # -- checks

    def _check_cut(self, aws: Inspected, status: int, *, ended: bool) -> None:
        """What must hold after the start that is cut short."""
        number = self._signal
        if number is None or not self.reached:
            wanted = {-signal.SIGKILL} if self.reached else {0}
        else:
            wanted = {0, 128 + number}
        if status not in wanted:
            self.outcome.wrong("status", f"the start that is cut short ended with {status}: {self._last_words()}")
        if number in (signal.SIGTERM, signal.SIGINT) and self._case.first is None and not ended:
            if self._shape.makes_entities:
                left = aws.everything()
                if self._shape.results:  # which stay until all are here
                    left["buckets"] = []
                if left != NOTHING:
                    self.outcome.wrong("left", f"after {number.name}: {left}")
            elif running := [name for name, state in aws.jobs() if state not in STATES[-2:]]:
                self.outcome.wrong("running", f"after {number.name}: {running}")

    def _check_effects(self) -> None:
        for name in self._names:
            path = self._ran / name
            count = path.stat().st_size if path.exists() else 0
            if count < self._runs + (name in self._shape.failing):
                self.outcome.wrong("lost", f"{name} ran {count} times")
            elif count > self._most(name):
                self.outcome.wrong("twice", f"{name} ran {count} times")

    def _check_queue(self, aws: Inspected) -> None:
        for name, times in Counter(name for name, _ in aws.jobs()).items():
            if times > (self._most(name) if name in self._names else max(map(self._most, self._names))):
                self.outcome.wrong("twice", f"{name} was submitted {times} times")

    def _check_states(self) -> None:
        try:
            jobs = jobstates(self._tool.read("bag.jobstate.log"))
        except (AssertionError, OSError) as error:
            self.outcome.wrong("jobstate", str(error)[:300])
            return
        for name in self._names:
            by_id: dict[str, list[Step]] = {}
            for step in jobs.get(name, ()):
                by_id.setdefault(step.aws_id, []).append(step)
            states = [[step.state for step in steps] for steps in by_id.values()]
            in_order = all(sorted(set(each), key=STATES.index) == each for each in states)
            if not in_order or not states or states[-1][-1] != "SUCCEEDED" or len(states) > self._most(name):
                self.outcome.wrong("jobstate", f"{name}: {states}")

    def _check_disk(self) -> None:
        extra = {path.name for path in self._tool.cwd.iterdir() if re.fullmatch(r"bag\.journal\.\d+", path.name)}
        if self.outcome.starts[-1] == f"exit {-signal.SIGKILL}":  # at its very end
            extra |= {path.name for path in self._tool.cwd.glob("bag.journal.held*")}
            extra |= {path.name for path in self._tool.cwd.glob("*.parts")}
        if self._shape.runs_out:
            extra |= {path.name for name in self._shape.failing for path in self._tool.cwd.glob(f"{name}.*.1")}
        self._before |= extra | set(self._case.files)
        super()._check_disk()
        self._before -= extra
        if self._shape.runs_out:
            self._check_first_attempts()
        for name in self._case.files:
            if not (self._tool.cwd / name).exists() or not self._tool.read(name).strip():
                self.outcome.wrong("disk", f"{name} is missing or empty")
        events = self._events()
        torn = lines_of(self._journal) - len(events)
        if torn > 1 or not events or (events[0]["event"], events[-1]["event"]) != ("Run", "Finished"):
            self.outcome.wrong("journal", f"{torn} torn lines, from {events[:1]} to {events[-1:]}")

    def _check_first_attempts(self) -> None:
        """What jobs wrote that ran out of memory, unless a signal ended them before they did."""
        for name in self._shape.failing:
            texts = zip(("out", "err"), self._shape.text(name), strict=True)
            for path, wanted in ((self._tool.cwd / f"{name}.{ending}.1", lines) for ending, lines in texts):
                if path.exists() or self._signal is None:
                    found = path.read_text().splitlines() if path.exists() else None
                    if found != wanted:
                        self.outcome.wrong("lines", f"{path.name} is {found}, not {wanted}")

    def _check_aws(self, aws: Inspected) -> None:
        super()._check_aws(aws)
        if self._shape.runs_out and not self._shape.packed and self._signal is None and self._runs == 1:
            found: dict[str, list[int | None]] = {}
            for one in aws.details():
                found.setdefault(one["jobName"], []).append(needs_of(one).memory)
            wanted = {name: [64, 128] if name in self._shape.failing else [64] for name in self._names}
            if {name: sorted(each, key=lambda memory: memory or 0) for name, each in found.items()} != wanted:
                self.outcome.wrong("memory", f"{found}, not {wanted}")


def lines_of(path: Path) -> int:
    """How many lines a file has that are not empty."""
    return sum(1 for line in path.read_text().splitlines() if line.strip()) if path.exists() else 0
