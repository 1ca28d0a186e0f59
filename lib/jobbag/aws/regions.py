"""Regions and partitions of AWS, as botocore's data have them; and the regions of buckets, as S3 tells them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import UnknownRegionError


class BucketRegions:
    """In which region each bucket is. Safe to share between threads."""

    def __init__(self, region: str) -> None:
        """`region`: that of the run."""
        self._region = region
        self._told: dict[str, str] = {}

    def of(self, bucket: str) -> str:
        """The region of a bucket, as far as S3 has told it, else that of the run; of an access point, from its ARN."""
        return bucket.split(":")[3] if bucket.startswith("arn:") else self._told.get(bucket, self._region)

    def learn(self, params: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Hear an answer, or an error: S3 tells the region of a bucket also to whom it refuses all else."""
        region = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if region and "Bucket" in params:
            self._told[params["Bucket"]] = region


def partition_of(region: str) -> str:
    """The partition of a region, as it stands in ARNs. One that botocore does not know counts as of the first."""
    try:
        return str(_session().get_partition_for_region(region))
    except UnknownRegionError:
        return str(_partitions()[0]["id"])


def url_of_s3(region: str) -> str:
    """The URL of S3 in a region, whatever is configured on this machine."""
    partition = partition_of(region)
    suffix = next(one["outputs"]["dnsSuffix"] for one in _partitions() if one["id"] == partition)
    return f"https://s3.{region}.{suffix}"


def suffixes() -> tuple[str, ...]:
    """What host names of AWS end with."""
    names = ("dnsSuffix", "dualStackDnsSuffix")
    return tuple(f".{one['outputs'][name]}" for one in _partitions() for name in names)


@cache
def _session() -> Any:
    return botocore.session.get_session()


def _partitions() -> list[dict[str, Any]]:
    return list(_session().get_component("data_loader").load_data("partitions")["partitions"])
