"""A field that is none, or has a value of another type, leads to what to write: which is then right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.bag import api_model, reader
from jobbag.bag.reader import OWN_FIELDS

from ..builders import JSON_VALUES


def told(tmp_path: Path, content: Any) -> list[str]:
    """What is said of a job submit file, without the names of the file and the job."""
    path = tmp_path / "bag.in"
    path.write_text(json.dumps(content))
    return [str(one).removeprefix(f"{path}: ").removeprefix('job "a": ') for one in reader.load([path], ())[1]]


def of_job(tmp_path: Path, **fields: Any) -> list[str]:
    return told(tmp_path, {"SubmitJob": [{"jobName": "a", "executable": "sh", **fields}]})


NONE = "is no field of AWS Batch"
BOTH = '[{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}]'
ALL = f'"containerOverrides": {{"resourceRequirements": {BOTH}}}'


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"argumnets": ["x"]}, ["argumnets: {none}; did you mean arguments?"]),
        ({"Arguments": ["x"]}, ["Arguments: {none}; did you mean arguments?"]),
        ({"args": ["x"]}, ["args: {none}; did you mean arguments?"]),
        ({"environmnet": []}, ["environmnet: {none}; did you mean environment?"]),
        ({"job_queue": "q"}, ["job_queue: {none}; did you mean jobQueue?"]),
        ({"queue": "q"}, ["queue: {none}; did you mean jobQueue?"]),
        ({"depends_on": ["b"]}, ["depends_on: {none}; did you mean dependsOn?"]),
        ({"after": ["b"]}, ["after: {none}; did you mean dependsOn?"]),
        ({"input": ["b"]}, ["input: {none}; did you mean inputs?"]),
        ({"files": ["b"]}, ["files: {none}; did you mean inputs?"]),
        ({"vcpus": 4, "memory": "8 GiB"}, [f"vcpus: {{none}}; write {ALL}", f"memory: {{none}}; write {ALL}"]),
        (
            {"gpu": True},
            ['gpu: {none}; write "containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}'],
        ),
        (
            {"containerOverrides": {"cpu": 0.5}},
            ['containerOverrides.cpu: {none}; write "resourceRequirements": [{"type": "VCPU", "value": "0.5"}]'],
        ),
        (
            {"containerOverrides": {"resourceRequirement": []}},
            ["containerOverrides.resourceRequirement: {none}; did you mean resourceRequirements?"],
        ),
        ({"resourceRequirements": []}, ["resourceRequirements: {none}; it belongs into containerOverrides"]),
        ({"instanceType": "x"}, ["instanceType: {none}; it belongs into containerOverrides"]),
        ({"evaluateOnExit": []}, ["evaluateOnExit: {none}; it belongs into retryStrategy"]),
        ({"image": "x"}, ["image: {none}; it belongs into the job definition, containerProperties"]),
        ({"containerProperties": {}}, ["containerProperties: {none}; it belongs into the job definition"]),
        (
            {"containerOverrides": {"timeout": {}}},
            ["containerOverrides.timeout: {none}; it belongs into the job itself"],
        ),
        ({"retries": 2}, ['retries: {none}; write "retryStrategy": {"attempts": 3}']),
        ({"command": ["x.py", "1"]}, ['command: {none}; write "arguments": ["x.py", "1"]']),
        ({"env": {"A": 1}}, ['env: {none}; write "environment": [{"name": "A", "value": "1"}]']),
        ({"nonsense": 1}, ["nonsense: {none}"]),
        ({"id": 1}, ["id: {none}"]),
        ({"timeout": 3600}, ['timeout: must be an object, not 3600; write {"attemptDurationSeconds": 3600}']),
        ({"retryStrategy": 3}, ['retryStrategy: must be an object, not 3; write {"attempts": 3}']),
        (
            {"retryStrategy": {"attempts": "3"}},
            ["retryStrategy.attempts: must be a whole number, not '3'; write 3, without quotes"],
        ),
        ({"propagateTags": "true"}, ["propagateTags: must be true or false, not 'true'; write true, without quotes"]),
        ({"parameters": {"a": 1}}, ['parameters.a: must be a string, not 1; write "1"']),
        ({"tags": [{"Key": "a", "Value": "b"}]}, ['tags: must be an object, not a list; write {"a": "b"}']),
        (
            {"containerOverrides": {"resourceRequirements": {"vcpu": 2}}},
            [
                "containerOverrides.resourceRequirements: must be a list, not an object; "
                'write [{"type": "VCPU", "value": "2"}]'
            ],
        ),
        (
            {"containerOverrides": {"resourceRequirements": {"type": "VCPU", "value": "2"}}},
            ["containerOverrides.resourceRequirements: must be a list, not an object; put it into [ ]"],
        ),
        (
            {"containerOverrides": {"resourceRequirements": [{"type": "CPU", "value": "2"}]}},
            ["containerOverrides.resourceRequirements[0].type: 'CPU' is none of GPU, VCPU, MEMORY; did you mean VCPU?"],
        ),
        (
            {"environment": {"A": "x", "B": 2}},
            [
                'environment: must be a list of {"name": ..., "value": ...}; '
                'write [{"name": "A", "value": "x"}, {"name": "B", "value": "2"}]'
            ],
        ),
        (
            {"environment": ["A=x"]},
            ['environment[0]: must be {"name": ..., "value": ...}; write {"name": "A", "value": "x"}'],
        ),
        ({"inputs": "a b"}, ['inputs: must be a list; write ["a b"]']),
        ({"dependsOn": "b"}, ['dependsOn: must be a list of names of jobs; write ["b"]']),
        (
            {"executable": "python3 x.py", "arguments": "1 2"},
            [
                "executable: is one word, and no command line; "
                'write "executable": "python3", "arguments": ["x.py", "1", "2"]'
            ],
        ),
    ],
)
def test_each_slip_of_a_job(fields: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    assert of_job(tmp_path, **fields) == [one.replace("{none}", NONE) for one in said]


def test_a_job_without_an_executable(tmp_path: Path) -> None:
    bag = {"SubmitJob": [{"jobName": "a", "command": "python3 'my file.py' 1"}]}
    hint = 'write "executable": "python3", "arguments": ["my file.py", "1"]'
    assert told(tmp_path, bag)[1:] == [f"command: {NONE}; {hint}"]
    assert told(tmp_path, {"SubmitJob": [{"name": "b", "executable": "x"}]})[1] == (
        f"job 1: name: {NONE}; did you mean jobName?"
    )


@pytest.mark.parametrize(
    "executable",
    [
        "/opt/my tools/fit",
        "/usr/bin/env python3",
        "./run.sh a",
        "/usr/bin/python3.12 -u x",
        "sh -c 'a b'",
        "x" * 300 + " y",
    ],
)
def test_an_executable_with_blanks_is_refused_where_it_is_no_path(executable: str, tmp_path: Path) -> None:
    refused = executable != "/opt/my tools/fit"
    found = [one.startswith("executable: is one word") for one in of_job(tmp_path, executable=executable)]
    assert found == [True] * refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"jobName": "a"}], 'must be an object: {"SubmitJob": [...]}; put the list into {"SubmitJob": ...}'),
        ({"jobName": "a"}, 'has no SubmitJob; put the job into {"SubmitJob": [...]}'),
        ({"jobs": []}, 'has no SubmitJob; write "SubmitJob" for "jobs"'),
        ({"submitJob": []}, 'has no SubmitJob; write "SubmitJob" for "submitJob"'),
        ({"jobQueueName": "q"}, "has no SubmitJob; a job queue is given with --job-queue"),
        ({}, "has no SubmitJob"),
        (
            {"SubmitJob": [], "default": {}},
            "unknown field 'default': only SubmitJob and defaults can stand here; did you mean defaults?",
        ),
    ],
)
def test_a_bag_of_another_form(content: Any, said: str, tmp_path: Path) -> None:
    assert told(tmp_path, content) == [said]


def test_what_is_wrong_in_the_defaults_is_told_once(tmp_path: Path) -> None:
    defaults = {"argumnets": [], "containerOverrides": {"cpu": 1}, "timeout": {"attemptDurationSeconds": 1}}
    jobs: list[Any] = [{"jobName": f"{n}", "executable": "x"} for n in range(9)]
    jobs[3]["timeout"] = {"attemptDurationSeconds": 2}
    found = told(tmp_path, {"defaults": defaults, "SubmitJob": [*jobs, 7]})
    assert [one.partition(": ")[0] for one in found] == ["defaults"] * 3 + ['job "3"', "job 10"]
    assert found[3].endswith("timeout.attemptDurationSeconds: must be 60 or more, not 2")


def test_the_name_of_another_job_leads_to_the_one_that_is_like_it(tmp_path: Path) -> None:
    jobs = [{"jobName": "prepare", "executable": "x"}, {"jobName": "a", "executable": "x", "dependsOn": ["prepair"]}]
    said = 'dependsOn: no job of the bag has the name "prepair"; did you mean prepare?'
    assert told(tmp_path, {"SubmitJob": jobs}) == [said]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text("abcdeJNQrsuv_", max_size=9) | st.sampled_from(["cpu", "command", "env"]), JSON_VALUES))
def test_the_name_that_is_suggested_is_a_field(tmp_path: Path, fields: dict[str, Any]) -> None:
    known = {*api_model.input_shape("SubmitJob").members, *OWN_FIELDS}
    for line in of_job(tmp_path, **{name: value for name, value in fields.items() if name not in known}):
        name, _, meant = line.partition("; did you mean ")
        assert not meant or meant.removesuffix("?") in known
        assert name.partition(":")[0] not in known
