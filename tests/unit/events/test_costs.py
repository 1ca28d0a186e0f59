"""What jobs cost, from the events of a run."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.errors import AwsError
from jobbag.events.costs import MS_PER_HOUR, Costs, Priced
from jobbag.events.events import Event, Lost, StateChanged, Submitting
from jobbag.events.observation import Attempt, Observation
from jobbag.events.state import RunState

from ..builders import bag, job

HOUR = MS_PER_HOUR
ONE = job(1, "one")
SPOT_LOSS = "Host EC2 (instance i-1) terminated."
PRICE = Priced(None, "0.04", "0.005", at=0)
HOURLY = Decimal("0.1")  # of what `seen` asks for


def seen(status: str = "SUCCEEDED", *attempts: Attempt, **values: Any) -> Observation:
    return Observation(status, attempts=attempts, **{"vcpus": 2.0, "memory": 4096, **values})


def ran(hours: float, reason: str | None = None, start: int = 0) -> Attempt:
    return Attempt(None, start, start + int(hours * HOUR), 0, reason)


def changed(now: Observation, aws_id: str = "id", at: int = 1) -> StateChanged:
    return StateChanged(ONE, aws_id, now, at=at)


def of(*events: Event, since: int = 0) -> Costs:
    state = RunState(bag(ONE), since)
    for event in events:
        state(event)
    return state.costs


def test_a_job_costs_what_it_asks_for_times_its_time() -> None:
    costs = of(PRICE, changed(seen("SUCCEEDED", ran(1.5), started=0, stopped=int(1.5 * HOUR))))
    assert costs.parts(9 * HOUR) == {None: Decimal("0.15")}
    assert costs.words(9 * HOUR) == "cost 0.15"


def test_without_a_price_there_is_no_cost() -> None:
    costs = of(changed(seen("SUCCEEDED", ran(1.5))))
    assert (costs.is_known, costs.words(0), costs.by_job(0)) == (False, None, {})
    costs(PRICE)  # which comes with a start that takes it up
    assert costs.total(0) == Decimal("0.15")


@pytest.mark.parametrize(("queue", "cost"), [("q", HOURLY * 2), ("other", Decimal(0))])
@pytest.mark.parametrize("known", [1, 2, 3])
def test_it_costs_the_same_once_all_prices_are_known(known: int, queue: str, cost: Decimal) -> None:
    events = [
        replace(PRICE, queue="q"),
        Submitting(ONE, "token", f"arn:aws:batch:us-west-2:1:job-queue/{queue}"),
        changed(seen("RUNNING", started=0)),
        changed(seen("SUCCEEDED", ran(2), started=0, stopped=2 * HOUR)),
    ]
    state = RunState(bag(ONE), 0)
    for number, event in enumerate(events):
        if number == known:
            state.costs.has_all_prices()
        state(event)
    assert state.costs.total(9 * HOUR) == cost
    assert state.costs.by_job(9 * HOUR) == ({1: cost} if cost else {})


def test_what_runs_costs_more_and_more() -> None:
    costs = of(PRICE, changed(seen("RUNNING", ran(1, SPOT_LOSS), started=2 * HOUR)))
    assert costs.parts(3 * HOUR) == {"spot losses": HOURLY, None: HOURLY}
    assert costs.parts(4 * HOUR) == {"spot losses": HOURLY, None: 2 * HOURLY}
    costs(changed(seen("SUCCEEDED", ran(1, SPOT_LOSS), ran(3, start=2 * HOUR), started=2 * HOUR, stopped=5 * HOUR)))
    assert costs.parts(9 * HOUR) == {"spot losses": HOURLY, None: 3 * HOURLY}


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ({"status_reason": SPOT_LOSS}, "spot losses"),
        ({"status_reason": "Your Spot Task was interrupted."}, "spot losses"),
        ({"container_reason": "OutOfMemoryError: Container killed due to memory usage"}, "want of memory"),
        ({"status_reason": "Job attempt duration exceeded timeout"}, "timeouts"),
        ({"status_reason": "pegasus-aws-batch was halted: 3 jobs failed"}, "the halt"),
        ({"status_reason": "pegasus-aws-batch was stopped"}, "being stopped"),
        ({"exit_code": 3}, "failures"),
    ],
)
def test_what_a_failed_attempt_cost_was_wasted(values: dict[str, Any], lost: str) -> None:
    assert of(PRICE, changed(seen("FAILED", ran(1), **values))).parts(0) == {lost: HOURLY}


def test_every_sending_of_a_job_counts_at_the_price_of_its_queue() -> None:
    """As when it is sent again with more memory, to another queue."""
    costs = of(
        PRICE,
        Priced("spot", "0.01", "0.001", spot=True, at=0),
        Submitting(ONE, "1", "arn:aws:batch:eu-west-3:123456789012:job-queue/spot", at=1),
        changed(seen("FAILED", ran(1, SPOT_LOSS), status_reason=SPOT_LOSS), "first"),
        Submitting(ONE, "2", "other", at=2),
        changed(seen("SUCCEEDED", ran(1, start=2 * HOUR), memory=8192), "second"),
    )
    assert costs.parts(9 * HOUR) == {"spot losses": Decimal("0.024"), None: Decimal("0.12")}
    assert costs.by_job(9 * HOUR) == {1: Decimal("0.144")}


def test_fargate_bills_a_minute_at_least() -> None:
    short = Attempt(None, 0, 1000)
    costs = of(PRICE, changed(seen("FAILED", short, Attempt(None, 0, 120_000), fargate=True)))
    assert costs.total(0) == HOURLY * 3 / 60
    assert of(PRICE, changed(seen("RUNNING", started=0, fargate=True))).total(1000) == HOURLY / 60
    assert of(PRICE, changed(seen("SUCCEEDED", short))).total(0) == HOURLY / 3600


def test_a_price_of_fargate_is_for_no_other_job() -> None:
    costs = of(Priced(None, "1", "1", fargate=True, currency="USD", at=0), changed(seen("SUCCEEDED", ran(1))))
    assert costs.words(0) == "cost 0.00 USD"
    assert costs.by_job(0) == {}


def test_what_was_before_the_run_is_not_of_it() -> None:
    costs = of(PRICE, changed(seen("SUCCEEDED", ran(1)), at=5), since=6)
    assert not costs.is_known
    costs(Priced(None, "1", "1", at=6))
    assert costs.total(9) == 0


def test_a_job_that_aws_has_lost_costs_nothing_any_more() -> None:
    lost = Lost(ONE, "id", AwsError("DescribeJobs", "lost", "gone"), at=HOUR)
    assert of(PRICE, changed(seen("RUNNING", started=0)), lost).parts(9 * HOUR) == {"failures": HOURLY}


@given(st.lists(st.tuples(st.integers(0, 5 * HOUR), st.sampled_from([SPOT_LOSS, "exit", None])), max_size=5))
def test_the_parts_are_the_sum_of_the_attempts_whatever_was_seen_before(attempts: list[tuple[int, str | None]]) -> None:
    done: list[Attempt] = []
    start = 0
    costs = of(PRICE)
    for length, reason in attempts:
        costs(changed(seen("RUNNING", *done, started=start, stopped=None)))
        done.append(Attempt(None, start, start + length, 1, reason))
        start += length + 1
        costs(changed(seen("RUNNABLE", *done)))
    total = HOURLY * sum(length for length, _ in attempts) / HOUR
    assert abs(costs.total(start) - total) < Decimal("1e-20")
    assert costs.total(start) == costs.total(start + HOUR)
    assert sum(costs.by_job(start).values(), Decimal(0)) == pytest.approx(total)


# -- a bound


def test_a_run_is_halted_before_its_jobs_have_cost_more() -> None:
    costs = of(PRICE, changed(seen("RUNNING", started=0)))
    end = 30_000  # ms in which jobs that are terminated end
    assert costs.verdict(HOURLY, HOUR - end - 1) is None
    assert costs.verdict(HOURLY, HOUR - end) == (
        "the jobs have cost 0.099, and would soon cost more than the 0.10 of --max-cost"
    )


def test_no_more_than_a_quarter_is_kept_back() -> None:
    costs = of(Priced(None, "1800", "0", at=0), changed(seen("RUNNING", started=0)))  # one a second
    assert costs.verdict(Decimal(10), 7_499) is None
    assert costs.verdict(Decimal(10), 7_500) is not None


def test_what_does_not_run_needs_no_margin() -> None:
    costs = of(PRICE, changed(seen("SUCCEEDED", ran(1))))
    assert costs.verdict(HOURLY + Decimal("0.0001"), 9 * HOUR) is None
    assert costs.verdict(HOURLY, 9 * HOUR) is not None
