"""What follows from what became of a job: it is sent again, and others that depend on it are sent, or given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jobbag.bag.job import Bag, Job
from jobbag.errors import ToolError
from jobbag.escalation.policy import Escalation
from jobbag.events.consumers import Emit
from jobbag.events.escalation import Escalated, NotEscalated
from jobbag.events.events import Event, NotRun, NotSubmitted
from jobbag.events.remarks import why_not_run
from jobbag.events.state import RunState
from jobbag.run.backlog import Backlog


class FollowUps:
    """Tells the backlog of jobs what it has to know of them. Used by the main thread alone."""

    def __init__(self, bag: Bag, state: RunState, escalation: Escalation, tell: Emit) -> None:
        """`tell` hands an event to all consumers."""
        self._bag = bag
        self._state = state
        self._escalation = escalation
        self._tell = tell
        self._not_staged: dict[str, ToolError] = {}  # files that could not be sent

    def may_be_sent(self, job: Job) -> bool:
        """Whether a job that was sent, or may have been, is perhaps to be sent again, when more is known of it."""
        return self._state.may_be_sent(job) or isinstance(self._escalation_of(job), Escalated)

    def as_sent(self, job: Job) -> Job:
        """A job with what it asks for by now."""
        return self._escalation.as_sent(job, self._state.of(job).asks)

    def submitted(self, job: Job, aws_id: str, backlog: Backlog) -> None:
        """AWS has the job. What depends on it can go behind it, unless it may be sent again, and get another id."""
        if not self._escalation.may_follow(job, self._state.of(job)):
            backlog.submitted(job, aws_id)

    def escalates(self, job: Job, backlog: Backlog) -> bool:
        """Whether a job that has ended is sent again, with other needs: if not by this start, by a new one."""
        event, aws_id = self._escalation_of(job), self._state.of(job).aws_id
        if event is not None:
            self._tell(event)  # before anybody takes the job for one that has failed
        if isinstance(event, Escalated):
            backlog.gather(job, aws_id)
        return isinstance(event, Escalated)

    def _escalation_of(self, job: Job) -> Escalated | NotEscalated | None:
        if self._state.halted is not None:  # nothing is sent any more
            return None
        return self._escalation.after(job, self._state.of(job))

    def send_again(self, jobs: Iterable[Job], backlog: Backlog) -> Iterator[Event]:
        """Send jobs that were sent, or may have been, when their inputs are there."""
        able = []
        for job in jobs:
            missing = next((item for item in self._bag.needs(job) if item in self._not_staged), None)
            if missing is not None:
                yield NotSubmitted(job, self._not_staged[missing])
            else:
                able.append(job)
        yield from map(self._dropped, backlog.take_back(able))

    def send_gathered(self, backlog: Backlog) -> Iterator[Event]:
        """Send the jobs again that were gathered for that."""
        return self.send_again(backlog.gathered(), backlog)

    def not_staged(self, item: str, error: ToolError, backlog: Backlog) -> Iterator[Event]:
        """A file could not be sent, so the jobs that need it never can be."""
        self._not_staged[item] = error
        yield from (NotSubmitted(job, error) for job in backlog.never_arrives(item))

    def drop_dependants(self, job: Job, backlog: Backlog) -> Iterator[Event]:
        """The job has not succeeded, so those that depend on it are not sent."""
        for dependant in backlog.failed(job):
            if self._state.is_to_send(dependant):  # else AWS has it, or may have it, and lets it fail
                yield self._dropped(dependant)

    def _dropped(self, job: Job) -> NotRun:
        return NotRun(job, why_not_run(self._state, job))
