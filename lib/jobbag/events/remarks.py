"""What the files of a job say in the place of its log, or behind it."""

from __future__ import annotations

from jobbag.bag.job import Job
from jobbag.events.state import RunState


def why_no_log(state: RunState, job: Job) -> str | None:
    """Why a job that is over has no log to read, if the run itself is the reason; else None."""
    outcome = state.of(job)
    if outcome.withheld is not None:
        return outcome.why_withheld
    if state.halted is not None and outcome.not_run:
        return f"not run: {state.halted}"
    if outcome.not_run and outcome.needed_a_failure:
        return f"not run: {state.first_cause(job) or 'a job failed, on which it depends'}"
    if outcome.error is not None and not outcome.aws_id:
        return f"it was not submitted: {outcome.error}"
    return None if outcome.has_log else outcome.error


def remark(state: RunState, job: Job) -> str | None:
    """A line for the .err of a job that ran and was ended by the halt of the run, is lost, or not sent again for once;
    else None."""
    outcome = state.of(job)
    if outcome.lost and outcome.has_log:
        return outcome.error
    if outcome.not_escalated is not None:
        return outcome.not_escalated
    ended_by_halt = state.halted is not None and outcome.terminated and not outcome.succeeded
    return f"terminated: {state.halted}" if ended_by_halt and not outcome.not_run else None
