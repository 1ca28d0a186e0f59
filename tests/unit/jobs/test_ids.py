"""How jobs, and the children of array jobs, are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Job
from jobbag.jobs.array_request import Requests
from jobbag.jobs.ids import by_token, child_token, parent_of, parent_token, request_name
from jobbag.jobs.request import TOKEN_VARIABLE, Target
from jobbag.s3.place import S3Place

PLACE = S3Place("bucket", "some/dir/", own=False)


def job(number: int, environment: dict[str, str] | None = None, **fields: Any) -> Job:
    usual: dict[str, Any] = {"executable": "run", "arguments": (), "inputs": (), "launcher": False}
    own = {name: fields.pop(name, value) for name, value in usual.items()}
    own |= {"environment": environment or {}, "submit_file": Path("bag.in")}
    return Job(number, f"job-{number}", request=fields, **own)


def jobs(count: int, environment: dict[str, str] | None = None, **fields: Any) -> list[Job]:
    return [job(number, environment, **fields) for number in range(1, count + 1)]


# -- what is sent


def requests(bag: list[Job]) -> Requests:
    return Requests(Bag(tuple(bag), ()), PLACE, Target("q", "d"), "us-west-2")


# -- how they are found again


def test_children_are_found_by_the_array_and_their_index() -> None:
    bag = jobs(4)
    known = [(bag[0], "s.9"), *((one, child_token("s.1", index)) for index, one in enumerate(bag[1:]))]
    found = by_token([known[0], known[2], known[3]])
    assert found == {"s.9": {None: bag[0]}, "s.1": {1: bag[2], 2: bag[3]}}
    sought = requests(bag).sought(found["s.1"], "s.1", "elsewhere")
    sent = requests(bag).of(tuple(bag[1:]), "s.1")
    assert sought.request["jobName"] == sent.request["jobName"] == request_name("s.1")
    assert {"name": TOKEN_VARIABLE, "value": "s.1"} in sought.request["containerOverrides"]["environment"]
    assert list(sought.ids(tuple(found["s.1"].values()), "id")) == [(bag[2], "id:1"), (bag[3], "id:2")]
    assert list(sent.ids(tuple(bag[1:]), "id")) == [(bag[1], "id:0"), (bag[2], "id:1"), (bag[3], "id:2")]


@given(st.lists(st.tuples(st.integers(1, 3), st.none() | st.integers(0, 9999)), max_size=20, unique=True))
def test_each_job_is_found_by_the_token_of_its_request(sent: list[tuple[int, int | None]]) -> None:
    tokens = [f"s.{number}" if index is None else child_token(f"s.{number}", index) for number, index in sent]
    known = list(zip(jobs(len(sent)), tokens, strict=True))
    found = by_token(known)
    assert {(f"s.{number}", index) for number, index in sent} == {
        (token, index) for token, children in found.items() for index in children
    }
    for one, token in known:
        request, index = parent_token(token)
        assert found[request][index] == one


@pytest.mark.parametrize(("aws_id", "parent"), [("id", None), ("id:0", "id"), ("id:12", "id")])
def test_a_child_has_the_id_of_its_array_job(aws_id: str, parent: str | None) -> None:
    assert parent_of(aws_id) == parent


def test_the_token_of_a_request_follows_from_that_of_a_child() -> None:
    assert parent_token(child_token("s.1", 12)) == ("s.1", 12)
    assert parent_token("s.1") == ("s.1", None)
