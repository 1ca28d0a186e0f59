"""A run, from its checks to its end, in this process."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.cli import main
from jobbag.jobs import monitor, poll_schedule, submission
from jobbag.local import CREDENTIALS
from jobbag.logs import delays, fetcher

from ..fault_layer import Answer, Faults, Forward, Request, error

ARGUMENTS = ("-q", "q", "-j", "d", "-s", "s3://bucket/run")


class Desk:
    """A working directory at an AWS, and the command in this process."""

    def __init__(self, place: Path, faults: Faults) -> None:
        self.place, self.faults = place, faults

    def bag(self, *jobs: dict[str, Any]) -> None:
        (self.place / "bag.in").write_text(json.dumps({"SubmitJob": jobs}))

    def run(self, *words: str) -> int:
        return main([*ARGUMENTS, *words, "bag.in"])

    @property
    def sent(self) -> Counter[str]:
        """How often each job was sent to AWS."""
        asked = [one for one in self.faults.requests if one.operation == "SubmitJob"]
        return Counter(one.body["jobName"] for one in asked)

    @property
    def is_finished(self) -> bool:
        return '"event":"Finished"' in (self.place / "bag.journal").read_text()


@pytest.fixture
def desk(ready: Cloud, endpoint: str, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    del ready
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    return Desk(place, faults)


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run waits for in seconds is waited for in hundredths."""
    for name in ("FIRST_SETTLE", "SHORTEST_SETTLE", "EMPTY_SETTLE", "MISSING_SETTLE"):
        monkeypatch.setattr(delays, name, getattr(delays, name) / 100)
    monkeypatch.setattr(fetcher, "TICK", 0.02)
    monkeypatch.setattr(monitor, "TICK", 0.05)
    monkeypatch.setattr(monitor, "CALLS_PER_SECOND", 50.0)
    monkeypatch.setattr(submission, "LOOKS", (0.02, 0.05, 0.1))
    for name in ("FIRST", "LONGEST", "MARGIN"):
        monkeypatch.setattr(poll_schedule, name, getattr(poll_schedule, name) / 20)


def job(name: str, **fields: Any) -> dict[str, Any]:
    return {"jobName": name, "executable": "echo", "arguments": name, **fields}


def refuse(name: str) -> Any:
    """SubmitJob takes no job of this name, for now."""

    def answer(request: Request, forward: Forward) -> Answer:
        if request.body["jobName"] == name:
            return error("batch", 400, "ClientException", f"no job {name} today")
        return forward()

    return answer


def test_what_aws_refused_is_sent_again_by_the_same_command_and_nothing_else(desk: Desk) -> None:
    desk.bag(job("one"), job("two"), job("three", dependsOn=["two"]))
    desk.faults.on("SubmitJob", refuse("two"))
    assert desk.run() == 2
    assert not desk.is_finished
    desk.faults.forget()
    assert desk.run() == 0
    assert desk.is_finished
    assert {name: desk.sent[name] for name in ("one", "two")} == {"one": 1, "two": 2}


def test_a_file_that_could_not_be_uploaded_is_sent_by_the_same_command(desk: Desk) -> None:
    (desk.place / "data").write_text("x")
    files = [{"name": "TRANSFER_INPUT_FILES", "value": "data"}]
    desk.bag(job("one"), job("two", environment=files))
    desk.faults.on("PutObject", lambda *_: error("s3", 403, "AccessDenied", "not now"))
    assert desk.run() == 2
    desk.faults.forget()
    assert desk.run() == 0
    assert desk.sent == {"one": 1, "two": 1}


@pytest.mark.parametrize("option", ["--summary", "--report"])
def test_a_file_that_could_not_be_written_is_written_by_the_same_command(option: str, desk: Desk) -> None:
    desk.bag(job("one"))
    gone = desk.place / "gone"
    gone.mkdir()

    def remove(_: Request, forward: Forward) -> Answer:
        if gone.exists():
            gone.rmdir()
        return forward()

    desk.faults.on("SubmitJob", remove)
    assert desk.run(option, "gone/file") == 2
    gone.mkdir()
    desk.faults.forget()
    assert desk.run(option, "gone/file") == 0
    assert (gone / "file").exists()
    assert desk.sent == {"one": 1}


def test_a_run_that_cannot_say_how_it_ended_is_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.bag(job("one"))
    with monkeypatch.context() as patch, open("/dev/full", "w") as full:
        patch.setattr(sys, "stdout", full)
        assert desk.run("-l", "log") == 2
    assert desk.run() == 0
    assert desk.sent == {"one": 1}


def test_a_start_that_has_sent_nothing_binds_nobody(desk: Desk) -> None:
    desk.bag(job("one", arguments="wrong"))
    desk.faults.on("HeadBucket", lambda *_: error("s3", 403, "AccessDenied", "not now"))
    desk.faults.on("CreateBucket", lambda *_: error("s3", 403, "AccessDenied", "not now"))
    assert desk.run() == 2
    desk.faults.forget()
    desk.bag(job("one", arguments="right"))
    assert desk.run() == 0
    assert (desk.place / "one.out").read_text().startswith("right\n")


def test_a_job_in_doubt_is_looked_for_where_it_was_sent(desk: Desk, ready: Cloud) -> None:
    order = [{"order": 1, "computeEnvironment": "ce"}]
    ready.call("batch", "CreateJobQueue", jobQueueName="other", priority=1, computeEnvironmentOrder=order)
    desk.bag(job("one"))
    assert desk.run() == 0
    journal = desk.place / "bag.journal"
    lines = journal.read_text().splitlines(keepends=True)
    sent = next(number for number, line in enumerate(lines) if '"Submitting"' in line)
    journal.write_text("".join(lines[: sent + 1]))  # killed before it knew that AWS has the job
    (desk.place / "one.out").unlink()
    assert main(["-q", "other", *ARGUMENTS[2:], "--resume", "bag.in"]) == 0
    assert desk.sent == {"one": 1}
    assert (desk.place / "one.out").read_text().startswith("one\n")
