"""A bag that is written as a job submit file is the same bag when that is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobbag.bag import reader
from jobbag.bag.writer import lines_of

ENTRIES: list[dict[str, Any]] = [
    {"jobName": "plain", "executable": "true"},
    {"jobName": "words", "executable": "ü", "arguments": "a 'b c' \u200b\x7f"},
    {"jobName": "env", "executable": "x", "environment": [{"name": "A", "value": 1}, {"name": "B", "value": ""}]},
    {
        "jobName": "files",
        "executable": "x",
        "environment": [{"name": "TRANSFER_INPUT_FILES", "value": "a.txt, s3://b/k"}],
        "containerOverrides": {"environment": [{"name": "C", "value": "c"}], "resourceRequirements": []},
    },
    {"jobName": "launched", "executable": "x", "launcher": True},
    {"jobName": "not launched", "executable": "x", "launcher": False},
    {"jobName": "made", "executable": "x", "outputs": ["out/", "*.txt"]},
    {
        "jobName": "takes",
        "executable": "x",
        "inputs": ["a.txt", {"from": "a.txt", "to": "sub/"}, "job:made/out/a", "s3://b/k"],
        "dependsOn": ["plain", {"jobId": "12345678-1234-1234-1234-123456789012"}],
        "timeout": {"attemptDurationSeconds": 60},
    },
    {"jobName": "array", "executable": "x", "arrayProperties": {"size": 3}},
    {"jobName": "after", "executable": "x", "dependsOn": ["array"], "tags": {"a": "b"}},
]


@pytest.mark.parametrize("launcher", [False, True])
def test_what_is_written_is_the_same_bag(launcher: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").touch()
    entries = [one for one in ENTRIES if not launcher or ("arrayProperties" not in one and one["jobName"] != "after")]
    path = Path("bag.in")
    path.write_text(json.dumps({"defaults": {"retryStrategy": {"attempts": 2}}, "SubmitJob": entries}))
    bag, problems = reader.load([path], (), launcher=launcher)
    assert problems == []
    path.write_text("\n".join(lines_of(bag, launcher=launcher)))
    again, problems = reader.load([path], (), launcher=launcher)
    assert problems == []
    assert again == replace(bag, jobs=again.jobs)
    assert again.jobs == bag.jobs


def test_a_job_is_a_line_that_says_no_more_than_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "bag.in"
    path.write_text(json.dumps({"SubmitJob": [*ENTRIES[:1], ENTRIES[4]]}))
    assert list(lines_of(reader.load([path], ())[0])) == [
        '{"SubmitJob": [',
        '  {"jobName": "plain", "executable": "true"},',
        '  {"jobName": "launched", "executable": "x", "launcher": true}',
        "]}",
    ]
    path.write_text('{"SubmitJob": []}')
    assert json.loads("".join(lines_of(reader.load([path], ())[0]))) == {"SubmitJob": []}
