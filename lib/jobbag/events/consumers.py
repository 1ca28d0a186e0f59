"""How events travel: from workers that emit them to consumers that hear of them, now or from an earlier start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from jobbag.events.events import Event, WorkerFailed

Emit = Callable[[Event], None]


def worker_failed(emit: Emit) -> Callable[[str, BaseException], None]:
    """How a worker tells of an error that it cannot go on after."""
    return lambda worker, error: emit(WorkerFailed(worker, error))


Consumer = Callable[[Event], None]


class Replayable(Protocol):
    """What learns from the events of an earlier start."""

    def replay(self, event: Event) -> None:
        """Learn what happened in an earlier start, of which this one is the continuation."""


def replay(events: Iterable[Event], *learners: Replayable) -> None:
    """Tell what happened in an earlier start, in its order."""
    for event in events:
        for learner in learners:
            learner.replay(event)
