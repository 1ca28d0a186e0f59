"""Which jobs go as array jobs, and what their children read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Job
from jobbag.run.packing import FEWEST, MOST, PAYS_FROM, WITH_INPUTS, Packer, Packing, job_groups, packs

from ..builders import array

FETCH = {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": "s3://b/run.sh"}


def job(number: int, environment: dict[str, str] | None = None, **fields: Any) -> Job:
    usual: dict[str, Any] = {"executable": "run", "arguments": (), "inputs": (), "launcher": False}
    own = {name: fields.pop(name, value) for name, value in usual.items()}
    own |= {"environment": environment or {}, "submit_file": Path("bag.in")}
    return Job(number, f"job-{number}", request=fields, **own)


def jobs(count: int, environment: dict[str, str] | None = None, **fields: Any) -> list[Job]:
    return [job(number, environment, **fields) for number in range(1, count + 1)]


# -- which


def test_auto_packs_what_can_run_the_launcher_for_sure_and_takes_long_one_by_one() -> None:
    assert list(map(len, packs(jobs(PAYS_FROM, FETCH), Packing.AUTO))) == [PAYS_FROM]
    assert packs(jobs(PAYS_FROM - 1, FETCH), Packing.AUTO) == []
    assert list(map(len, packs(jobs(PAYS_FROM, launcher=True), Packing.AUTO))) == [PAYS_FROM]
    assert packs(jobs(PAYS_FROM), Packing.AUTO) == []


def test_never_packs_nothing() -> None:
    assert packs(jobs(PAYS_FROM, FETCH), Packing.NEVER) == []


@pytest.mark.parametrize(
    "other",
    [
        job(3, {"BATCH_FILE_TYPE": "zip", "BATCH_FILE_S3_URL": "s3://b/run.zip"}),
        job(3, arrayProperties={"size": 7}),
        job(3, dependsOn=[{"jobId": "x"}]),
        job(3, FETCH),
        job(3, jobQueue="another"),
        job(3, containerOverrides={"vcpus": 2}),
        job(3, launcher=True),
        job(3, executable="a=b"),
        job(3, executable="-x"),
        job(3, arguments=("a", "Ref::name")),
        job(3, executable="Ref::name"),
        job(3, arguments=("--in=Ref::name",), parameters={"name": "x"}),
    ],
    ids=[
        "zip",
        "own array",
        "other dependencies",
        "another kind of image",
        "another queue",
        "other needs",
        "launcher",
        "no word for env",
        "no word for exec",
        "parameters of the definition",
        "parameters for the executable",
        "parameters of its own",
    ],
)
def test_always_packs_those_that_agree_in_all_but_name_command_and_environment(other: Job) -> None:
    alike = [job(1, {"A": "1"}), job(2, {"B": "2"}, arguments=("x",))]
    assert packs([*alike, other], Packing.ALWAYS) == [tuple(alike)]


@pytest.mark.parametrize(
    "entry", [{"type": "SEQUENTIAL"}, {"jobId": "x", "type": "N_TO_N"}], ids=lambda one: one["type"]
)
def test_jobs_whose_children_would_wait_for_each_other_are_not_packed(entry: dict[str, str]) -> None:
    assert packs(jobs(3, dependsOn=[entry]), Packing.ALWAYS) == []


def test_an_array_has_as_many_children_as_aws_takes_and_none_has_one() -> None:
    sizes = list(map(len, packs(jobs(MOST + FEWEST + 1), Packing.ALWAYS)))
    assert sizes == [MOST, FEWEST + 1]
    assert list(map(len, packs(jobs(MOST + 1), Packing.ALWAYS))) == [MOST]


def test_jobs_with_files_of_their_own_go_in_smaller_arrays_so_that_the_first_start_soon() -> None:
    sizes = list(map(len, packs(jobs(2 * WITH_INPUTS, inputs=("a.txt",)), Packing.ALWAYS)))
    assert sizes == [WITH_INPUTS, WITH_INPUTS]


# -- when


@given(st.integers(0, 40), st.sets(st.integers(1, 40)), st.randoms(use_true_random=False))
def test_each_job_that_gets_ready_is_shipped_once_in_whatever_order(
    count: int, never: set[int], order: random.Random
) -> None:
    bag = [job(number, jobQueue=f"q{number % 3}") for number in range(1, count + 1)]
    packer = Packer(bag, Packing.ALWAYS)
    shipped: list[Job] = []
    for one in order.sample(bag, len(bag)):
        for group in packer.drop(one) if one.number in never else packer.ready(one):
            assert [each.number for each in group] == sorted(each.number for each in group)
            shipped += group
    assert sorted(each.number for each in shipped) == [each.number for each in bag if each.number not in never]


def test_an_array_waits_for_its_last_job() -> None:
    one, two, three = bag = jobs(3)
    packer = Packer(bag, Packing.ALWAYS)
    assert packer.ready(two) == packer.ready(one) == []
    assert packer.ready(three) == [(one, two, three)]


def test_what_was_never_sent_is_packed_anew() -> None:
    bag = jobs(3)
    assert job_groups(bag, Packing.ALWAYS) == [tuple(bag)]
    assert job_groups(bag, Packing.NEVER) == [(one,) for one in bag]


def test_arrays_of_the_users_own_are_sent_as_they_are_canaries_too() -> None:
    own = array(4, "own", 3)
    bag = [*jobs(3), *own]
    for packing in Packing:
        for canary in (0, 1, 5):
            assert tuple(own) in job_groups(bag, packing, canary=canary)
    assert packs(bag, Packing.ALWAYS) == [tuple(own), tuple(bag[:3])]


def test_jobs_that_aws_batch_has_no_arrays_of_are_not_packed() -> None:
    assert packs(jobs(3), Packing.ALWAYS, lambda job: job.number > 1) == [tuple(jobs(3)[1:])]
