"""Pure: what an hour of a vCPU and of a GiB costs, as users write it, and sums of money as people read them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

FROM_AWS = "aws"  # in the place of prices: AWS is asked
NAMES = ("vcpu", "gb", "spot-vcpu", "spot-gb")
EXAMPLE = "vcpu=0.04048,gb=0.004445"
_NUMBER = re.compile(r"\d{1,9}(\.\d{1,12})?|\.\d{1,12}", re.ASCII)


class Prices(NamedTuple):
    """What an hour costs of a vCPU and of a GiB that a job asks for; on spot, if that is known."""

    vcpu: Decimal
    gb: Decimal
    spot_vcpu: Decimal | None = None
    spot_gb: Decimal | None = None

    def __str__(self) -> str:
        spot = f"; on spot {self.spot_vcpu} and {self.spot_gb}" if self.spot_vcpu is not None else ""
        return f"{self.vcpu} for a vCPU-hour and {self.gb} for a GB-hour{spot}"


def prices_of(text: str) -> Prices:
    """The prices in a text such as `vcpu=0.04,gb=0.004`. Raises ValueError, which says what is wrong."""
    found: dict[str, Decimal] = {}
    for part in text.split(","):
        name, equals, number = (one.strip() for one in part.partition("="))
        if name not in NAMES or not equals:
            raise ValueError(f"{part.strip()!r} is none of {', '.join(f'{one}=' for one in NAMES)}")
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = amount_of(number)
    missing = [name for name in NAMES[:2] if name not in found]
    if len(found) == 3:
        missing += [name for name in NAMES[2:] if name not in found]
    if missing:
        raise ValueError(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return Prices(*(found[name] for name in NAMES if name in found))


def amount_of(text: str) -> Decimal:
    """An amount of money, 0 or more. Raises ValueError, which says what is wrong."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no amount, such as 0.04048")
    return Decimal(text)


def money(amount: Decimal, currency: str = "") -> str:
    """An amount for people: `1,234.50`, or `0.0041`, in the currency if it is known."""
    places = min(1 - amount.adjusted(), 8) if 0 < amount < Decimal("0.1") else 2
    return f"{amount:,.{places}f} {currency}".rstrip()
