"""A private embedded AWS: on a shared machine, who can submit jobs could run anything as another user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobbag.local import CREDENTIALS, LocalAws


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(slots=1, private=True) as running:
        yield running


def client(aws: LocalAws, service: str, key: str) -> Any:
    make: Any = boto3.client
    credentials = {**CREDENTIALS, "aws_access_key_id": key}
    return make(service, endpoint_url=aws.endpoint, region_name="us-east-1", **credentials)


def test_the_own_key_is_let_in(aws: LocalAws) -> None:
    key = CREDENTIALS["aws_access_key_id"]
    assert client(aws, "batch", key).describe_job_queues()["jobQueues"] == []
    assert client(aws, "s3", key).list_buckets()["Buckets"] == []


@pytest.mark.parametrize("key", ["local", "test"])
def test_any_other_key_gets_nothing(aws: LocalAws, key: str) -> None:
    with pytest.raises(ClientError, match=r"403|UnrecognizedClient"):
        client(aws, "s3", key).list_buckets()
    with pytest.raises(ClientError, match="UnrecognizedClient"):
        client(aws, "batch", key).describe_job_queues()
