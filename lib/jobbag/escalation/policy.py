"""What follows from the end of a job: whether it is sent again, with what. Pure, but for what it is given to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobbag.bag.job import Job
from jobbag.entities.capacity import Needs, needs_of_job
from jobbag.entities.kinds import DEFINITION, QUEUE
from jobbag.escalation.amounts import NoMore, next_memory, no_way
from jobbag.events.causes import OUT_OF_MEMORY, lost_machine
from jobbag.events.escalation import MACHINE, MEMORY, Asks, Escalated, NotEscalated
from jobbag.events.observation import Observation
from jobbag.events.outcome import Outcome

_MEMORY_NEED = "MEMORY"

Detail = Mapping[str, Any]


@dataclass(frozen=True)
class Escalation:
    """Decides by the rules of each job.

    `definition_of` gives a job definition by what jobs name it (None: that of the run), `environments_of` the compute
    environments of a job queue likewise; both as far as they are known, else empty.
    """

    definition_of: Callable[[str | None], Detail] = lambda _: {}
    environments_of: Callable[[str | None], Sequence[Detail]] = lambda _: ()

    def after(self, job: Job, outcome: Outcome) -> Escalated | NotEscalated | None:
        """What follows from the end of a job whose output is still to come; None: nothing that is not always so."""
        seen = outcome.observation
        if seen is None or seen.status != "FAILED" or outcome.finished or outcome.error is not None:
            return None
        if job.on_out_of_memory is not None and OUT_OF_MEMORY in (seen.reason or ""):
            return self._with_more(job, outcome, seen)
        if job.on_spot_loss is not None and lost_machine(_last_reason(seen)) and not outcome.terminated:
            return self._elsewhere(job, outcome, seen)
        return None

    def may_follow(self, job: Job, outcome: Outcome) -> bool:
        """Whether a job that has not ended may be sent again when it has."""
        if job.on_spot_loss is not None and outcome.asks.queue != job.on_spot_loss.job_queue:
            return True
        if job.on_out_of_memory is None:
            return False
        needs = self._needs(job, outcome)
        if needs.memory is None:
            return True
        try:
            self._next(job, outcome, needs)
        except NoMore:
            return False
        return True

    def as_sent(self, job: Job, asks: Asks) -> Job:
        """The job with what it is to ask for in its request."""
        request = dict(job.request)
        if asks.queue is not None:
            request[QUEUE.field] = asks.queue
        own = needs_of_job(job, self._definition(job)).memory
        if asks.memory is not None and asks.memory > (own or 0):
            overrides = {key: one for key, one in request.get("containerOverrides", {}).items() if key != "memory"}
            others = [one for one in overrides.get("resourceRequirements", ()) if one["type"].upper() != _MEMORY_NEED]
            more = {"type": _MEMORY_NEED, "value": str(asks.memory)}
            request["containerOverrides"] = {**overrides, "resourceRequirements": [*others, more]}
        return job if request == job.request else replace(job, request=request)

    def _with_more(self, job: Job, outcome: Outcome, seen: Observation) -> Escalated | NotEscalated:
        needs = self._needs(job, outcome)
        needs = Needs(seen.vcpus or needs.vcpus, seen.memory or needs.memory)
        had = f"{needs.memory:,} MiB" if needs.memory is not None else "what it asked for"
        try:
            memory = self._next(job, outcome, needs)
        except NoMore as why:
            return NotEscalated(job, f"it ran out of memory with {had}, and is not sent again with more: {why}")
        return Escalated(job, outcome.aws_id, MEMORY, seen.reason or "", memory, outcome.asks.queue)

    def _elsewhere(self, job: Job, outcome: Outcome, seen: Observation) -> Escalated | NotEscalated:
        rule, asks = job.on_spot_loss, outcome.asks
        assert rule is not None
        if asks.queue == rule.job_queue:
            return NotEscalated(job, f"it has lost its machines in the job queue {rule.job_queue}, too")
        reasons = [one.reason for sending in outcome.earlier for one in sending.attempts]
        reasons += [one.reason for one in seen.attempts] or [seen.reason]
        queue = rule.job_queue if sum(map(lost_machine, reasons)) >= rule.after else asks.queue
        return Escalated(job, outcome.aws_id, MACHINE, _last_reason(seen) or "", asks.memory, queue)

    def _next(self, job: Job, outcome: Outcome, needs: Needs) -> int:
        assert job.on_out_of_memory is not None
        definition = self._definition(job)
        if (why := no_way(job, definition)) is not None:
            raise NoMore(why)
        given = sum(one.cause == MEMORY for one in outcome.earlier)
        environments = self.environments_of(outcome.asks.queue or job.request.get(QUEUE.field))
        return next_memory(job.on_out_of_memory, needs, given, definition, environments)

    def _needs(self, job: Job, outcome: Outcome) -> Needs:
        """What a job asks for as it is sent."""
        return needs_of_job(self.as_sent(job, outcome.asks), self._definition(job))

    def _definition(self, job: Job) -> Detail:
        return self.definition_of(job.request.get(DEFINITION.field))


def _last_reason(seen: Observation) -> str | None:
    """How the last attempt ended."""
    return seen.attempts[-1].reason if seen.attempts else seen.reason
