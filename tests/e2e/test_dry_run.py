"""The command with --dry-run: it leaves no trace, and what it shows is what a run then does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaos.stage import stage
from helpers.tool import Tool, shell
from jobbag.bag import api_model

TOKEN = "PEGASUS_AWS_BATCH_TOKEN"


def without_token(request: dict[str, Any]) -> dict[str, Any]:
    """A SubmitJob request without what is new in each run."""
    overrides = request["containerOverrides"]
    variables = [one for one in overrides["environment"] if one["name"] != TOKEN]
    return {**request, "containerOverrides": {**overrides, "environment": variables}}


def test_on_the_embedded_aws(tool: Tool) -> None:
    tool.write("data.txt", "data")
    bag = tool.bag(shell("one", "true", env={"TRANSFER_INPUT_FILES": "data.txt"}), shell("two", "true"))
    before = tool.files()
    words = ("--local", "--dry-run", "--log-file", "tool.log", "--merge-logs", "all", bag)
    done = tool.run(*words)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1] == "a run could start"
    assert "  one  1 vCPU, 512 MiB  /bin/sh -c true\n" in done.out
    assert tool.files() == before
    done = tool.run(*words, "--json")
    assert (done.status, done.err) == (0, "")
    requests = json.loads(done.out)
    assert [one["jobName"] for one in requests] == ["one", "two"]
    assert [problem for one in requests for problem in api_model.problems("SubmitJob", one)] == []
    assert tool.files() == before


def test_a_run_then_sends_the_same_requests_and_files(tmp_path: Path) -> None:
    with stage(tmp_path) as scene:
        scene.aws.make_entities()
        scene.tool.write("data.txt", "data")
        jobs = [
            scene.job("one", env={"TRANSFER_INPUT_FILES": "data.txt"}),
            scene.job("t@o", timeout={"attemptDurationSeconds": 90}),
        ]
        words = ["-j", "d", "-q", "q", "-s", "s3://a-bucket/p", scene.bag(*jobs)]
        done = scene.tool.run("--dry-run", "--json", *words)
        assert done.status == 0, done.err
        shown = json.loads(done.out)
        assert scene.aws.everything()["buckets"] == []
        asked = len(scene.faults.requests)
        scene.play(0, *words)
        sent = [one.body for one in scene.faults.requests[asked:] if one.operation == "SubmitJob"]
        by_name = {one["jobName"]: without_token(one) for one in sent}
        assert {one["jobName"]: without_token(one) for one in shown} == by_name
        assert scene.aws.keys("a-bucket") == ["p/data.txt"]
        done = scene.tool.run("--dry-run", *words)
        assert "uploads to s3://a-bucket/p/: 0 files (0 bytes) to be sent" in done.out
