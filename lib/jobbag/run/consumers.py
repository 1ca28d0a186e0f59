"""Who hears of the events of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobbag.events.consumers import Consumer
from jobbag.events.events import Event
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.run.safeguards import Safeguards


@dataclass(frozen=True)
class Consumers:
    """Who hears of each event, in this order: the journal first. What an earlier start did is replayed to them."""

    journal: Journal
    state: RunState
    safeguards: Safeguards
    others: Sequence[Consumer] = ()

    def __call__(self, event: Event) -> None:
        consumers: tuple[Consumer, ...] = (self.journal, self.state, self.safeguards, *self.others)
        for consumer in consumers:
            consumer(event)
