"""What is known of a job, folded from the events of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from jobbag.events.escalation import NOTHING, Asks, Sending
from jobbag.events.observation import Attempt, LogPlace, Observation, Peak


class Verdict(str, Enum):
    """What became of a job at the end of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"  # while it ran, as the run was stopped: a new start sends it again
    NOT_RUN = "not run"  # it was never submitted, the run kept it from starting, or its end was not seen


@dataclass(slots=True)
class Outcome:
    """What is known of a job so far."""

    token: str | None = None  # with which the job may have been sent
    aws_id: str = ""
    observation: Observation | None = None
    error: str | None = None  # of AWS or the tool, about this job
    starting: int | None = None  # when it was first seen in that state (ms)
    lines: int = 0  # of output
    peak: Peak | None = None  # of its memory
    last: str = ""  # of a job that failed: its error line, without what differs from job to job
    tail: tuple[str, ...] = ()  # the end of its output, of one job for each such line
    note: str | None = None  # why there is no log, or not all of it
    finished: bool = False  # its output is on disk, all that there will be
    whole: bool = True  # false: its log could not be fetched
    terminated: bool = False  # by the run, when it was stopped or halted
    stopped: bool = False  # by the run, when it was stopped
    withheld: str | None = None  # why it is not sent
    queue: str | None = None  # to which it may have been sent, by name or ARN, if that is known
    asks: Asks = NOTHING  # with what it is to be sent, or is
    earlier: tuple[Sending, ...] = ()  # that are over, before it was sent again with other `asks`
    not_escalated: str | None = None  # why it is not sent again, though it has a rule for its end

    @property
    def succeeded(self) -> bool:
        """Whether AWS says that it has succeeded."""
        return self.observation is not None and self.observation.status == "SUCCEEDED" and self.error is None

    @property
    def ended(self) -> bool:
        """Whether AWS says that it has succeeded or failed."""
        return self.observation is not None and self.observation.ended

    @property
    def lost(self) -> bool:
        """Whether AWS has it no more, and nobody knows how it ended."""
        return self.error is not None and self.aws_id != ""

    @property
    def has_log(self) -> bool:
        """Whether it was seen with a log stream."""
        return self.observation is not None and self.observation.log.stream is not None

    @property
    def sendings(self) -> Iterator[Observation]:
        """What was seen of each time that it was sent, the first one first."""
        yield from (sending.seen for sending in self.earlier)
        if self.observation is not None:
            yield self.observation

    @property
    def attempts(self) -> Iterator[tuple[Attempt, int | None, str | None]]:
        """All its attempts that are over, the first one first, with the memory (MiB) and the queue of each."""
        for sending in self.earlier:
            yield from ((one, sending.seen.memory, sending.queue) for one in sending.attempts)
        if self.observation is not None:
            yield from ((one, self.observation.memory, self.queue) for one in self.observation.attempts)

    @property
    def attempts_before(self) -> int:
        """How many attempts there were before the last one, whose output has files of its own."""
        own = len(self.observation.attempts[:-1]) if self.observation is not None else 0
        return own + sum(len(sending.attempts) for sending in self.earlier)

    @property
    def saved_logs(self) -> tuple[LogPlace, ...]:
        """The log streams whose content is on disk."""
        if not self.finished or self.note is not None or self.observation is None:
            return ()
        return tuple(place for place in self.observation.logs if place.is_readable)

    @property
    def over(self) -> bool:
        """Whether only its output is still to come: it has ended, or will not be sent."""
        return self.ended or self.withheld is not None or (self.error is not None and not self.aws_id)

    @property
    def failed(self) -> bool:
        """Whether it has not succeeded, and will not, unless it is sent again or turns up after all."""
        return (self.over or self.error is not None) and not self.succeeded

    @property
    def is_unsuccessful(self) -> bool:
        """Whether it has not succeeded by now, and nothing of it is under way in AWS that may."""
        return not self.succeeded and (self.over or self.error is not None or self.terminated or self.token is None)

    @property
    def is_running(self) -> bool:
        """Whether its container was seen to start."""
        return self.observation is not None and self.observation.status in ("STARTING", "RUNNING")

    @property
    def not_run(self) -> bool:
        """Whether it was kept from any start: not sent, or terminated before; or AWS did, for a failed dependency."""
        seen = self.observation
        never_started = seen is not None and seen.status == "FAILED" and seen.started is None and not seen.attempts
        kept = self.withheld is not None or (never_started and (self.terminated or self.needed_a_failure))
        return kept and not self.earlier

    @property
    def why_withheld(self) -> str | None:
        """Why it is not sent, or not again, in words; None if that is not so."""
        how = "not sent again" if self.earlier else "not run"
        return None if self.withheld is None else f"{how}: {self.withheld}"

    @property
    def needed_a_failure(self) -> bool:
        """Whether AWS says that a job failed on which this one depends."""
        return self.observation is not None and (self.observation.status_reason or "").startswith("Dependent Job")

    @property
    def verdict(self) -> Verdict:
        """What became of it, if the run ends now."""
        if self.succeeded:
            return Verdict.SUCCEEDED
        if self.not_run:
            return Verdict.NOT_RUN
        if self.stopped and self.error is None and (self.ended or self.is_running):
            return Verdict.STOPPED
        has_run = self.ended or self.lost or (self.over and self.earlier)
        return Verdict.FAILED if has_run else Verdict.NOT_RUN

    @property
    def to_repeat(self) -> bool:
        """Whether the job never got the chance to end by itself, so that a new start sends it again."""
        return (self.error is not None and not self.aws_id) or (self.terminated and self.ended and not self.succeeded)
