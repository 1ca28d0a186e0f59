"""What is looked at before a run changes anything; a dry run looks at the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Plan, ToCreate
from jobbag.errors import ExitCode, SeveralErrors
from jobbag.events.journal import Header
from jobbag.options.settings import Settings
from jobbag.preflight.checks import check
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import TaskOnAws
from jobbag.s3.place import S3Place
from unit.builders import bag, job, settings

from ..fault_layer import Faults

NEW = Earlier(How.NEW, Header("run", 0, {}, {}), None)
EXISTING = Plan(Existing(DEFINITION, "d"), None, Existing(QUEUE, "q"), None)


def task(cloud: Cloud, plan: Plan, *jobs: Job) -> TaskOnAws:
    return TaskOnAws(bag(*jobs), plan, S3Place("bucket", "", own=True), cloud)


def problems(cloud: Cloud, plan: Plan, *jobs: Job, given: Settings | None = None) -> list[str]:
    found = check(given or settings(), task(cloud, plan, *jobs), NEW)
    return [line for error in found.errors for line in error.lines]


def test_the_entities_that_jobs_name_themselves_are_looked_up_once(ready: Cloud, faults: Faults) -> None:
    fields = ({"jobQueue": "q"}, {"jobQueue": "q"}, {"jobQueue": "gone", "jobDefinition": "d"}, {"jobQueue": "gone"})
    jobs = [job(number, f"job {number}", request=request) for number, request in enumerate(fields, 1)]
    before = faults.count("DescribeJobQueues")
    said = 'bag.in: job "job 3": the job queue gone does not exist in us-west-2; there are q'
    assert problems(ready, EXISTING, *jobs) == [said]
    assert faults.count("DescribeJobQueues") - before == 3  # one of them lists what there is


def test_all_that_is_wrong_is_told_at_once(ready: Cloud) -> None:
    ready.call("batch", "CreateComputeEnvironment", computeEnvironmentName="taken", type="UNMANAGED", serviceRole="r")
    environment = ToCreate(ENVIRONMENT, {"computeEnvironmentName": "taken", "type": "UNMANAGED"}, Path("ce.json"))
    plan = Plan(Existing(DEFINITION, "nobody"), environment, Existing(QUEUE, "nothing"), None)
    found = check(settings(), task(ready, plan, job(1, "a")), NEW)
    with pytest.raises(SeveralErrors) as caught:
        found.raise_errors()
    assert [line.partition(":")[0] for line in caught.value.lines] == [
        "compute environment taken of ce.json",
        "--job-queue",
        "--job-definition",
    ]
    assert caught.value.exit_code is ExitCode.AWS_ERROR


def test_in_another_account_nothing_is_looked_for(ready: Cloud) -> None:
    plan = Plan(Existing(DEFINITION, "nobody"), None, Existing(QUEUE, "nothing"), None)
    (said,) = problems(ready, plan, job(1, "a"), given=settings(account="210987654321"))
    assert said == "--account: 210987654321 is given, but the credentials are of 123456789012"


def test_a_run_ends_with_what_its_dry_run_said(
    ready: Cloud, endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    del ready
    from jobbag.cli import main
    from jobbag.local import CREDENTIALS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name.upper(), value)
    one = {"jobName": "one", "executable": "x", "jobQueue": "elsewhere", "jobDefinition": "old"}
    Path("bag.in").write_text(json.dumps({"SubmitJob": [one]}))
    said = []
    for words in (["--dry-run"], []):
        assert main([*words, "-q", "gone", "-j", "d", "bag.in"]) == ExitCode.USAGE
        said.append([line for line in capsys.readouterr().err.splitlines() if line.startswith("pegasus-aws-batch: ")])
    assert said[0] == said[1]
    assert len(said[0]) == 3
