"""The prices of Fargate, from the Price List API of AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.aws.regions import region_of_prices
from jobbag.errors import ToolError
from jobbag.prices import Prices

# The end of a usage type, behind that of the region: on demand, and on spot; not on ARM, nor with Windows.
_USAGE = re.compile(r"(?:[A-Z0-9]+-)?(?P<spot>SpotUsage[:-])?Fargate-(?P<what>vCPU-Hours:perCPU|GB-Hours)")
MOST_PAGES = 50


def of_fargate(cloud: Cloud) -> tuple[Prices, str]:
    """What Fargate costs in the region of the run, for x86, and the currency. Raises ToolError."""
    region = region_of_prices(cloud.region)
    if region is None:
        raise ToolError(f"AWS has no price list for {cloud.region}")
    found: dict[tuple[bool, str], Decimal] = {}
    currencies = set()
    for product in _products(cloud, region):
        usage = _USAGE.fullmatch(str(product["product"]["attributes"].get("usagetype")))
        for currency, price in _prices(product) if usage else ():
            found[bool(usage and usage["spot"]), str(usage and usage["what"])[:2]] = price
            currencies.add(currency)
    vcpu, gb, *spot = (found.get((spot, what)) for spot in (False, True) for what in ("vC", "GB"))
    if vcpu is None or gb is None:
        raise ToolError(f"the price list of AWS has no Fargate in {cloud.region}")
    return Prices(vcpu, gb, *(spot if None not in spot else (None, None))), "/".join(sorted(currencies))


def _products(cloud: Cloud, region: str) -> Iterator[Mapping[str, Any]]:
    """All that ECS has in the region of the run."""
    here = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": cloud.region}]
    more: dict[str, Any] = {}
    for _ in range(MOST_PAGES):
        answer = cloud.call("pricing", "GetProducts", region, ServiceCode="AmazonECS", Filters=here, **more)
        try:
            yield from map(json.loads, answer.get("PriceList", ()))
        except ValueError:
            raise ToolError("the price list of AWS is no JSON") from None
        if not answer.get("NextToken"):
            return
        more = {"NextToken": answer["NextToken"]}


def _prices(product: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    """What a product costs on demand, with the currency."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            for currency, price in dimension.get("pricePerUnit", {}).items():
                try:
                    yield currency, Decimal(price).normalize()
                except InvalidOperation:
                    continue
