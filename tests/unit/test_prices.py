"""Prices as users write them, and money as people read it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.prices import Prices, amount_of, money, prices_of

AMOUNTS = st.decimals(0, 10**6, places=6)


@given(st.lists(AMOUNTS, min_size=4, max_size=4), st.booleans())
def test_what_is_written_is_read(amounts: list[Decimal], spot: bool) -> None:
    given = Prices(*amounts[: 4 if spot else 2])
    names = ("vcpu", "gb", "spot-vcpu", "spot-gb")
    text = ", ".join(f"{name} = {amount}" for name, amount in zip(names, given, strict=True) if amount is not None)
    assert prices_of(text) == given


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("0.04", "'0.04' is none of vcpu=, gb=, spot-vcpu=, spot-gb="),
        ("cpu=1,gb=1", "'cpu=1' is none of"),
        ("vcpu=1", "gb is missing"),
        ("spot-vcpu=1", "vcpu and gb are missing"),
        ("vcpu=1,gb=1,spot-gb=1", "spot-vcpu is missing"),
        ("vcpu=1,vcpu=1,gb=1", "vcpu is given twice"),
        ("vcpu=-1,gb=1", "'-1' is no amount, such as 0.04048"),
        ("vcpu=$1,gb=1", "'$1' is no amount"),
        ("vcpu=1e3,gb=1", "'1e3' is no amount"),
        ("vcpu=\u0663,gb=1", "'\u0663' is no amount"),
    ],
)
def test_what_is_wrong_with_prices(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        prices_of(text)
    assert str(raised.value).startswith(wrong)


@pytest.mark.parametrize(
    ("amount", "told"),
    [("0", "0.00"), ("0.00000412", "0.0000041"), ("0.0412", "0.041"), ("0.412", "0.41"), ("1234.5", "1,234.50")],
)
def test_money(amount: str, told: str) -> None:
    assert money(amount_of(amount)) == told
    assert money(amount_of(amount), "USD") == f"{told} USD"
