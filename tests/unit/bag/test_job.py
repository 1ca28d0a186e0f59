"""The files of a bag, and how messages name a job."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import JobNumbers, base_name, is_url

from ..builders import bag, job


def test_each_local_file_is_sent_once_and_those_of_all_jobs_first() -> None:
    jobs = [job(1, inputs=("b", "s3://x/there", "a")), job(2, inputs=("c", "b", "common"))]
    assert bag(*jobs, common=("common", "s3://x/all")).local_files() == ["common", "b", "a", "c"]
    assert bag(job()).local_files() == []


@pytest.mark.parametrize(
    ("item", "url"), [("s3://bucket/key", True), ("s3:/file", False), ("dir/s3://x", False), ("S3://x", False)]
)
def test_what_is_in_s3_already(item: str, url: bool) -> None:
    assert is_url(item) == url


@pytest.mark.parametrize(
    ("path", "name"), [("data.txt", "data.txt"), ("/a/b/data.txt", "data.txt"), ("../.hidden", ".hidden")]
)
def test_a_file_has_the_last_part_of_its_path_in_s3(path: str, name: str) -> None:
    assert base_name(path) == name


def test_messages_name_the_file_and_the_job() -> None:
    assert job(1, "one", submit_file=Path("dir/bag.in")).where == 'dir/bag.in: job "one"'


JOBS = 9
CHANGES = st.tuples(
    st.sampled_from(["add", "discard", "update", "difference_update"]), st.lists(st.integers(1, JOBS), min_size=1)
)


@given(st.sets(st.integers(1, JOBS)), st.lists(CHANGES))
def test_numbers_of_jobs_are_a_set(first: set[int], changes: list[tuple[str, list[int]]]) -> None:
    numbers, wanted = JobNumbers(JOBS, first), set(first)
    for change, given_numbers in changes:
        for one in (numbers, wanted):
            getattr(one, change)(given_numbers if change.endswith("update") else given_numbers[0])
        assert [number for number in range(1, JOBS + 1) if number in numbers] == sorted(wanted)
        assert (len(numbers), bool(numbers)) == (len(wanted), bool(wanted))
