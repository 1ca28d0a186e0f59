"""What jobs cost, folded from events: the prices of the queues, and how long which attempt of a job ran."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from jobbag.bag.job import Job
from jobbag.errors import PROG
from jobbag.events.causes import HALTED_BY, lost_machine, lost_start, wanted_memory
from jobbag.events.events import Event, Lost, StateChanged
from jobbag.events.observation import Observation, joined
from jobbag.prices import money

MS_PER_HOUR = 3_600_000
FARGATE_LEAST = 60_000  # ms that Fargate bills at least
ENDING = 30_000  # ms that jobs which are terminated have to end
MARGIN = Decimal("0.25")  # of a bound: what these may cost is kept back, and no more than this part
SPOT = "spot losses"  # that of a machine, on demand too


@dataclass(frozen=True, slots=True)
class Priced(Event):
    """What an hour costs of a vCPU and of a GiB that jobs in a queue ask for, as decimal numbers.

    `queue`: by name; None: any other. `fargate`: it is for jobs on Fargate only.
    """

    queue: str | None
    vcpu: str
    gb: str
    spot: bool = False
    currency: str = ""
    fargate: bool = False


class _Sending(NamedTuple):
    """A job, by its number, as one SubmitJob sent it."""

    number: int
    queue: str | None
    seen: Observation


class _Spans(NamedTuple):
    """What a sending of a job, by its number, costs an hour, its time that is over (ms) by what it was lost for (None:
    for nothing), and since when it runs."""

    number: int
    rate: Decimal
    over: tuple[tuple[str | None, int], ...]
    since: int | None
    least: int  # ms that are billed

    def running(self, now: int) -> int:
        """The time (ms) up to `now` of the attempt that runs; 0 if none does."""
        return 0 if self.since is None else max(now - self.since, self.least)


class Costs:
    """A consumer of events that knows what the jobs of a run have cost. Any thread may ask.

    Each attempt costs what it asks for times its time, of every sending of a job.
    """

    def __init__(self, since: int, queue_of: Callable[[Job], str | None]) -> None:
        """`since`: when the run began (ms). What was before is not of it. `queue_of`: where a job was sent last, by
        name or ARN, if it is known."""
        self._begin = since
        self._lock = threading.Lock()
        self._prices: dict[str | None, Priced] = {}
        self._queue_of = queue_of
        self._sendings: dict[str, _Sending] = {}  # by AWS id
        self._lost: dict[str, int] = {}  # when AWS lost those that it lost (ms)
        self._spans: dict[str, _Spans] = {}  # of those that cost something
        self._has_all_prices = False
        self._over: Counter[tuple[Decimal, str | None]] = Counter()  # ms by rate and by what they were lost for

    def __call__(self, event: Event) -> None:
        if event.at < self._begin:
            return
        match event:
            case Priced():
                with self._lock:
                    self._prices[event.queue] = event
                    for aws_id, sending in list(self._sendings.items()):
                        self._put(aws_id, sending)
            case StateChanged(job=job, aws_id=aws_id, observation=seen) if seen.attempts or seen.started is not None:
                with self._lock:
                    known = self._sendings.get(aws_id)
                    queue = self._queue_name(job) if known is None else known.queue
                    self._lost.pop(aws_id, None)
                    self._put(aws_id, _Sending(job.number, queue, seen))
            case Lost(aws_id=aws_id):
                with self._lock:
                    known = self._sendings.get(aws_id)
                    if known is not None:
                        self._lost[aws_id] = event.at
                        self._put(aws_id, known)

    def _queue_name(self, job: Job) -> str | None:
        queue = self._queue_of(job)
        return queue and sys.intern(queue.rpartition("/")[2])

    def has_all_prices(self) -> None:
        """No more prices will come: what none counts for, which may be all of a hundred thousand jobs, is not kept."""
        with self._lock:
            self._has_all_prices = True
            self._sendings = {aws_id: one for aws_id, one in self._sendings.items() if aws_id in self._spans}

    def _put(self, aws_id: str, sending: _Sending) -> None:
        before = self._spans.pop(aws_id, None)
        if before is not None:
            self._over.subtract({(before.rate, lost): time for lost, time in _sums(before.over).items()})
        priced = self._prices.get(sending.queue) or self._prices.get(None)
        seen = sending.seen
        has_price = priced is not None and (seen.fargate or not priced.fargate)
        if has_price or not self._has_all_prices:
            self._sendings[aws_id] = sending
        if priced is None or not has_price:
            return
        vcpus, gib = Decimal(str(seen.vcpus or 0)), Decimal(seen.memory or 0) / 1024
        rate = vcpus * Decimal(priced.vcpu) + gib * Decimal(priced.gb)
        now = _spans(sending, rate, self._lost.get(aws_id))
        self._spans[aws_id] = now
        self._over.update({(rate, lost): time for lost, time in _sums(now.over).items()})

    @property
    def is_known(self) -> bool:
        """Whether there is a price."""
        return bool(self._prices)

    @property
    def currency(self) -> str:
        """That of the prices, if it is known."""
        return next((one.currency for one in self._prices.values()), "")

    @property
    def prices(self) -> list[Priced]:
        """The prices that count now."""
        return list(self._prices.values())

    def parts(self, now: int) -> dict[str | None, Decimal]:
        """The cost up to `now` (ms), by what it was lost for; None: for nothing, or for what is still to be seen."""
        with self._lock:
            times = Counter(self._over)
            for one in self._spans.values():
                times[one.rate, None] += one.running(now)
        found: dict[str | None, Decimal] = {}
        for (rate, lost), time in times.items():
            if time:
                found[lost] = found.get(lost, Decimal(0)) + rate * time / MS_PER_HOUR
        return found

    def total(self, now: int) -> Decimal:
        """The cost up to `now` (ms)."""
        return sum(self.parts(now).values(), Decimal(0))

    def by_job(self, now: int) -> dict[int, Decimal]:
        """The same of each job that has cost something, in all its sendings, by number."""
        with self._lock:
            spans = list(self._spans.values())
        found: dict[int, Decimal] = {}
        for one in spans:
            found[one.number] = found.get(one.number, Decimal(0)) + _cost(one, now)
        return found

    def words(self, now: int) -> str | None:
        """The cost up to `now` (ms) for people; None if there is no price."""
        return f"cost {money(self.total(now), self.currency)}" if self.is_known else None

    def verdict(self, most: Decimal, now: int) -> str | None:
        """Why a run is to halt that may cost so much: it would soon have; None if it would not.

        Jobs cost something until they have ended, for which there is a margin.
        """
        with self._lock:
            running = sum((one.rate for one in self._spans.values() if one.since is not None), Decimal(0))
        total = self.total(now)
        if total + min(running * ENDING / MS_PER_HOUR, most * MARGIN) < most:
            return None
        told = money(total, self.currency), money(most, self.currency)
        return f"the jobs have cost {told[0]}, and would soon cost more than the {told[1]} of --max-cost"


def _spans(sending: _Sending, rate: Decimal, lost_at: int | None) -> _Spans:
    """The time of the attempts of a sending, and of the one that runs. `lost_at`: when AWS lost it (ms)."""
    seen = sending.seen
    least = FARGATE_LEAST if seen.fargate else 0
    over: list[tuple[str | None, int]] = []
    for number, one in enumerate(seen.attempts, 1):
        if one.started is not None and one.stopped is not None:
            last = seen.ended and number == len(seen.attempts)
            lost = _of_end(seen) if last else waste_of(one.reason)
            over.append((lost, max(one.stopped - one.started, least)))
    runs = seen.started if all(one.started != seen.started for one in seen.attempts) else None
    until = seen.stopped if seen.ended else lost_at
    if runs is not None and (seen.ended or until is not None):
        over.append((_of_end(seen), max((until or runs) - runs, least)))
        runs = None
    return _Spans(sending.number, rate, tuple(over), runs, least)


def _of_end(seen: Observation) -> str | None:
    if seen.status == "SUCCEEDED":
        return None
    last = seen.attempts[-1].reason if seen.attempts else None
    return waste_of(joined(seen.reason, last))


def _sums(times: tuple[tuple[str | None, int], ...]) -> Counter[str | None]:
    found: Counter[str | None] = Counter()
    for lost, time in times:
        found[lost] += time
    return found


def _cost(spans: _Spans, now: int) -> Decimal:
    return spans.rate * (sum(time for _, time in spans.over) + spans.running(now)) / MS_PER_HOUR


def waste_of(reason: str | None) -> str:
    """For what an attempt was lost that did not succeed, as behind `wasted by`."""
    return next(_wastes(reason or ""))


def _wastes(reason: str) -> Iterator[str]:
    if lost_machine(reason):
        yield SPOT
    if lost_start(reason):
        yield "container errors"
    if HALTED_BY in reason:
        yield "the halt"
    if PROG in reason:
        yield "being stopped"
    if "exceeded timeout" in reason:
        yield "timeouts"
    if wanted_memory(None, reason):
        yield "want of memory"
    yield "failures"
