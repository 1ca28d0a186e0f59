"""How jobs, and the children of array jobs, are known by: AWS ids, and the tokens that their requests carry."""

from __future__ import annotations

from collections.abc import Iterable

from jobbag.bag.job import Job
from jobbag.errors import PROG


def parent_of(aws_id: str) -> str | None:
    """The id of the array job whose child this is, if it is one (`<parent id>:<index>`)."""
    parent, colon, _ = aws_id.partition(":")
    return parent if colon else None


def child_token(token: str, index: int) -> str:
    """What a child of the array job with this token is known by."""
    return f"{token}:{index}"


def parent_token(token: str) -> tuple[str, int | None]:
    """The token that a request carried, and the index of a child in its array job."""
    parent, colon, index = token.partition(":")
    return parent, int(index) if colon else None


def by_token(jobs: Iterable[tuple[Job, str]]) -> dict[str, dict[int | None, Job]]:
    """Jobs and what they are known by → the jobs of each request, by its token; those of an array by their index."""
    found: dict[str, dict[int | None, Job]] = {}
    for job, known_by in jobs:
        token, index = parent_token(known_by)
        found.setdefault(token, {})[index] = job
    return found


def request_name(token: str) -> str:
    """The name of the array job that carries the token, and of what is put into the bucket for a request."""
    return f"{PROG}-{token.replace('.', '-')}"
