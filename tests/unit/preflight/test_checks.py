"""Whose the credentials are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.errors import InputError
from jobbag.preflight.checks import check_account
from unit.builders import settings


@pytest.mark.parametrize(
    ("wanted", "good"),
    [
        ({}, True),
        ({"account": "111111111111"}, True),
        ({"account": "222222222222"}, False),
        ({"account": "222222222222", "local": True}, True),
    ],
)
def test_the_account_is_that_of_the_credentials(wanted: dict[str, Any], good: bool) -> None:
    aws: Any = SimpleNamespace(account=lambda: "111111111111")
    if good:
        check_account(settings(**wanted), aws)
        return
    with pytest.raises(InputError, match="--account: 222222222222 is given, but the credentials are of 111111111111"):
        check_account(settings(**wanted), aws)
