"""The summary of a run, as JSON (the manual page, OUTPUT)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from jobbag import __version__
from jobbag.aws.redaction import shown_command
from jobbag.bag.job import Job
from jobbag.errors import ExitCode, Interrupted
from jobbag.escalation.advice import advice
from jobbag.events.causes import Cause, causes, lost_machine, lost_start
from jobbag.events.costs import SPOT
from jobbag.events.escalation import MACHINE, MEMORY
from jobbag.events.observation import Attempt, Observation, joined
from jobbag.events.outcome import Outcome, Verdict
from jobbag.events.state import RunState
from jobbag.files import replaced
from jobbag.report import memory
from jobbag.report.details import Details, Place
from jobbag.text import counted

FORMAT = 1
MS_PER_HOUR = 3_600_000
RUNNING, WAITING = "running", "waiting"  # what a job does while the run goes on


class OutputFiles(Protocol):
    """Where the outputs of the jobs are."""

    @property
    def description(self) -> str:
        """For people: where the outputs are."""

    def results(self, job: Job) -> tuple[Path, Path]:
        """The .out and the .err file that have the job's output."""


@dataclass(frozen=True)
class Ended:
    """A run that is over, whatever ended it, or as far as it is. `ended`, or when it was looked at, is in ms since the
    epoch; `calls` counts those of this start, see CallCounts; `errors` are messages about no single job."""

    state: RunState
    details: Details
    run: str
    submit_files: tuple[Path, ...]
    region: str
    outputs: OutputFiles
    log_file: Path | None
    jobstate_log: Path
    ended: int
    exit_code: ExitCode
    stopped: Interrupted | None
    errors: tuple[str, ...]
    calls: Mapping[str, Mapping[str, int]]
    results: Path | None = None  # the directory of the results; None: they stay in S3
    console: str | None = None  # what the address of a job in AWS's console begins with; None: it has no page there
    tables: tuple[Path, ...] = ()  # those of `submit_files` that are no submit files
    goes_on: int | None = None  # s until this is told anew, as the run goes on; None: it is over
    notes: tuple[str, ...] = ()  # of what is beside its files
    unwritten: tuple[str, ...] = ()  # which of its files could not be written: "summary", "report"

    @cached_property
    def causes(self) -> list[Cause]:
        """Why jobs did not succeed: one cause for each, but for those that may still run."""
        unsuccessful = (job for job in self.state.bag.jobs if self.state.of(job).is_unsuccessful)
        return causes(self.state.failure(job) for job in unsuccessful if not self.is_under_way(job))

    def is_under_way(self, job: Job) -> bool:
        """Whether the run goes on, and has yet to see what becomes of the job."""
        outcome = self.state.of(job)
        return self.goes_on is not None and not outcome.over and outcome.error is None

    def outcome(self, job: Job) -> str:
        """What became of a job, in a word or two."""
        if not self.is_under_way(job):
            return self.state.of(job).verdict.value
        seen = self.state.of(job).observation
        return RUNNING if seen is not None and seen.status == "RUNNING" else WAITING


def summary(end: Ended) -> dict[str, Any]:
    """The summary with the jobs, as an object for JSON."""
    return {**overview(end), "jobs": list(jobs(end))}


def overview(end: Ended) -> dict[str, Any]:
    """The summary without the jobs, as an object for JSON."""
    state = end.state
    halted = [f"halted: {state.halted}"] if state.halted is not None else []
    results = state.results.all_files()
    return {
        "format": FORMAT,
        "version": __version__,
        "run": end.run,
        "submit_files": list(map(str, end.submit_files)),
        "region": end.region,
        "started": state.start,
        "ended": end.ended,
        "collected": end.details.collected,
        "complete": state.complete,
        "exit_code": int(end.exit_code),
        "signal": end.stopped.name if end.stopped else None,
        "counts": counts(end),
        "retried": _retried(state),
        "sent_again": sent_again(state),
        "uploads": {"files": state.sent_files, "bytes": state.sent_bytes, "unchanged": state.unchanged_files},
        "results": {
            "files": len(results),
            "bytes": sum(one.size for one in results),
            "directory": str(end.results) if end.results else None,
            "elsewhere": sum(end.results not in one.path.parents for one in results),
            "left": state.results.left,
        },
        "outputs": end.outputs.description,
        "log_file": str(end.log_file) if end.log_file else None,
        "jobstate_log": str(end.jobstate_log),
        "console": end.console,
        "vcpu_hours": _vcpu_hours(state),
        "memory": memory.wasteful(state),
        "cost": _cost(end),
        "causes": [_cause(end, cause) for cause in end.causes],
        "errors": [*halted, *state.errors, *_unfetched(state), *end.errors],
        "notes": [*_absent(state), *advice(state, end.tables), *end.notes],
        "calls": end.calls,
        **({} if end.goes_on is None else {"goes_on": end.goes_on}),
    }


