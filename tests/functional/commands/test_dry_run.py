"""--dry-run: all that a run would meet is told, its exit status is the run's, and nothing is written."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.tool import job
from jobbag.aws.client import Cloud
from jobbag.bag import api_model
from jobbag.cli import main
from jobbag.commands import dry_run
from jobbag.errors import AwsError
from jobbag.events.events import (
    Event,
    Finished,
    LogsWritten,
    Made,
    Making,
    NotSubmitted,
    Staged,
    StateChanged,
    Submitted,
    Submitting,
    TakenDown,
)
from jobbag.events.journal import Journal
from jobbag.holding.lock import JournalLock
from jobbag.local import CREDENTIALS
from jobbag.options import parser
from jobbag.preflight import offline
from jobbag.run.task import header_of
from jobbag.s3.contents import state_of
from unit.builders import ended

from ..conftest import REGION
from ..fault_layer import Faults
from ..preflight.test_permissions import Simulator

READING = re.compile(r"Describe|List|Head|Get|Filter|Simulate")
ACCOUNT = "123456789012"
EXISTING = ("-j", "d", "-q", "q")
CREATING = ["batch:CreateComputeEnvironment", "batch:CreateJobQueue", "batch:RegisterJobDefinition", "iam:PassRole"]
ALL = [
    "batch:DescribeJobs", "batch:SubmitJob", "batch:ListJobs", "batch:TerminateJob", "s3:ListBucket", "s3:CreateBucket",
    "s3:PutBucketPublicAccessBlock", "s3:DeleteBucket", "s3:DeleteObject", "s3:PutObject", "s3:GetObject",
    "s3:AbortMultipartUpload", "logs:FilterLogEvents", "logs:GetLogEvents", *CREATING,
    "batch:UpdateJobQueue", "batch:DeleteJobQueue", "batch:UpdateComputeEnvironment", "batch:DeleteComputeEnvironment",
    "batch:DeregisterJobDefinition", "batch:TagResource",
]  # fmt: skip


class Desk:
    """A working directory at an AWS, and the command in this process."""

    def __init__(self, place: Path, cloud: Cloud, faults: Faults, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self.cloud, self.faults = place, cloud, faults
        self._capsys = capsys
        self.out: list[str] = []
        self.err: list[str] = []

    def bag(self, *jobs: object, name: str = "bag.in") -> str:
        """The name of a submit file with these jobs."""
        (self.place / name).write_text(json.dumps({"SubmitJob": jobs}))
        return name

    def probe(self, *words: str) -> int:
        """The exit status of a dry run, which has written nothing, here or in AWS."""
        before = self._files()
        asked = len(self.faults.requests)
        Simulator(self.faults, ALL)  # what else the simulator is to say comes before it
        status = main(["--dry-run", *words])
        captured = self._capsys.readouterr()
        self.out, self.err = captured.out.splitlines(), captured.err.splitlines()
        assert self._files() == before
        asked_for = {one.operation for one in self.faults.requests[asked:]}
        assert not [operation for operation in asked_for if not READING.match(operation)]
        assert "Traceback" not in captured.err
        return status

    def told(self, *words: str) -> bool:
        """Whether a paragraph of the report has all these words, line breaks or not."""
        text = re.sub(r"\n    ", " ", "\n".join(self.out))
        return any(all(word in line for word in words) for line in text.splitlines())

    def earlier(self, words: list[str], *events: Event) -> None:
        """The journal of an earlier start of the same command."""
        settings = parser.load(words)
        task = offline.task_of(settings)
        with Journal(self.place / "bag.journal") as notes:
            notes.begin(header_of(settings, task))
            for event in events:
                notes(event)

    def _files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.place.rglob("*") if path.is_file()}


@pytest.fixture
def desk(
    ready: Cloud,
    endpoint: str,
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    return Desk(place, ready, faults, capsys)


def test_all_is_well(desk: Desk) -> None:
    (desk.place / "data.txt").write_text("12345")
    (desk.place / "there.txt").write_text("1234567")
    desk.cloud.call("s3", "CreateBucket", Bucket="b-1", CreateBucketConfiguration={"LocationConstraint": REGION})
    desk.cloud.call("s3", "PutObject", Bucket="b-1", Key="p/there.txt", Body=b"1234567")
    inputs = {"TRANSFER_INPUT_FILES": "data.txt,there.txt"}
    bag = desk.bag(
        job("one", "program", "x y", env=inputs), job("two", "program", timeout={"attemptDurationSeconds": 60})
    )
    assert desk.probe(*EXISTING, "--s3", "s3://b-1/p", bag) == 0
    assert desk.err == []
    for line in (
        "bag     bag.in: 2 jobs",
        "run     a new one",
        f"region  {REGION}",
        "  job queue            q    ENABLED, VALID",
        "  job definition       d    ACTIVE",
        "  compute environment  ce   ENABLED, VALID; UNMANAGED",
        "  bucket               b-1  exists",
        "uploads to s3://b-1/p/: 1 file (5 bytes) to be sent",
        "  1 file of the same content there already",
        "  5  p/data.txt   data.txt",
        "  7  p/there.txt  there.txt (there already)",
        "2 jobs to be sent to the job queue q, with the job definition d:1",
        "  one  1 vCPU, 64 MiB  program 'x y'",
        "  two  1 vCPU, 64 MiB  program",
        "  no job is known to ask for more than its compute environment has",
        "a run could start",
    ):
        assert line in desk.out, "\n".join(desk.out)
    assert desk.told("as      arn:aws:")
    assert "  11 of 11 permissions that a run needs are there" in desk.out
    assert max(map(len, desk.out)) <= 80


def test_what_would_be_created(desk: Desk) -> None:
    files = {
        "definition.json": {"type": "container", "containerProperties": {"image": "x", "vcpus": 2, "memory": 64}},
        "environment.json": {
            "type": "MANAGED",
            "computeResources": {
                "type": "EC2",
                "maxvCpus": 16,
                "subnets": ["s"],
                "instanceRole": f"arn:aws:iam::{ACCOUNT}:role/i",
                "instanceTypes": ["c5.large"],
            },
        },
    }
    for name, content in files.items():
        (desk.place / name).write_text(json.dumps(content))
    Simulator(desk.faults, set(ALL) - set(CREATING))
    large = {"resourceRequirements": [{"type": "VCPU", "value": "4"}]}
    bag = desk.bag(job("small", "x"), job("large", "x", containerOverrides=large))
    words = ("-j", "definition.json", "--ce", "environment.json", bag)
    assert desk.probe(*words) == 3
    assert any('job "large": resourceRequirements' in line and "c5.large, has 2 vCPUs" in line for line in desk.err)
    bag = desk.bag(job("small", "x"), job("other", "x"))
    words = ("-j", "definition.json", "--ce", "environment.json", bag)
    assert desk.probe(*words) == 2  # what is to be created may not be
    assert desk.told(
        "compute environment", "bag-compute-environment", "to be created from environment.json for the run"
    )
    assert desk.told("job queue", "bag-job-queue", "to be created for the run")
    assert desk.told("job definition", "bag-job-definition", "to be created from definition.json for the run")
    assert desk.told("bucket", "bag-bucket", "to be created for the run")
    assert "2 jobs to be sent to the job queue bag-job-queue, with the job definition bag-job-definition" in desk.out
    assert desk.told("  small  2 vCPUs, 64 MiB")
    denied = [line for line in desk.err if "may not do" in line]
    assert len(denied) == 4, desk.err
    assert all(any(action in line for line in denied) for action in CREATING)
    assert desk.probe(*words, "--keep") == 2
    assert desk.told("bucket", "bag-bucket", "to be created, and kept")


def test_a_job_for_fargate_that_asks_for_what_fargate_does_not_have(desk: Desk) -> None:
    container = {"image": "x", "vcpus": 1, "memory": 100, "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/x"}
    desk.cloud.call(
        "batch", "RegisterJobDefinition", jobDefinitionName="fargate", type="container",
        platformCapabilities=["FARGATE"], containerProperties=container,
    )  # fmt: skip
    assert desk.probe("-j", "fargate", "-q", "q", desk.bag(job("one", "x"))) == 3
    assert any('job "one": Fargate has no 100 MiB with 1 vCPU' in line for line in desk.err)


def disable_queue(desk: Desk) -> None:
    desk.cloud.call("batch", "UpdateJobQueue", jobQueue="q", state="DISABLED")


def disable_environment(desk: Desk) -> None:
    desk.cloud.call("batch", "UpdateComputeEnvironment", computeEnvironment="ce", state="DISABLED")


def take_name(desk: Desk) -> None:
    (desk.place / "taken.json").write_text(
        json.dumps({"type": "UNMANAGED", "computeEnvironmentName": "ce", "serviceRole": "r"})
    )


def close_bucket(desk: Desk) -> None:
    desk.faults.fail("HeadBucket", 403, "Forbidden")


def forbid_submitting(desk: Desk) -> None:
    Simulator(desk.faults, [action for action in ALL if action != "batch:SubmitJob"])


def forbid_reading_logs(desk: Desk) -> None:
    Simulator(desk.faults, [action for action in ALL if not action.startswith("logs:")])


def forbid_looking(desk: Desk) -> None:
    desk.faults.fail("DescribeJobDefinitions", 403, "AccessDeniedException", "not for you")


def nothing(_: Desk) -> None:
    pass


@pytest.mark.parametrize(
    ("prepare", "words", "status", "errors"),
    [
        (disable_queue, EXISTING, 3, [["--job-queue: the job queue q is DISABLED"]]),
        (
            nothing,
            ("-j", "none", "-q", "none"),
            3,
            [["--job-queue: ", "none does not exist"], ["--job-definition: ", "none"]],
        ),
        (nothing, (*EXISTING, "-a", "999999999999"), 3, [["--account: 999999999999"]]),
        (take_name, ("-j", "d", "--ce", "taken.json"), 2, [["compute environment ce of taken.json", "exists already"]]),
        (close_bucket, (*EXISTING, "-s", "s3://not-mine"), 2, [["bucket not-mine", "may not use it"]]),
        (
            forbid_submitting,
            EXISTING,
            2,
            [["may not do batch:SubmitJob", "/q"], ["may not do batch:SubmitJob", "/d:1"]],
        ),
        (forbid_looking, EXISTING, 2, [["DescribeJobDefinitions failed: not for you"]]),
    ],
)
def test_what_a_run_would_end_with(
    desk: Desk, prepare: Callable[[Desk], None], words: tuple[str, ...], status: int, errors: list[list[str]]
) -> None:
    prepare(desk)
    assert desk.probe(*words, desk.bag(job("one", "x"))) == status
    assert desk.out[-1] == "a run could not start:"
    assert len(desk.err) == len(errors), desk.err
    for line, parts in zip(desk.err, errors, strict=True):
        assert line.startswith("pegasus-aws-batch: ")
        assert all(part in line for part in parts), line


@pytest.mark.parametrize(
    ("prepare", "parts"),
    [
        (disable_environment, ["job one would not start: its compute environment ce is DISABLED; enable it"]),
        (forbid_reading_logs, ["may not do logs:FilterLogEvents on arn:aws:logs:"]),
    ],
)
def test_what_a_run_would_live_with(desk: Desk, prepare: Callable[[Desk], None], parts: list[str]) -> None:
    prepare(desk)
    assert desk.probe(*EXISTING, desk.bag(job("one", "x"))) == 0
    assert desk.told("warning: ", *parts), "\n".join(desk.out)
    assert desk.err == []


def test_where_the_simulator_is_not_to_be_asked_the_calls_that_read_tell_what_they_can(desk: Desk) -> None:
    desk.faults.fail("SimulatePrincipalPolicy", 403, "AccessDenied", "not for you")
    desk.faults.fail("ListJobs", 403, "AccessDeniedException")
    assert desk.probe(*EXISTING, desk.bag(job("one", "x"))) == 0
    assert desk.told("allowed: batch:DescribeJobs, logs:FilterLogEvents")
    assert desk.told("not known: batch:SubmitJob, batch:TerminateJob")
    assert desk.told("as SimulatePrincipalPolicy failed: not for you")
    assert desk.told("warning: ", "may not do batch:ListJobs")


def test_the_entities_of_jobs(desk: Desk) -> None:
    bag = desk.bag(
        job("one", "x", jobQueue="nix"), job("two", "x", jobQueue="nix"), job("three", "x", jobDefinition="d:1")
    )
    assert desk.probe(*EXISTING, bag) == 3
    assert [line for line in desk.err if 'bag.in: job "one": the job queue nix does not exist' in line] == desk.err


def test_bad_input_is_told_as_ever(desk: Desk) -> None:
    bag = desk.bag({"jobName": "one"}, job("two", "x", env={"TRANSFER_INPUT_FILES": "no.txt"}))
    asked = len(desk.faults.requests)
    assert desk.probe(*EXISTING, bag) == 3
    assert desk.out == []
    assert len(desk.err) == 2
    assert len(desk.faults.requests) == asked


def test_names_cannot_steer_the_terminal(desk: Desk) -> None:
    bag = desk.bag(job("one", "\x1b[2J", "two\nlines" + 30 * "\x1b"), name="bag\x1b.in")
    assert desk.probe(*EXISTING, "--prefix", "bag", bag) == 0
    assert not [line for line in desk.out if not line.isprintable() and line]
    assert desk.told("bag\\x1b.in")
    assert max(map(len, desk.out)) <= 80


def test_many_are_told_in_short(desk: Desk) -> None:
    names = [f"f{number:03}.txt" for number in range(dry_run.SHOWN + 5)]
    for name in names:
        (desk.place / name).write_text(name)
    bag = desk.bag(*(job(name[:4], "x", env={"TRANSFER_INPUT_FILES": name}) for name in names))
    assert desk.probe(*EXISTING, bag) == 0
    assert desk.out.count("  and 5 more") == 2
    assert len(desk.out) < 80


# -- the requests


def test_the_requests_in_json(desk: Desk) -> None:
    own = {"retryStrategy": {"attempts": 2}, "containerOverrides": {"memory": 128}}
    bag = desk.bag(job("one", "x", "é"), job("o@ther", "x", env={"A": "b"}, **own))
    assert desk.probe(*EXISTING, "--json", bag) == 0
    requests = json.loads("\n".join(desk.out))
    assert [problem for request in requests for problem in api_model.problems("SubmitJob", request)] == []
    first, second = requests
    assert first["jobQueue"] == f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/q"
    assert first["containerOverrides"]["command"] == ["x", "é"]
    assert {"name": "PEGASUS_AWS_BATCH_TOKEN", "value": "<token>"} in first["containerOverrides"]["environment"]
    assert second["retryStrategy"] == {"attempts": 2}
    assert second["containerOverrides"]["memory"] == 128


def test_warnings_are_no_json(desk: Desk) -> None:
    disable_environment(desk)
    assert desk.probe(*EXISTING, "--json", desk.bag(job("one", "x"))) == 0
    assert len(json.loads("\n".join(desk.out))) == 1
    assert any("WARN" in line and "ce is DISABLED" in line for line in desk.err)


# -- an unfinished run in the journal


def jobs_of(words: list[str]) -> Any:
    return offline.task_of(parser.load(words)).bag.jobs


def test_an_unfinished_run_would_be_taken_up(desk: Desk) -> None:
    words = [*EXISTING, desk.bag(*(job(name, "x") for name in ("one", "two", "three", "four")))]
    one, two, three, _ = jobs_of(words)
    sent = [Submitting(each, f"t{each.number}") for each in (one, two, three)]
    refused = NotSubmitted(three, AwsError("SubmitJob", "Denied", "no"))
    desk.earlier(words, *sent, Submitted(one, "id-1"), refused)
    assert desk.probe(*words) == 0
    assert desk.told("run ", "is taken up: of 4 jobs, 1 are submitted, 0 of them have ended; 1 job may be sent")
    assert desk.told("2 jobs to be sent ")
    assert desk.told("  three  1 vCPU")
    assert desk.told("  four   1 vCPU")


def test_a_file_that_the_unfinished_run_has_sent(desk: Desk) -> None:
    file = desk.place / "data.txt"
    file.write_text("old")
    words = [*EXISTING, "-s", "s3://kept", desk.bag(job("one", "x", env={"TRANSFER_INPUT_FILES": "data.txt"}))]
    size, modified = state_of("data.txt")
    desk.earlier(words, Staged("data.txt", "data.txt", size, modified, True))
    assert desk.probe(*words) == 0
    assert desk.told("uploads", "1 file"), "it is not there any more"
    desk.cloud.call("s3", "CreateBucket", Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    desk.cloud.put_object("kept", "data.txt", b"old")
    assert desk.probe(*words) == 0
    assert not desk.told("uploads"), "it is there"
    file.write_text("new and longer")
    assert desk.probe(*words) == 3
    assert any("input file 'data.txt': has changed since it was sent" in line for line in desk.err)
    assert desk.probe(*words, "--resume") == 0


def test_what_the_unfinished_run_has_made_is_used(desk: Desk) -> None:
    (desk.place / "environment.json").write_text(json.dumps({"type": "UNMANAGED", "serviceRole": "r"}))
    words = ["-j", "d", "--ce", "environment.json", desk.bag(job("one", "x"))]
    name = "bag-compute-environment"
    made = desk.cloud.call(
        "batch", "CreateComputeEnvironment", computeEnvironmentName=name, type="UNMANAGED", serviceRole="r"
    )
    assert desk.probe(*words) == 2
    assert any(f"compute environment {name}" in line and "exists already" in line for line in desk.err)
    kind = "compute-environment"
    desk.earlier(words, Making(kind, name), Made(kind, name, made["computeEnvironmentArn"]))
    assert desk.probe(*words) == 0
    assert desk.told("compute environment", name, "ENABLED, VALID")
    assert desk.told("job queue", "bag-job-queue", "to be created")
    assert desk.probe(*words, "--fresh") == 0
    assert desk.told("compute environment", name, "to be created"), "as the old one goes first"


def test_a_run_of_which_only_results_are_missing(desk: Desk) -> None:
    words = [*EXISTING, desk.bag(job("one", "x"))]
    (one,) = jobs_of(words)
    desk.earlier(words, Submitting(one, "t"), Submitted(one, "id-1"))
    disable_queue(desk)  # which nothing needs any more
    assert desk.probe(*words) == 0
    assert "no job is to be sent" in desk.out


def test_a_changed_bag_is_an_error(desk: Desk) -> None:
    words = [*EXISTING, desk.bag(job("one", "x"))]
    (one,) = jobs_of(words)
    desk.earlier(words, Submitting(one, "t"), Submitted(one, "id-1"))
    desk.bag(job("one", "y"))
    assert desk.probe(*words) == 3
    assert any('job "one": has changed' in line for line in desk.err)
    assert any("--resume" in line for line in desk.err)
    assert desk.probe(*words, "--fresh") == 0
    assert desk.told("run ", "a new one; that of", "is given up, and 1 job of it terminated")
    assert desk.told("1 job to be sent ")


def test_what_failed_would_run_again(desk: Desk) -> None:
    words = [*EXISTING, desk.bag(job("one", "x"), job("two", "x"))]
    one, two = jobs_of(words)
    sent = [event for each in (one, two) for event in (Submitting(each, "t"), Submitted(each, f"id-{each.number}"))]
    states = StateChanged(one, "id-1", ended()), StateChanged(two, "id-2", ended("FAILED", 1))
    written = [LogsWritten(each, Path(f"{each.name}.out"), Path(f"{each.name}.err"), 1) for each in (one, two)]
    desk.earlier(words, *sent, *states, *written, Finished(1))
    assert desk.probe(*words) == 0
    assert desk.told("2 jobs to be sent ")
    assert desk.probe(*words, "--retry-failed") == 0
    assert desk.told("run ", "that of", "retrying 1 of 2"), "\n".join(desk.out)
    assert "job two: failed" in desk.out
    assert desk.told("1 job to be sent ")
    assert desk.told("  two  1 vCPU")


def test_what_an_update_would_run_and_why(desk: Desk) -> None:
    words = [*EXISTING, desk.bag(*(job(name, "x") for name in "abc"), job("d", "x", dependsOn=["b"]))]
    sent: list[Event] = []
    for one in jobs_of(words):
        sent += [
            Submitting(one, "t"),
            Submitted(one, f"id-{one.number}"),
            StateChanged(one, f"id-{one.number}", ended()),
        ]
        sent.append(LogsWritten(one, Path(f"{one.name}.out"), Path(f"{one.name}.err"), 1))
    desk.earlier(words, *sent, TakenDown(), Finished(0))
    assert desk.probe(*words, "--update") == 0
    assert desk.told("run ", "nothing to do: all 4 jobs succeeded, and nothing of them has changed")
    assert "no job is to be sent" in desk.out
    desk.bag(job("e", "x"), job("d", "x", dependsOn=["b"]), job("b", "y"), job("a", "x"))
    assert desk.probe(*words, "--update") == 0
    told = ("updating 3 of 4: 1 is new, 1 has changed, 1 depends on one of these; 1 job gone from the bag",)
    assert desk.told("run ", *told)
    begin = desk.out.index("job e: is new")
    assert desk.out[begin : begin + 4] == [
        "job e: is new", "job d: depends on b", "job b: its text has changed", "job c: is gone from the bag"
    ]  # fmt: skip
    assert desk.told("3 jobs to be sent ")
    assert desk.probe(*words, "--retry-failed") == 3
    assert any("use --update" in line for line in desk.err)


def test_a_journal_that_another_run_holds(desk: Desk) -> None:
    with JournalLock(desk.place / "bag.journal"):
        assert desk.probe(*EXISTING, desk.bag(job("one", "x"))) == 3
    assert any("another run holds this journal" in line for line in desk.err)


def test_array_jobs_and_the_canary(desk: Desk) -> None:
    bag = desk.bag(*(job(f"job{number}", "x", str(number)) for number in range(6)))
    assert desk.probe(*EXISTING, "--array", "always", "--canary", "2", bag) == 0
    assert desk.told("6 jobs to be sent ")
    assert desk.told("canary: 2 jobs to be sent first")
    assert [line.split("  ")[1] for line in desk.out if "1 vCPU" in line] == [
        "job0",
        "job1",
        "job2 and 3 more, as an array",
    ]
    assert desk.told(".manifest", "(made for the launcher)")
    assert desk.probe(*EXISTING, "--array", "always", "--json", bag) == 0
    (request,) = json.loads("\n".join(desk.out))
    assert request["arrayProperties"] == {"size": 6}
    assert api_model.problems("SubmitJob", request) == []


def columns(text: str) -> int:
    """How wide a terminal shows it."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def test_wide_letters_line_up(desk: Desk) -> None:
    names = ["海岸" * 3, "coast", "海" * 30, "岸" * 16 + "b", "é" * 31]
    (desk.place / "入力.txt").write_text("x")
    (desk.place / "data.txt").write_text("x")
    env = {"TRANSFER_INPUT_FILES": "入力.txt,data.txt"}
    bag = desk.bag(*(job(name, "程序", "海岸 " * 30, env=env) for name in names))
    assert desk.probe(*EXISTING, "--s3", "s3://b-1/p", bag) == 0, desk.err
    rows = [line for line in desk.out if "1 vCPU" in line]
    assert {columns(row.partition("1 vCPU")[0]) for row in rows} == {2 + 29 + 2}
    assert [row.split()[0] for row in rows] == [
        names[0], "coast", "海海海海海海...海海海海海海", "岸岸岸岸岸岸...岸岸岸岸岸岸b", "é" * 13 + "..." + "é" * 13
    ]  # fmt: skip
    assert all(row.endswith("...") and 79 <= columns(row) <= 80 for row in rows)
    uploads = [line for line in desk.out if line.endswith(("入力.txt", "data.txt"))]
    assert {columns(line[: -len(line.split()[-1])]) for line in uploads} == {4 + 1 + len("p/data.txt") + 2}


def test_a_warning_with_wide_letters_fits_into_the_terminal(desk: Desk) -> None:
    disable_environment(desk)
    assert desk.probe(*EXISTING, desk.bag(job("海岸 " * 20 + "x", "program"))) == 0
    assert desk.told("warning: job", "海岸 " * 20, "would not start")
    assert max(map(columns, desk.out)) <= 80, "\n".join(desk.out)
