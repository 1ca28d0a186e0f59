"""What the files of a job say in the place of its log, or behind it."""

from __future__ import annotations

from jobbag.bag.job import Job
from jobbag.events.outcome import Outcome
from jobbag.events.state import RunState
from jobbag.hints import some_of


def why_no_log(state: RunState, job: Job) -> str | None:
    """Why a job that is over has no log to read, if the run itself is the reason; else None."""
    outcome = state.of(job)
    if outcome.withheld is not None:
        return outcome.why_withheld
    if state.halted is not None and outcome.not_run:
        return f"not run: {state.halted}"
    if outcome.not_run and outcome.needed_a_failure:
        return f"not run: {why_not_run(state, job)}"
    if outcome.error is not None and not outcome.aws_id:
        return f"it was not submitted: {outcome.error}"
    return None if outcome.has_log else outcome.error


def why_not_run(state: RunState, job: Job) -> str:
    """The failure that kept a job from running which depends on others; as far as it is known, or which it may be."""
    if (cause := state.first_cause(job)) is not None:
        return cause
    names = {one.name for one in state.culprits.needed_by(job) if not state.of(one).succeeded}
    names |= {one["jobId"] for one in job.request.get("dependsOn", ()) if "jobId" in one}
    if len(names) > 1:
        return f"one of the jobs {some_of(names)} failed, on which it depends"
    return f"job {names.pop()} failed, on which it depends" if names else "AWS says that another failed before it"


def explained_by(state: RunState, job: Job) -> Job | None:
    """The job whose end must be seen before it is known which failure made AWS fail this one; None: there is none."""
    last = state.culprits.of(job) or job
    if not state.of(last).needed_a_failure:
        return None
    return next((one for one in state.culprits.needed_by(last) if _is_under_way(state.of(one))), None)


def _is_under_way(outcome: Outcome) -> bool:
    return bool(outcome.aws_id) and outcome.error is None and not outcome.over


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