def counts(end: Ended) -> dict[str, int]:
    """How many jobs there are, and how many came to which end, by the words of the summary."""
    came_of = Counter(map(end.outcome, end.state.bag.jobs))
    return {
        "jobs": len(end.state.bag.jobs),
        **{verdict.name.lower(): came_of[verdict.value] for verdict in Verdict},
        **({word: came_of[word] for word in (RUNNING, WAITING)} if end.goes_on is not None else {}),
    }


def _unfetched(state: RunState) -> Iterator[str]:
    """That output is left in AWS which could not be fetched."""
    jobs = [job for job in state.bag.jobs if not state.of(job).whole]
    if jobs:
        said = f"the output of {counted(len(jobs), 'job')} could not be fetched, or not all of it"
        yield f"{said}; of job {jobs[0].name}: {state.of(jobs[0]).note}"


def _absent(state: RunState) -> Iterator[str]:
    """That AWS does not have the output of jobs which ran."""
    outcomes = ((job, state.of(job)) for job in state.bag.jobs)
    jobs = [job for job, one in outcomes if one.note and one.whole and one.observation and one.observation.started]
    if jobs:
        said = f"AWS has no output of {counted(len(jobs), 'job')}, or not all of it"
        yield f"{said}; of job {jobs[0].name}: {state.of(jobs[0]).note}"


def _observations(state: RunState) -> Iterator[Observation]:
    outcomes = map(state.of, state.bag.jobs)
    return (outcome.observation for outcome in outcomes if outcome.observation is not None)


def _retried(state: RunState) -> dict[str, int]:
    outcomes = [state.of(job) for job in state.bag.jobs]
    more = [sum(max(len(seen.attempts) - 1, 0) for seen in outcome.sendings) for outcome in outcomes]
    reasons = [attempt.reason for outcome in outcomes for attempt, _, _ in outcome.attempts]
    lost, starts = sum(map(lost_machine, reasons)), sum(map(lost_start, reasons))
    return {"jobs": sum(map(bool, more)), "attempts": sum(more), "spot": lost, "starts": starts}


def sent_again(state: RunState) -> dict[str, int]:
    """How many jobs were sent again with other needs, and how often for which cause."""
    earlier = [outcome.earlier for outcome in map(state.of, state.bag.jobs) if outcome.earlier]
    causes = Counter(sending.cause for sendings in earlier for sending in sendings)
    return {"jobs": len(earlier), "memory": causes[MEMORY], "machine": causes[MACHINE]}


def _vcpu_hours(state: RunState) -> dict[str, float]:
    asked = wasted = 0.0
    for seen in _observations(state):
        hours = [(seen.vcpus or 0.0) * _duration(attempt) / MS_PER_HOUR for attempt in seen.attempts]
        asked += sum(hours)
        wasted += sum(hours[:-1] if seen.status == "SUCCEEDED" else hours)
    for sending in chain.from_iterable(state.of(job).earlier for job in state.bag.jobs):
        lost = sum((sending.seen.vcpus or 0.0) * _duration(attempt) / MS_PER_HOUR for attempt in sending.attempts)
        asked, wasted = asked + lost, wasted + lost
    return {"asked": round(asked, 6), "wasted": round(wasted, 6)}


def _duration(attempt: Attempt) -> int:
    if attempt.started is None or attempt.stopped is None:
        return 0
    return max(attempt.stopped - attempt.started, 0)


