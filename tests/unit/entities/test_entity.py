"""Entities as AWS shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.entities.entity import definition_name, describe, describe_definition, status_reason
from jobbag.entities.kinds import ENVIRONMENT, QUEUE, Kind

NAMES = st.text("abcXYZ019-_", min_size=1, max_size=20)


@given(NAMES, st.none() | st.integers(1, 999), st.booleans())
def test_a_definition_is_named_with_or_without_revision_or_arn(name: str, revision: int | None, arn: bool) -> None:
    ref = name if revision is None else f"{name}:{revision}"
    ref = f"arn:aws:batch:eu-west-3:123456789012:job-definition/{ref}" if arn else ref
    assert definition_name(ref) == (name, revision)


class FakeCloud:
    """AWS with these entities; of job definitions it shows one on a page."""

    def __init__(self, *found: dict[str, Any]) -> None:
        self.found = found
        self.asked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, region: str | None, **params: Any) -> dict[str, Any]:
        assert (service, region) == ("batch", None)
        self.asked.append({"operation": operation, **params})
        return {next(iter(params)): list(self.found)}

    def pages(self, service: str, operation: str, **params: Any) -> Iterator[dict[str, Any]]:
        assert service == "batch"
        self.asked.append({"operation": operation, **params})
        yield from ({"jobDefinitions": [one]} for one in self.found)

    @property
    def cloud(self) -> Cloud:
        return cast(Cloud, self)


@pytest.mark.parametrize("kind", [QUEUE, ENVIRONMENT], ids=["queue", "environment"])
def test_a_queue_or_environment_that_is_deleted_is_none(kind: Kind) -> None:
    gone, there = {"status": "DELETED", "name": "a"}, {"status": "VALID", "name": "a"}
    fake = FakeCloud(gone, there)
    assert describe(fake.cloud, kind, "a") == there
    assert fake.asked == [{"operation": kind.describe, kind.list_field: ["a"]}]
    assert describe(FakeCloud(gone).cloud, kind, "a") is None
    assert describe(FakeCloud().cloud, kind, "a") is None


@pytest.mark.parametrize(
    ("ref", "revision"), [("d", 10), ("d:9", 9), ("d:1", None), ("arn:aws:batch:r:1:job-definition/d:9", 9)]
)
def test_a_definition_is_the_latest_active_revision_or_the_one_that_is_named(ref: str, revision: int | None) -> None:
    fake = FakeCloud({"revision": 9}, {"revision": 10}, {"revision": 2})
    assert describe_definition(fake.cloud, ref) == (None if revision is None else {"revision": revision})
    assert fake.asked == [
        {"operation": "DescribeJobDefinitions", "jobDefinitionName": "d", "status": "ACTIVE"},
    ]


@pytest.mark.parametrize("detail", [{}, {"statusReason": ""}, {"statusReason": None}])
def test_a_status_without_a_reason_says_so(detail: dict[str, Any]) -> None:
    assert status_reason(detail) == "AWS gives no reason"
    assert status_reason({"statusReason": "no subnet"}) == "no subnet"
