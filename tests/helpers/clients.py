"""The tool's own client of S3, for what tests put there and look at."""

from __future__ import annotations

from typing import Any

from jobbag.aws.client import Cloud


def s3_of(cloud: Cloud, bucket: str = "") -> Any:
    """The client for a bucket, in whatever region the tool takes it to be."""
    return cloud._connection.client("s3", cloud.buckets.of(bucket))