def _cost(end: Ended) -> dict[str, Any] | None:
    costs = end.state.costs
    if not costs.is_known:
        return None
    parts = costs.parts(end.ended)
    wasted = sorted(((lost, cost) for lost, cost in parts.items() if lost), key=lambda one: (one[0] != SPOT, -one[1]))
    names = ("queue", "vcpu", "gb", "spot")
    return {
        "total": _number(sum(parts.values(), Decimal(0))),
        "currency": costs.currency or None,
        "wasted": {lost: _number(cost) for lost, cost in wasted},
        "prices": [{name: getattr(one, name) for name in names} for one in costs.prices],
    }


def _number(cost: Decimal) -> float:
    return float(round(cost, 6))


def _cause(end: Ended, cause: Cause) -> dict[str, Any]:
    mine = [end.state.bag.jobs[number - 1] for number in cause.jobs]
    job = next((one for one in mine if end.state.of(one).tail), mine[0])
    outcome = end.state.of(job)
    return {
        "cause": cause.title,
        "advice": cause.advice,
        "count": len(cause.jobs),
        "example": {
            "job": job.name,
            "aws_id": outcome.aws_id or None,
            "err": str(end.outputs.results(job)[1]),
            "tail": [*outcome.tail, *([outcome.note] if outcome.note else [])],
        },
    }


def jobs(end: Ended) -> Iterator[dict[str, Any]]:
    """The jobs of the summary, in the order of the submit files, as objects for JSON."""
    of_job = {number: index for index, cause in enumerate(end.causes) for number in cause.jobs}
    costs = end.state.costs.by_job(end.ended)
    return (_job(end, job, of_job.get(job.number), costs.get(job.number)) for job in end.state.bag.jobs)


def _job(end: Ended, job: Job, cause: int | None, cost: Decimal | None) -> dict[str, Any]:
    outcome = end.state.of(job)
    seen = outcome.observation
    out, err = end.outputs.results(job)
    return {
        "number": job.number,
        "name": job.name,
        "aws_id": outcome.aws_id or None,
        "command": shown_command((job.executable, *job.arguments)),
        "queue": outcome.queue,
        "depends_on": job.depends_on,
        "outcome": end.outcome(job),
        "status": seen.status if seen else "SUBMITTED" if outcome.aws_id else None,
        "exit_code": seen.exit_code if seen else None,
        "reason": joined(outcome.error, seen.reason if seen else None, outcome.not_escalated),
        "cause": cause,
        "created": next((one.seen.created for one in outcome.earlier), seen.created if seen else None),
        "starting": outcome.starting,
        "started": seen.started if seen else None,
        "stopped": seen.stopped if seen else None,
        "attempts": [_attempt(*one) for one in outcome.attempts],
        "vcpus": seen.vcpus if seen else None,
        "memory": seen.memory if seen else None,
        **_used(outcome),
        "cost": None if cost is None else _number(cost),
        "out": str(out),
        "err": str(err),
        "lines": outcome.lines,
        "place": _place(end.details.place(job)),
        "tail": [*end.details.tail(job), *([outcome.note] if outcome.note else [])],
        "results": list(map(str, end.state.results.paths(job))),
    }


def _used(outcome: Outcome) -> dict[str, Any]:
    peak = memory.used(outcome)
    of = memory.word(whole=peak.whole) if peak else None
    return {"memory_used": peak.mib if peak else None, "memory_of": of}


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"out": place.out, "err": place.err}


def _attempt(attempt: Attempt, memory: int | None, queue: str | None) -> dict[str, Any]:
    return {
        "started": attempt.started,
        "stopped": attempt.stopped,
        "exit_code": attempt.exit_code,
        "reason": attempt.reason,
        "memory": memory,
        "queue": queue,
    }


def write(path: Path, end: Ended) -> None:
    """Put the summary into a file, whole, by rename; a job a line. Raises OSError."""
    with replaced(path) as file:
        file.write(json.dumps(overview(end))[:-1] + ', "jobs": [')
        for number, job in enumerate(jobs(end)):
            file.write((",\n" if number else "\n") + json.dumps(job))
        file.write("\n]}\n")
