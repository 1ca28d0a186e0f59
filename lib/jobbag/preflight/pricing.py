"""What an hour costs in the queues of a run (--prices)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.capacity import is_usable
from jobbag.entities.kinds import Existing, Plan, ToCreate
from jobbag.errors import InputError, ToolError
from jobbag.events.costs import Priced
from jobbag.options.settings import Settings
from jobbag.preflight import price_list
from jobbag.prices import Prices

log = logging.getLogger(__name__)

PATIENCE = 20.0  # s for the prices of AWS
ASK = "give --prices vcpu=...,gb=..., or let the credentials do pricing:GetProducts (docs/iam.md)"

Environments = Mapping[str | None, Sequence[Mapping[str, Any]]]  # by what jobs name as their queue


def pricing(settings: Settings, cloud: Cloud, plan: Plan, environments: Environments) -> tuple[list[Priced], list[str]]:
    """The prices in the queues, and warnings. Raises InputError if none are known, and there is a bound on the cost."""
    if settings.prices is None:
        return [], []
    prices, currency, warnings = settings.prices, "", []
    if not isinstance(prices, Prices):
        try:
            prices, currency = _of_aws(cloud)
        except ToolError as error:
            what = f"--prices aws: {error}"
            if settings.max_cost is not None:
                raise InputError.of("--max-cost", f"no cost is known ({what}); {ASK}") from None
            return [], [f"{what}; no cost is told; {ASK}"]
    from_aws = prices is not settings.prices
    found = [_priced(None, prices, spot=False, currency=currency, fargate=from_aws)]
    for ref, some in environments.items():
        name = _name(ref, plan)
        spot = _spot(some)
        if spot and prices.spot_vcpu is None:
            whose = "the price list of AWS" if from_aws else "--prices"
            warnings.append(
                f"the job queue {name} is on spot, for which {whose} has no price: on-demand prices are taken"
            )
        elif spot is None and not cloud.embedded:
            warnings.append(f"it is not known whether the job queue {name} is on spot: on-demand prices are taken")
        if from_aws and not _is_fargate(some):
            what = f"--prices aws is for Fargate, which the job queue {name} is not on: its jobs have no price"
            if settings.max_cost is not None:
                raise InputError.of("--max-cost", f"{what}; give --prices vcpu=...,gb=...")
            warnings.append(what)
        found.append(_priced(name, prices, spot=bool(spot), currency=currency, fargate=from_aws))
    return found, warnings


def _of_aws(cloud: Cloud) -> tuple[Prices, str]:
    if cloud.embedded:
        raise ToolError("the embedded AWS has no prices")
    with cloud.within(PATIENCE) as hurried:
        return price_list.of_fargate(hurried)


def _priced(queue: str | None, prices: Prices, *, spot: bool, currency: str, fargate: bool) -> Priced:
    vcpu, gb = prices.vcpu, prices.gb
    if is_priced := spot and prices.spot_vcpu is not None and prices.spot_gb is not None:
        vcpu, gb = prices.spot_vcpu or Decimal(0), prices.spot_gb or Decimal(0)
    return Priced(queue, str(vcpu), str(gb), is_priced, currency, fargate)


def told(prices: Sequence[Priced]) -> Iterator[str]:
    """The prices for people, by queue if any is known."""
    for one in [one for one in prices if one.queue is not None] or prices:
        each = f"{one.vcpu} for a vCPU-hour, {one.gb} for a GB-hour {one.currency}".rstrip()
        where = "" if one.queue is None else f" in the job queue {one.queue} ({'spot' if one.spot else 'on demand'})"
        yield f"{each}{where}"


def _name(ref: str | None, plan: Plan) -> str:
    """The name of a queue, by what jobs name as theirs."""
    spec = plan.queue
    own = spec.ref if isinstance(spec, Existing) else spec.name if isinstance(spec, ToCreate) else ""
    return (ref or own).rpartition("/")[2]


def _kinds(environments: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str((one.get("computeResources") or {}).get("type", "")).upper() for one in environments if is_usable(one)}


def _spot(environments: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether jobs run on spot there; None if that is not known, or differs."""
    found = {"SPOT" in kind if kind else None for kind in _kinds(environments)}
    return next(iter(found)) if len(found) == 1 else None


def _is_fargate(environments: Sequence[Mapping[str, Any]]) -> bool:
    return any(kind.startswith("FARGATE") for kind in _kinds(environments))
