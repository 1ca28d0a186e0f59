"""Regions and partitions of AWS, as botocore's data have them; and the regions of buckets, as S3 tells them.

botocore's session, which is slow to import, is imported with the first question that needs it.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jobbag.hints import nearest, some_of

_SHAPE = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d+")


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
    from botocore.endpoint_provider import RuleSetStandardLibrary  # unlike a session, it needs no list of endpoints

    return str(RuleSetStandardLibrary({"partitions": _partitions()}).aws_partition(region)["name"])


def region_of_prices(region: str) -> str | None:
    """The region in which AWS tells the prices of a region: the nearest by its name; None if its partition has none."""
    there = _session().get_available_regions("pricing", partition_of(region))
    near = [one for one in there if one == region] or [one for one in there if one[:2] == region[:2]]
    first = [one for one in there if one == "us-east-1"]
    return next(iter([*near, *first, *there]), None)


def url_of_s3(region: str) -> str:
    """The URL of S3 in a region, whatever is configured on this machine."""
    partition = partition_of(region)
    suffix = next(one["outputs"]["dnsSuffix"] for one in _partitions() if one["id"] == partition)
    return f"https://s3.{region}.{suffix}"


def suffixes() -> tuple[str, ...]:
    """What host names of AWS end with."""
    names = ("dnsSuffix", "dualStackDnsSuffix")
    return tuple(f".{one['outputs'][name]}" for one in _partitions() for name in names)


def region_problem(region: str, *, own_endpoint: bool) -> str | None:
    """Why there can be no region of this name; None if there is, or botocore may only be too old to know it.

    With an endpoint of one's own, a region may have any name that is not a slip of a known one. Asks nobody.
    """
    if region in _regions():
        return None
    if _like_those_of(region) is not None:
        slips = [word for word in _words(region) if not _is_of_a_region(word) and nearest(word, _known_words())]
        return _none(region) if slips else None
    if own_endpoint:
        return None
    like = nearest(region, _regions())
    is_slip = any(sorted(one) == sorted(region) for one in like)
    return None if _SHAPE.fullmatch(region) and not is_slip else _none(region)


def is_unknown(region: str) -> bool:
    """Whether botocore does not know a region."""
    return region not in _regions()


def has_no_host(region: str) -> str | None:
    """Why there is no region of this name at AWS, which botocore does not know: it has no host, and others have one.

    None if it has one, or names of hosts cannot be looked up here.
    """
    partition = _like_those_of(region) or _partitions()[0]
    known = next(one for one in partition["regions"] if _SHAPE.fullmatch(one))
    suffix = partition["outputs"]["dnsSuffix"]
    return _none(region) if _resolves(f"batch.{known}.{suffix}") and not _resolves(f"batch.{region}.{suffix}") else None


def _like_those_of(region: str) -> dict[str, Any] | None:
    """The partition whose regions have names of this form."""
    return next((one for one in _partitions() if re.match(one["regionRegex"], region)), None)


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _none(region: str) -> str:
    known = [name for name in _regions() if _SHAPE.fullmatch(name)]
    places = [name for name in known if region.lower() in _regions()[name].lower()]
    like = nearest(region, known) or (places if len(places) <= 3 else [])
    hint = f"did you mean {' or '.join(like)}?" if like else f"there are {some_of(known, region)}"
    return f"there is no region {region}; {hint}"


def _words(region: str) -> Iterator[str]:
    return (word for word in region.split("-")[1:] if word.isalpha())


def _is_of_a_region(word: str) -> bool:
    """Whether a word stands in the name of a region, or is made of two that do."""
    known = _known_words()
    return word in known or any(word[:at] in known and word[at:] in known for at in range(1, len(word)))


@cache
def _known_words() -> frozenset[str]:
    return frozenset(word for region in _regions() for word in _words(region))


@cache
def _regions() -> dict[str, str]:
    """The regions that botocore knows, and where they are, in its words."""
    return {name: str(what.get("description", "")) for one in _partitions() for name, what in one["regions"].items()}


@cache
def _session() -> Any:
    import botocore.session

    # Whatever is wrong with a profile or a file of the user's is told elsewhere, and no matter to the embedded AWS.
    nothing: dict[str, Any] = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    return botocore.session.Session(nothing)


@cache
def _partitions() -> list[dict[str, Any]]:
    from botocore.loaders import Loader

    return list(Loader().load_data("partitions")["partitions"])
