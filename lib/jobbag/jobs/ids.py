"""The ids of jobs and of the children of array jobs: those of AWS, and the tokens in their requests."""

from __future__ import annotations

from collections.abc import Iterable

from jobbag.bag.job import Job
from jobbag.errors import PROG


def parent_of(aws_id: str) -> str | None:
    """The id of the array job whose child this is, if it is one (`<parent id>:<index>`)."""
    parent, colon, _ = aws_id.partition(":")
    return parent if colon else None


def node_id(aws_id: str, index: int) -> str:
    """The id of a node of the multi-node job with this id."""
    return f"{aws_id}#{index}"


def child_token(token: str, index: int) -> str:
    """The token of a child, by its index, of the array job with this token. In no request, but in the journal."""
    return f"{token}:{index}"


def parent_token(token: str) -> tuple[str, int | None]:
    """The token in the request of the job with this token, and the job's index if it is a child of an array job."""
    parent, colon, index = token.partition(":")
    return parent, int(index) if colon else None


def by_token(jobs: Iterable[tuple[Job, str]]) -> dict[str, dict[int | None, Job]]:
    """Jobs with their own tokens → by the token of each request, its jobs by their index; None: it is no array job."""
    found: dict[str, dict[int | None, Job]] = {}
    for job, own_token in jobs:
        token, index = parent_token(own_token)
        found.setdefault(token, {})[index] = job
    return found


def request_name(token: str) -> str:
    """The name of the array job that carries the token, and of what is put into the bucket for a request."""
    return f"{PROG}-{token.replace('.', '-')}"
