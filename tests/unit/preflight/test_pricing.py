"""What an hour costs in the queues of a run, as the user says it, or AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.aws.regions import region_of_prices
from jobbag.entities.kinds import QUEUE, Existing, Plan, ToCreate
from jobbag.errors import AwsError, InputError
from jobbag.events.costs import Priced
from jobbag.preflight.pricing import pricing, told
from jobbag.prices import Prices, prices_of

from ..builders import settings

PRICES = prices_of("vcpu=0.04,gb=0.004")
BOTH = prices_of("vcpu=0.04,gb=0.004,spot-vcpu=0.01,spot-gb=0.001")
PLAN = Plan(None, None, Existing(QUEUE, "arn:aws:batch:eu-west-3:123456789012:job-queue/mine"), None)


def product(usage: str, price: str, currency: str = "USD") -> str:
    """An entry of the price list, as GetProducts gives it."""
    dimension = {"unit": "hours", "pricePerUnit": {currency: price}}
    term = {"priceDimensions": {"A.B.C": dimension}}
    return json.dumps({"product": {"attributes": {"usagetype": usage}}, "terms": {"OnDemand": {"A.B": term}}})


LISTED = [
    product("EUW3-Fargate-vCPU-Hours:perCPU", "0.0486000000"),
    product("EUW3-Fargate-GB-Hours", "0.0053000000"),
    product("EUW3-Fargate-ARM-vCPU-Hours:perCPU", "0.03"),
    product("EUW3-Fargate-Windows-GB-Hours", "0.03"),
    product("EUW3-Fargate-EphemeralStorage-GB-Hours", "0.03"),
    json.dumps({"product": {"attributes": {}}}),
]
SPOT = [
    product("EUW3-SpotUsage:Fargate-vCPU-Hours:perCPU", "0.0146"),
    product("EUW3-SpotUsage:Fargate-GB-Hours", "0.0016"),
]


class PriceList(Cloud):
    """Has these products, a page for each list; or refuses to tell them."""

    def __init__(self, *listed: list[str], error: AwsError | None = None, embedded: bool = False) -> None:
        self.region = "eu-west-3"
        self.embedded = embedded
        self._pages = listed
        self._error = error
        self.asked: list[tuple[str | None, dict[str, Any]]] = []

    @contextmanager
    def within(self, seconds: float) -> Iterator[Cloud]:
        assert seconds < 60
        yield self

    def call(self, service: str, operation: str, region: str | None = None, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("pricing", "GetProducts")
        self.asked.append((region, params))
        if self._error:
            raise self._error
        number = int(params.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        return {"PriceList": self._pages[number], **more}


def environment(kind: str | None = "EC2", **values: Any) -> dict[str, Any]:
    return {"computeResources": {"type": kind} if kind else {}, "state": "ENABLED", **values}


def found(
    prices: Prices | str | None, cloud: Cloud | None = None, most: str | None = None, **queues: list[dict[str, Any]]
) -> tuple[list[Priced], list[str]]:
    given = settings(prices=prices, max_cost=most and Decimal(most))
    environments = {None if ref == "own" else ref: tuple(some) for ref, some in queues.items()}
    return pricing(given, cloud or PriceList(), PLAN, environments)


def test_without_prices_nobody_is_asked() -> None:
    cloud = PriceList(error=AwsError("GetProducts", "AccessDeniedException", "no"))
    assert found(None, cloud, own=[environment()]) == ([], [])
    assert cloud.asked == []


def test_the_price_in_a_queue_is_that_of_what_is_behind_it() -> None:
    other = [environment(), environment("SPOT", state="DISABLED")]
    priced, warnings = found(BOTH, own=[environment("SPOT"), environment("FARGATE_SPOT")], other=other)
    assert [(one.queue, one.vcpu, one.gb, one.spot) for one in priced] == [
        (None, "0.04", "0.004", False),
        ("mine", "0.01", "0.001", True),
        ("other", "0.04", "0.004", False),
    ]
    assert warnings == []
    assert list(told(priced)) == [
        "0.01 for a vCPU-hour, 0.001 for a GB-hour in the job queue mine (spot)",
        "0.04 for a vCPU-hour, 0.004 for a GB-hour in the job queue other (on demand)",
    ]
    assert list(told(priced[:1])) == ["0.04 for a vCPU-hour, 0.004 for a GB-hour"]


@pytest.mark.parametrize(
    ("prices", "environments", "warning"),
    [
        (PRICES, [environment("SPOT")], "the job queue mine is on spot, for which --prices has no price"),
        (BOTH, [environment("SPOT"), environment("EC2")], "it is not known whether the job queue mine is on spot"),
        (BOTH, [environment(None)], "it is not known whether the job queue mine is on spot"),
        (BOTH, [], "it is not known whether the job queue mine is on spot"),
    ],
)
def test_else_it_is_that_on_demand_and_said(prices: Prices, environments: list[dict[str, Any]], warning: str) -> None:
    priced, warnings = found(prices, own=environments)
    assert (priced[1].vcpu, priced[1].spot) == ("0.04", False)
    assert warnings == [f"{warning}: on-demand prices are taken"]


def test_the_embedded_aws_has_no_spot_and_no_prices() -> None:
    assert found(BOTH, PriceList(embedded=True), own=[environment(None)])[1] == []
    priced, (warning,) = found("aws", PriceList(embedded=True), own=[environment(None)])
    assert priced == []
    assert warning.startswith("--prices aws: the embedded AWS has no prices; no cost is told; give --prices")


def test_aws_tells_the_prices_of_fargate() -> None:
    cloud = PriceList(LISTED, SPOT)
    priced, warnings = found("aws", cloud, own=[environment("FARGATE_SPOT")], ec2=[environment()])
    assert [(one.queue, one.vcpu, one.gb, one.currency, one.fargate) for one in priced] == [
        (None, "0.0486", "0.0053", "USD", True),
        ("mine", "0.0146", "0.0016", "USD", True),
        ("ec2", "0.0486", "0.0053", "USD", True),
    ]
    assert warnings == ["--prices aws is for Fargate, which the job queue ec2 is not on: its jobs have no price"]
    assert {region for region, _ in cloud.asked} == {"eu-central-1"}
    assert cloud.asked[0][1]["Filters"] == [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-3"}]


def test_a_bound_needs_a_price_of_every_job() -> None:
    with pytest.raises(InputError, match="the job queue ec2 is not on: its jobs have no price; give --prices vcpu="):
        found("aws", PriceList(LISTED), "5", own=[environment("FARGATE")], ec2=[environment()])


def test_aws_need_not_list_spot() -> None:
    _, (warning,) = found("aws", PriceList(LISTED), own=[environment("FARGATE_SPOT")])
    assert warning.startswith("the job queue mine is on spot, for which the price list of AWS has no price")


@pytest.mark.parametrize(
    ("cloud", "why"),
    [
        (PriceList(error=AwsError("GetProducts", "AccessDeniedException", "not authorized")), "AccessDenied"),
        (PriceList([]), "the price list of AWS has no Fargate in eu-west-3"),
        (PriceList(["{"]), "the price list of AWS is no JSON"),
    ],
)
def test_what_aws_does_not_tell_is_one_warning_and_with_a_bound_an_error(cloud: PriceList, why: str) -> None:
    priced, (warning,) = found("aws", cloud, own=[environment()])
    assert priced == []
    assert warning.startswith("--prices aws: ")
    assert why in warning
    assert "pricing:GetProducts (docs/iam.md)" in warning
    with pytest.raises(InputError) as raised:
        found("aws", cloud, "5", own=[environment()])
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("region", "near"),
    [
        ("us-west-2", "us-east-1"),
        ("ap-northeast-1", "ap-south-1"),
        ("eu-central-1", "eu-central-1"),
        ("sa-east-1", "us-east-1"),
        ("cn-north-1", "cn-northwest-1"),
        ("us-gov-west-1", None),
    ],
)
def test_the_region_of_the_price_list(region: str, near: str | None) -> None:
    assert region_of_prices(region) == near


def test_a_queue_that_is_to_be_created_has_its_name() -> None:
    plan = Plan(None, None, ToCreate(QUEUE, {"jobQueueName": "bag-job-queue"}, None), None)
    priced, _ = pricing(settings(prices=PRICES), PriceList(), plan, {None: (environment(),)})
    assert [one.queue for one in priced] == [None, "bag-job-queue"]
