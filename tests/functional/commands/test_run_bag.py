"""A run, from its checks to its end, in this process."""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from helpers.waiting import wait_until
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.cli import main
from jobbag.holding import lock
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


@pytest.mark.parametrize(
    ("words", "name", "status"),
    [
        ([], "_remove_leftovers", 143),
        (["--cancel"], "_remove_leftovers", 143),
        (["-q", "another"], "__exit__", 3),  # the error of the user's comes before
        (["--cancel"], "__exit__", 143),
    ],
)
def test_a_signal_while_the_journal_is_taken_or_left_leaves_it_free(
    words: list[str], name: str, status: int, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.bag(job("one"))
    desk.faults.on("SubmitJob", refuse("one"))
    assert desk.run() == 2
    whole = getattr(lock.JournalLock, name)

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return whole(*arguments)

    monkeypatch.setattr(lock.JournalLock, name, interrupted)
    assert desk.run(*words) == status
    assert not list(desk.place.glob("bag.journal.held*"))


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


def test_a_run_says_nothing_on_stdout(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.bag(job("one"))
    with monkeypatch.context() as patch, open("/dev/full", "w") as full:
        patch.setattr(sys, "stdout", full)
        assert desk.run("-l", "log") == 0


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


def test_the_launcher_is_told_of_the_region_of_a_bucket_elsewhere(desk: Desk, endpoint: str) -> None:
    elsewhere = Cloud(Access(endpoint, "eu-west-3", CREDENTIALS))
    where = {"LocationConstraint": elsewhere.region}
    elsewhere.call("s3", "CreateBucket", Bucket="elsewhere", CreateBucketConfiguration=where)
    desk.bag(job("one", launcher=True))
    assert desk.run("-s", "s3://elsewhere/run") == 0
    (sent,) = (one.body for one in desk.faults.requests if one.operation == "SubmitJob")
    told = {one["name"]: one["value"] for one in sent["containerOverrides"]["environment"]}
    assert told["PEGASUS_AWS_BATCH_REGION"] == "eu-west-3"


# -- a mended bag


def shell(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {"jobName": name, "executable": "sh", "arguments": f"-c '{script}'", **fields}


@pytest.mark.parametrize("how", ["--retry-failed", "--update"])
def test_the_advice_of_the_last_lines_works_as_told(how: str, desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    more = {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "128"}]}}
    desk.bag(job("one"), shell("two", "exit 137"))
    assert desk.run() == 1
    said = capsys.readouterr().err
    assert "ask for more" in said
    assert "the same command with --retry-failed runs again what did not succeed" in said
    desk.bag(job("one"), job("two", **more))
    assert desk.run(how) == 0
    assert desk.sent == {"one": 1, "two": 2}
    said = capsys.readouterr().err
    assert ("retrying 1 of 2, of which 1 has changed" if how == "--retry-failed" else "updating 1 of 2: ") in said
    assert "2 jobs: 2 succeeded, 0 failed" in said


def merged(place: Path) -> list[str]:
    return [line for line in (place / "all.out").read_text().splitlines() if not line.startswith("[cluster-summary")]


@pytest.mark.parametrize("words", [(), ("-m", "all"), ("-m", "all", "--delete-log-streams")])
def test_an_update_of_a_bag_that_was_edited(
    words: tuple[str, ...], desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.bag(*map(job, ("a", "b", "c", "d")))
    assert desk.run(*words) == 0
    desk.bag(job("new"), job("d", arguments="changed"), job("c", dependsOn=["d"]), job("a"))
    assert desk.run("--update", *words) == 0
    assert desk.sent == {"a": 1, "b": 1, "c": 2, "d": 2, "new": 1}
    said = capsys.readouterr().err
    assert "updating 3 of 4: 1 is new, 2 have changed; 1 job gone from the bag" in said
    assert "4 jobs: 4 succeeded, 0 failed" in said
    if words:
        records = [line for line in merged(desk.place) if line.startswith("[cluster-task")]
        texts = [line for line in merged(desk.place) if not line.startswith("[")]
        assert texts == ["new", "changed", "c", "a"]
        assert [line.split(", ")[:2] for line in records] == [
            [f"[cluster-task id={number}", f'name="{name}"'] for number, name in enumerate(("new", "d", "c", "a"), 1)
        ]
        assert all(f", id={number}, start=" in line for number, line in enumerate(records, 1))
        assert not (desk.place / "all.parts").exists()
    else:
        assert (desk.place / "b.out").exists(), "what came of it is not removed"


@pytest.mark.parametrize("words", [(), ("-m", "all")])
def test_an_update_with_nothing_to_do(words: tuple[str, ...], desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.bag(job("a"), job("b"))
    assert desk.run(*words) == 0
    for path in desk.place.glob("*.out"):
        path.write_text("")  # as HTCondor does at each start with what it takes for its own
    before = merged(desk.place) if words else None
    capsys.readouterr()
    assert desk.run("--update", *words, "-l", "log") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nothing to do: all 2 jobs succeeded, and nothing of them has changed\n")
    assert desk.sent == {"a": 1, "b": 1}
    assert not (desk.place / "bag.journal.000").exists()
    if before is not None:
        assert [line for line in merged(desk.place) if not line.startswith("[")] == ["a", "b"]
    assert desk.run("--update", *words) == 0


def test_an_update_that_changes_inputs(desk: Desk) -> None:
    (desk.place / "x").write_text("x")
    (desk.place / "y").write_text("y")
    for text in "xy":
        (desk.place / text).write_text(text)

    def with_input(name: str) -> dict[str, Any]:
        return job(f"of_{name}", environment=[{"name": "TRANSFER_INPUT_FILES", "value": name}])

    desk.bag(with_input("x"), with_input("y"))
    assert desk.run() == 0
    (desk.place / "y").write_text("other")
    assert desk.run("--update") == 0
    assert desk.sent == {"of_x": 1, "of_y": 2}
    assert desk.run("--update") == 0
    (desk.place / "x").write_text("other")
    assert desk.run("--update") == 0
    assert desk.sent == {"of_x": 2, "of_y": 2}


def test_a_run_that_aws_refused_is_mended(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.bag(job("one"), job("two", arguments="wrong"))
    desk.faults.on("SubmitJob", refuse("two"))
    assert desk.run() == 2
    desk.faults.forget()
    desk.bag(job("one"), job("two", arguments="right"))
    assert desk.run() == 3
    assert "use --update to keep what has succeeded and is as it was" in capsys.readouterr().err
    assert desk.run("--update") == 0
    assert desk.sent == {"one": 1, "two": 2}
    assert (desk.place / "two.out").read_text().startswith("right\n")


# -- --detach


def test_a_run_that_is_detached_says_how_it_is_collected(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.bag(*(shell(name, f"while ! test -e {desk.place}/go; do sleep 0.05; done") for name in "ab"))
    assert desk.run("--detach", "-l", "log") == 0
    captured = capsys.readouterr()
    said = captured.err.splitlines()[0]
    assert said.startswith("of 2 jobs, 2 run on in AWS; this collects them: ")
    assert said.endswith(" -l log bag.in")
    assert "--detach" not in said
    assert (captured.out, "WARNING" in (desk.place / "log.000").read_text()) == ("", False)
    journal, asked = (desk.place / "bag.journal").read_text(), len(desk.faults.requests)
    assert desk.run("--detach", "-l", "log") == 0
    assert "; 2 run on in AWS; this collects them: " in capsys.readouterr().err
    looks = [one.operation for one in desk.faults.requests[asked:]]
    assert looks.count("DescribeJobs") == 1
    assert not {"SubmitJob", "TerminateJob"}.intersection(looks)
    assert (desk.place / "bag.journal").read_text() == journal
    (desk.place / "go").touch()

    def have_ended() -> bool:
        return desk.run("--detach") == 0 and desk.is_finished

    wait_until(have_ended, what="the end of the jobs")
    assert desk.sent == {"a": 1, "b": 1}
    assert (desk.place / "a.out").exists()
    assert "2 jobs: 2 succeeded, 0 failed" in capsys.readouterr().err
