"""The JSON Schema of the job submit file: it takes what the command takes, and refuses what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from jobbag.bag import reader
from jobbag.bag.schema import schema

from .test_writer import ENTRIES

ROOT = Path(__file__).parents[3]
VALIDATOR = Draft202012Validator(schema())


def samples() -> list[Any]:
    """The bags of conf/ and of the manual."""
    found = [json.loads((ROOT / "conf" / "sample-job-submit.in").read_text())]
    manual = (ROOT / "man" / "manual.rst").read_text()
    blocks = re.findall(r'^    \{\n      "SubmitJob".*?^    \}$', manual, re.DOTALL | re.MULTILINE)
    return [*found, *map(json.loads, blocks)]


def is_valid(content: object) -> bool:
    return bool(VALIDATOR.is_valid(content))


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert json.loads(json.dumps(schema()))["$schema"].endswith("2020-12/schema")


def test_the_samples_are_valid() -> None:
    assert len(samples()) == 4
    assert [list(map(str, VALIDATOR.iter_errors(sample))) for sample in samples()] == [[]] * 4


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["jobName"]))
def test_what_the_command_takes_is_valid(entry: dict[str, Any]) -> None:
    assert list(map(str, VALIDATOR.iter_errors({"$schema": "https://x", "SubmitJob": [entry]}))) == []


JOB = {"jobName": "a", "executable": "x"}
FIELDS: list[dict[str, Any]] = [
    {"jobName": "a/b"},
    {"argumnets": "x"},
    {"arguments": {}},
    {"environment": [{"name": "A"}]},
    {"inputs": [{"to": "x"}]},
    {"outputs": "x"},
    {"launcher": "yes"},
    {"dependsOn": "a"},
    {"timeout": {"attemptDurationSeconds": 5}},
    {"retryStrategy": {"attempts": 11}},
    {"arrayProperties": {"size": 1}},
    {"containerOverrides": {"resourceRequirements": [{"type": "CPU", "value": "1"}]}},
    {"containerOverrides": {"command": ["x"]}},
]
REFUSED: list[object] = [
    [],
    {},
    {"SubmitJob": {}},
    {"SubmitJob": [], "more": 1},
    {"SubmitJob": [{"executable": "x"}]},
    {"SubmitJob": [{"jobName": "a"}]},
    {"SubmitJob": [], "defaults": {"jobName": "a"}},
    *({"SubmitJob": [{**JOB, **fields}]} for fields in FIELDS),
]


@pytest.mark.parametrize("content", REFUSED, ids=json.dumps)
def test_what_the_command_refuses_is_invalid(content: object, tmp_path: Path) -> None:
    path = tmp_path / "bag.in"
    path.write_text(json.dumps(content))
    assert reader.load([path], ())[1] != []
    assert not is_valid(content)


def test_a_default_may_stand_for_what_each_job_needs() -> None:
    assert is_valid({"SubmitJob": [{"jobName": "a"}], "defaults": {"executable": "x"}})
    assert not is_valid({"SubmitJob": [{"jobName": "a"}], "defaults": {"tags": {"a": "b"}}})


def test_a_bag_may_name_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "bag.in"
    path.write_text(json.dumps({"$schema": "bag.schema.json", "SubmitJob": [JOB]}))
    bag, problems = reader.load([path], ())
    assert ([job.name for job in bag.jobs], problems) == (["a"], [])
