"""Which failure of another job kept one from running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from jobbag.bag.job import Bag, Job


class Culprits:
    """Walks along dependencies, and keeps what it has found: a chain is walked along once, not for each of its jobs."""

    def __init__(self, bag: Bag, failed: Callable[[Job], bool]) -> None:
        """`failed`: whether a job has not succeeded, and will not, by now."""
        self._bag = bag
        self._failed = failed
        self._found: dict[str, Job] = {}  # by name as sent: the first failed job before it

    def of(self, job: Job) -> Job | None:
        """The failed job, before all others in the order, because of which this one cannot run; None if none is."""
        passed: list[str] = []
        while (failed := self._failed_before(job)) is not None:
            passed.append(job.sent_name)
            job = failed
        self._found |= dict.fromkeys(passed, job)
        return job if passed else None

    def _failed_before(self, job: Job) -> Job | None:
        """A failed job before this one in the order: as far up as is known, else one on which it depends itself."""
        known = self._found.get(job.sent_name)
        if known is not None and self._failed(known):
            return known
        return next(filter(self._failed, self.needed_by(job)), None)

    def needed_by(self, job: Job) -> Iterator[Job]:
        """The jobs of the bag on which this one depends itself."""
        return chain.from_iterable(map(self._bag.named, job.depends_on))
