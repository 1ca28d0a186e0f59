"""Jobs and bags as programs write them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobbag.bag import reader
from jobbag.bag.in_python import Bag, Job
from jobbag.bag.rules import MoreMemory, OtherQueue, Rules
from jobbag.errors import InputError

WHOLE = {
    "jobName": "whole",
    "executable": "x",
    "arguments": "a 'b c' 3",
    "environment": [{"name": "A", "value": "1"}, {"name": "TRANSFER_INPUT_FILES", "value": "one,two"}],
    "inputs": ["data/", {"from": "job:array/r", "to": "here/"}, "s3://b/k"],
    "outputs": ["o", "d/"],
    "dependsOn": ["array", {"jobId": "12345678-1234-1234-1234-123456789012"}],
    "launcher": True,
    "timeout": {"attemptDurationSeconds": 70},
    "retryStrategy": {"attempts": 2},
    "jobQueue": "q",
    "containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "128"}]},
}
ARRAY = {"jobName": "array", "executable": "y", "arrayProperties": {"size": 3}}


def test_a_job_is_what_it_would_be_in_a_submit_file() -> None:
    first = Job("first", Path("bin/x"), ["a", 3], environment={"N": 5, "S": "s"}, inputs=["i", ("j", "k"), Path("l")])
    job = Job(
        "second", "y", "a 'b c'", outputs=["o/"], depends_on=[first, "third"], vcpus=0.25, memory=1048576, gpus=1,
        timeout=70, attempts=2, job_queue="q", job_definition="d", launcher=False,
        fields={"priority": 3, "containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "2"}]}},
    )  # fmt: skip
    assert first.entry() == {
        "jobName": "first",
        "executable": "bin/x",
        "arguments": ["a", 3],
        "environment": [{"name": "N", "value": 5}, {"name": "S", "value": "s"}],
        "inputs": ["i", {"from": "j", "to": "k"}, "l"],
    }
    asked = [("VCPU", "0.25"), ("MEMORY", "1048576"), ("GPU", "1")]
    assert job.entry() == {
        "jobName": "second",
        "executable": "y",
        "arguments": "a 'b c'",
        "outputs": ["o/"],
        "dependsOn": ["first", "third"],
        "timeout": {"attemptDurationSeconds": 70},
        "retryStrategy": {"attempts": 2},
        "jobQueue": "q",
        "jobDefinition": "d",
        "launcher": False,
        "priority": 3,
        "containerOverrides": {"resourceRequirements": [{"type": kind, "value": value} for kind, value in asked]},
    }


def test_a_bag_that_was_read_is_the_one_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "some.in"
    file.write_text(json.dumps({"defaults": {"tags": {"a": "b"}}, "SubmitJob": [ARRAY, WHOLE]}))
    bag = Bag.read(file)
    assert (bag.name, bag.path, [job.name for job in bag.jobs]) == ("some", file, ["array", "whole"])
    read, problems = reader.parse([file])
    assert problems == []
    assert reader.parse([bag]) == (read, [])


def test_a_job_that_is_never_to_be_sent_again_says_so_still(tmp_path: Path) -> None:
    file = tmp_path / "some.in"
    never = {"jobName": "never", "executable": "x", "onOutOfMemory": False, "onSpotLoss": False}
    own = {"jobName": "own", "executable": "x", "onOutOfMemory": {"times": 2}, "onSpotLoss": {"jobQueue": "p"}}
    file.write_text(json.dumps({"SubmitJob": [never, own, {"jobName": "x", "executable": "x"}, ARRAY]}))
    rules = Rules(MoreMemory(times=4), OtherQueue("q"))
    read, problems = reader.parse([file], rules=rules)
    assert problems == []
    assert reader.parse([Bag.read(file)], rules=rules) == (read, [])


def test_what_a_job_asks_for_can_be_changed(tmp_path: Path) -> None:
    file = tmp_path / "some.in"
    file.write_text(json.dumps({"SubmitJob": [ARRAY, WHOLE]}))
    entry = replace(Bag.read(file).jobs[1], memory=256).entry()
    assert entry["containerOverrides"] == {"resourceRequirements": [{"type": "MEMORY", "value": "256"}]}


def test_all_that_is_wrong_is_told_with_the_name_of_the_bag(tmp_path: Path) -> None:
    bad: list[Job] = [Job("x", ""), "y", Job("z", "z", inputs=[3])]  # type: ignore[list-item]
    _, problems = reader.parse([Bag(bad, "mine")])
    assert list(map(str, problems)) == [
        "mine: jobs: 'y' is no jobbag.api.Job",
        'mine: job "x": executable: must be a string that is not empty',
        'mine: job "z": inputs[0]: must be a path, an s3:// URL, job:NAME/PATH, or {"from": one of them, "to": "path"}',
    ]
    with pytest.raises(InputError, match="cannot read the job submit file"):
        Bag.read(tmp_path / "none.in")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"executable": None}, "executable: must be a string"),
        ({"arguments": {"a": 1}}, "arguments: must be a string or a list of strings"),
        ({"arguments": iter(["a"])}, "arguments: must be a string or a list of strings"),
        ({"inputs": "data.txt"}, "inputs: must be a list"),
        ({"outputs": "r.txt"}, "outputs: must be a list"),
        ({"depends_on": "first"}, "dependsOn: must be a list"),
        ({"depends_on": 5}, "dependsOn: must be a list"),
        ({"environment": [("A", "b")]}, "environment[0]: must be"),
        ({"fields": {"dependsOn": "first"}, "depends_on": ["first"]}, "dependsOn: must be a list"),
        ({"fields": {"containerOverrides": 4}}, "containerOverrides: must be an object"),
        ({"fields": {"containerOverrides": 4}, "memory": 512}, "containerOverrides: must be an object"),
        (
            {"fields": {"containerOverrides": {"resourceRequirements": 4}}, "memory": 512},
            "containerOverrides.resourceRequirements: must be a list",
        ),
    ],
)
def test_a_field_of_another_type_is_told_as_in_a_submit_file(fields: dict[str, Any], told: str) -> None:
    job = Job(**{"name": "x", "executable": "x", **fields})
    _, problems = reader.parse([Bag([Job("first", "true"), job], "mine")])
    assert [str(one).startswith(f'mine: job "x": {told}') for one in problems] == [True], problems


@pytest.mark.parametrize("jobs", [None, iter([Job("x", "x")]), Job("x", "x")])
def test_jobs_that_are_no_list_are_not_an_empty_bag(jobs: Any) -> None:
    _, problems = reader.parse([Bag(jobs, "mine")])
    assert str(problems[0]).startswith("mine: jobs: must be a list of jobs, not ")
