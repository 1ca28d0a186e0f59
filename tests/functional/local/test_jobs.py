"""Jobs of the embedded AWS, as a client sees them: real processes, through boto3."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from jobbag.local import CREDENTIALS, LocalAws, process

REGION = "eu-west-1"
SLOTS = 2
LIB = Path(__file__).parents[3] / "lib"
DEFINITION: dict[str, Any] = {"image": "x", "vcpus": 1, "memory": 512}


def client(endpoint: str, service: str, key: str) -> Any:
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    make: Any = boto3.client
    credentials = {**CREDENTIALS, "aws_access_key_id": key}
    return make(service, endpoint_url=endpoint, region_name=REGION, config=config, **credentials)


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true value of the condition."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true"
        pause.wait(0.02)
    return value


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cloud:
    """A client of the embedded AWS, with one queue and one definition."""

    def __init__(self, endpoint: str, key: str = CREDENTIALS["aws_access_key_id"]) -> None:
        self.batch, self.logs, self.s3 = (client(endpoint, name, key) for name in ("batch", "logs", "s3"))
        self.definition = self.define(**DEFINITION)
        self.queue = self.make_queue()

    def make_queue(self) -> str:
        name = f"q-{uuid.uuid4().hex}"
        self.batch.create_compute_environment(computeEnvironmentName=name, type="UNMANAGED", serviceRole="role")
        order = [{"order": 1, "computeEnvironment": name}]
        self.batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
        return name

    def define(self, *, request: dict[str, Any] | None = None, **container: Any) -> str:
        name = f"d-{uuid.uuid4().hex}"
        properties = {**DEFINITION, **container}
        self.batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=properties, **(request or {})
        )
        return name

    def submit(self, *command: str, env: dict[str, str] | None = None, **request: Any) -> str:
        overrides: dict[str, Any] = {"command": list(command)} if command else {}
        if env:
            overrides["environment"] = [{"name": name, "value": value} for name, value in env.items()]
        defaults = {"jobName": "job", "jobQueue": self.queue, "jobDefinition": self.definition}
        answer = self.batch.submit_job(**{**defaults, "containerOverrides": overrides, **request})
        return str(answer["jobId"])

    def shell(self, script: str, **request: Any) -> str:
        return self.submit("sh", "-c", script, **request)

    def see(self, job_id: str) -> dict[str, Any]:
        return dict(self.batch.describe_jobs(jobs=[job_id])["jobs"][0])

    def reached(self, job_id: str, *states: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            job = self.see(job_id)
            return job if job["status"] in states else None

        return dict(wait_until(look))

    def ended(self, job_id: str) -> dict[str, Any]:
        return self.reached(job_id, "SUCCEEDED", "FAILED")

    def run(self, script: str, **request: Any) -> dict[str, Any]:
        return self.ended(self.shell(script, **request))

    def events(self, stream: str, group: str = "/aws/batch/job") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
            found += page["events"]
            if token.get("nextToken") == page["nextForwardToken"]:
                return found
            token = {"nextToken": page["nextForwardToken"]}

    def output(self, job: dict[str, Any]) -> list[str]:
        """The lines of the job's log, read once it has ended and not waited for."""
        return [event["message"] for event in self.events(job["container"]["logStreamName"])]

    def environment(self, job: dict[str, Any]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output(job))

    def put(self, body: bytes, key: str = "dir/object") -> str:
        bucket = f"b-{uuid.uuid4().hex}"
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.s3.put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(slots=SLOTS) as running:
        yield running


@pytest.fixture(scope="module")
def cloud(aws: LocalAws) -> Cloud:
    return Cloud(aws.endpoint)


class Gate:
    """What jobs wait at until the test opens it."""

    def __init__(self, path: Path) -> None:
        self.open = path.touch
        self.wait = f"until [ -e {path} ]; do sleep 0.02; done"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate that opens at the latest when the test ends."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


# How a job ends


def test_a_job_that_exits_with_0_succeeds(cloud: Cloud) -> None:
    job = cloud.run("echo hello")
    assert (job["status"], job["container"]["exitCode"]) == ("SUCCEEDED", 0)
    assert job["statusReason"] == "Essential container in task exited"
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    assert cloud.output(job) == ["hello"]
    [attempt] = job["attempts"]
    assert attempt["container"]["logStreamName"] == job["container"]["logStreamName"]
    assert job["jobDefinition"].endswith(f"job-definition/{cloud.definition}:1")
    assert job["jobQueue"].endswith(f"job-queue/{cloud.queue}")


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
def test_a_failed_job_tells_its_exit_code(cloud: Cloud, script: str, code: int) -> None:
    job = cloud.run(script)
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", code)
    assert job["attempts"][0]["container"]["exitCode"] == code


def test_a_job_that_uses_more_memory_than_it_asked_for_is_ended_as_on_aws(cloud: Cloud) -> None:
    """The rules of its retry strategy see why."""
    rules = [{"onReason": "OutOfMemoryError*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    script = "import signal; print('begins', flush=True); held = bytearray(b'x') * (96 << 20); signal.pause()"
    given: dict[str, Any] = {
        "jobDefinition": cloud.define(memory=64),
        "retryStrategy": {"attempts": 2, "evaluateOnExit": rules},
    }
    job = cloud.ended(cloud.submit(sys.executable, "-Ic", script, **given))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 137)
    assert job["container"]["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert [one["statusReason"] for one in job["attempts"]] == ["Essential container in task exited"] * 2
    assert cloud.output(job) == ["begins"]


def test_an_unknown_command_is_named_in_the_reason_and_in_the_log(cloud: Cloud) -> None:
    job = cloud.ended(cloud.submit("no-such-command"))
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 127)
    assert job["container"]["reason"].startswith("CannotStartContainerError")
    assert "no-such-command" in cloud.output(job)[0]


def test_a_job_without_any_command_fails(cloud: Cloud) -> None:
    job = cloud.ended(cloud.submit())
    assert job["status"] == "FAILED"
    assert "command" in job["container"]["reason"]


def test_overrides_longer_than_ecs_takes_fail_the_job(cloud: Cloud) -> None:
    job = cloud.ended(cloud.submit("true", env={"LONG": "x" * 8192}))
    assert (job["status"], job["attempts"]) == ("FAILED", [])
    assert job["statusReason"] == "Container Overrides length must be at most 8192"


# What a job sees


def test_the_environment_of_a_job(cloud: Cloud, aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("SECRET_OF_THE_USER", "real")
    inherited = [{"name": "A", "value": "definition"}, {"name": "B", "value": "definition"}]
    definition = cloud.define(environment=inherited)
    env = {"B": "job", "EMPTY": "", "AWS_PROFILE": "mine", "AWS_ENDPOINT_URL_S3": "https://elsewhere"}
    job = cloud.ended(cloud.submit("env", env=env, jobDefinition=definition))
    seen = cloud.environment(job)
    assert (seen["A"], seen["B"], seen["EMPTY"]) == ("definition", "job", "")
    assert seen["AWS_BATCH_JOB_ID"] == job["jobId"]
    assert (seen["AWS_BATCH_JOB_ATTEMPT"], seen["AWS_BATCH_JQ_NAME"]) == ("1", cloud.queue)
    assert (seen["AWS_ENDPOINT_URL"], seen["AWS_REGION"]) == (aws.endpoint, REGION)
    assert seen["AWS_ACCESS_KEY_ID"] == CREDENTIALS["aws_access_key_id"]
    hidden = {"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "SECRET_OF_THE_USER"}
    assert not hidden & set(seen)
    assert {variable["name"] for variable in job["container"]["environment"]} == {"A", *env}


def test_each_job_has_an_own_directory_that_is_gone_afterwards(cloud: Cloud) -> None:
    job = cloud.run("pwd; echo $HOME; ls; mktemp; mkdir -p a/b; touch a/b/c; chmod -R 500 a")
    where, home, temporary = cloud.output(job)
    assert where == home
    assert not Path(where).exists()
    assert not Path(temporary).exists()


def test_the_command_of_the_definition_with_its_parameters(cloud: Cloud) -> None:
    definition = cloud.define(
        command=["echo", "Ref::greeting", "Ref::name"], request={"parameters": {"greeting": "hello"}}
    )
    job = cloud.ended(cloud.submit(jobDefinition=definition, parameters={"name": "world"}))
    assert cloud.output(job) == ["hello world"]
    with pytest.raises(ClientError, match="No parameter found for reference name"):
        cloud.submit(jobDefinition=definition)


@pytest.mark.skipif(not shutil.which("aws", path=str(Path(sys.executable).parent)), reason="aws is not installed")
def test_the_aws_command_works_in_a_job(cloud: Cloud) -> None:
    """With the words of conf/sample-launch.sh, and others."""
    url = cloud.put(b"from s3\n")
    bucket = url.removeprefix("s3://").partition("/")[0]
    job = cloud.run(
        f'aws --endpoint-url "$AWS_ENDPOINT_URL" s3 cp --only-show-errors {url} it && cat it'
        f" && aws s3 cp --quiet --recursive . s3://{bucket}/copies"
    )
    assert cloud.output(job) == ["from s3"]
    assert cloud.s3.get_object(Bucket=bucket, Key="copies/it")["Body"].read() == b"from s3\n"


# Logs


def test_every_line_of_a_long_log_is_there_in_order_when_the_job_has_ended(cloud: Cloud) -> None:
    job = cloud.run("seq 10000; echo error >&2; echo last")
    events = cloud.events(job["container"]["logStreamName"])
    assert [event["message"] for event in events] == [*map(str, range(1, 10001)), "error", "last"]
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)


def test_odd_bytes_in_a_log(cloud: Cloud) -> None:
    job = cloud.run(r"printf 'caf\303\251\n\n\377x\r\n  end'")
    assert cloud.output(job) == ["café", "", "\ufffdx\r", "  end"]


def test_a_line_too_long_for_an_event_is_cut_between_characters(cloud: Cloud) -> None:
    script = "import sys; sys.stdout.write('x' + 'é' * 300000)\nfor n in '12': print(n)"
    job = cloud.ended(cloud.submit(sys.executable, "-X", "utf8", "-c", script))
    first, *others = cloud.output(job)
    assert len(first.encode()) <= 262144
    assert (first + "".join(others)) == "x" + "é" * 300000 + "12"


def test_the_log_of_a_running_job_can_be_followed(cloud: Cloud, gate: Gate) -> None:
    job_id = cloud.shell(f"echo first; {gate.wait}; echo second")
    stream = cloud.reached(job_id, "RUNNING")["container"]["logStreamName"]
    wait_until(lambda: [event["message"] for event in cloud.events(stream)] == ["first"])
    gate.open()
    assert cloud.output(cloud.ended(job_id)) == ["first", "second"]


def test_the_log_goes_to_the_group_of_the_definition(cloud: Cloud) -> None:
    options = {"awslogs-group": "/mine", "awslogs-stream-prefix": "pre"}
    definition = cloud.define(logConfiguration={"logDriver": "awslogs", "options": options})
    job = cloud.run("echo here", jobDefinition=definition)
    stream = job["container"]["logStreamName"]
    assert stream.startswith("pre/default/")
    assert [event["message"] for event in cloud.events(stream, "/mine")] == ["here"]
    assert job["container"]["logConfiguration"]["options"] == options


def test_another_log_driver_has_no_stream(cloud: Cloud) -> None:
    definition = cloud.define(logConfiguration={"logDriver": "json-file"})
    job = cloud.run("echo nowhere", jobDefinition=definition)
    assert job["status"] == "SUCCEEDED"
    assert "logStreamName" not in job["container"]


# What a job leaves behind


def test_a_background_process_neither_holds_the_job_nor_outlives_it(cloud: Cloud) -> None:
    job = cloud.run("sleep 1000 & echo $!")
    [pid] = cloud.output(job)
    wait_until(lambda: not is_alive(int(pid)))


def test_a_daemon_that_keeps_the_output_open_does_not_hold_the_job(cloud: Cloud) -> None:
    daemon = "import os, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(1000)"
    job = cloud.run(f'{sys.executable} -c "{daemon}" & sleep 0.5; echo end')
    pid, end = cloud.output(job)
    os.kill(int(pid), signal.SIGKILL)
    assert end == "end"


# Retries, timeouts, stopping


def test_a_job_is_tried_again_and_each_attempt_has_its_log(cloud: Cloud) -> None:
    script = "echo $AWS_BATCH_JOB_ATTEMPT; [ $AWS_BATCH_JOB_ATTEMPT = 3 ]"
    job = cloud.run(script, retryStrategy={"attempts": 5})
    assert job["status"] == "SUCCEEDED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 1, 0]
    streams = [attempt["container"]["logStreamName"] for attempt in job["attempts"]]
    assert [[event["message"] for event in cloud.events(stream)] for stream in streams] == [
        ["1"],
        ["2"],
        ["3"],
    ]
    assert job["container"]["logStreamName"] == streams[-1]


def test_the_rules_decide_which_exit_codes_are_tried_again(cloud: Cloud) -> None:
    rules = [{"onExitCode": "7*", "action": "retry"}, {"onExitCode": "*", "action": "Exit"}]
    job = cloud.run("exit 7$AWS_BATCH_JOB_ATTEMPT", retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [71, 72]
    job = cloud.run("exit 4", retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [4]


def test_a_job_out_of_time_is_ended_and_not_tried_again(cloud: Cloud) -> None:
    job = cloud.run("sleep 1000", timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3})
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 143)
    assert job["statusReason"] == "Job attempt duration exceeded timeout"
    assert len(job["attempts"]) == 1


def test_a_terminated_job_gets_sigterm_and_keeps_the_reason(cloud: Cloud) -> None:
    script = "trap 'echo cleaning; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    job_id = cloud.shell(script, retryStrategy={"attempts": 3})
    stream = cloud.reached(job_id, "RUNNING")["container"]["logStreamName"]
    wait_until(lambda: cloud.events(stream))
    cloud.batch.terminate_job(jobId=job_id, reason="enough")
    cloud.batch.terminate_job(jobId=job_id, reason="once more")
    job = cloud.ended(job_id)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "enough", True)
    assert cloud.output(job)[-1] == "cleaning"
    assert len(job["attempts"]) == 1


def test_a_job_that_ignores_sigterm_is_killed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TERM_GRACE", 0.3)
    job_id = cloud.shell("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    stream = cloud.reached(job_id, "RUNNING")["container"]["logStreamName"]
    [pid] = wait_until(lambda: cloud.events(stream))
    cloud.batch.terminate_job(jobId=job_id, reason="enough")
    assert cloud.ended(job_id)["container"]["exitCode"] == 137
    assert not is_alive(int(pid["message"]))


def test_as_many_jobs_run_as_there_are_slots_and_waiting_ones_can_be_stopped(cloud: Cloud, gate: Gate) -> None:
    busy = [cloud.shell(f"{gate.wait}; sleep 0.4") for _ in range(SLOTS)]
    for job_id in busy:
        cloud.reached(job_id, "RUNNING")
    cancelled, terminated, last = (cloud.shell("echo ran") for _ in range(3))
    assert [cloud.see(job_id)["status"] for job_id in (cancelled, terminated, last)] == ["RUNNABLE"] * 3
    cloud.batch.cancel_job(jobId=cancelled, reason="not needed")
    cloud.batch.terminate_job(jobId=terminated, reason="not wanted")
    cloud.batch.cancel_job(jobId=busy[0], reason="no effect on running jobs")
    job = cloud.ended(cancelled)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "not needed", True)
    assert (job["attempts"], "startedAt" in job) == ([], False)
    assert cloud.ended(terminated)["isTerminated"]
    gate.open()
    assert {cloud.ended(job_id)["status"] for job_id in busy} == {"SUCCEEDED"}
    assert cloud.output(cloud.ended(last)) == ["ran"]


def test_bulk_stop(cloud: Cloud) -> None:
    jobs = [cloud.submit("sleep", "1000") for _ in range(5)]
    answer = cloud.batch.terminate_jobs(jobs=[*jobs, "unknown"], reason="all of them")
    assert answer["successful"] == [*jobs, "unknown"]
    assert {cloud.ended(job)["statusReason"] for job in jobs} == {"all of them"}


# Dependencies and arrays


def test_a_job_waits_for_those_it_depends_on(cloud: Cloud, gate: Gate, tmp_path: Path) -> None:
    first = cloud.shell(f"{gate.wait}; touch {tmp_path}/done")
    second = cloud.shell(f"ls {tmp_path}/done", dependsOn=[{"jobId": first}])
    third = cloud.shell(f"ls {tmp_path}/done", dependsOn=[{"jobId": first}, {"jobId": second}])
    cloud.reached(first, "RUNNING")
    assert [cloud.see(each)["status"] for each in (second, third)] == ["PENDING", "PENDING"]
    gate.open()
    assert [cloud.ended(each)["status"] for each in (second, third)] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_failed_dependency_fails_all_that_follow(cloud: Cloud, gate: Gate) -> None:
    first = cloud.shell(f"{gate.wait}; exit 1")
    chain = [first]
    for _ in range(3):
        chain.append(cloud.shell("true", dependsOn=[{"jobId": chain[-1]}]))
    gate.open()
    assert cloud.ended(first)["container"]["exitCode"] == 1
    assert {cloud.ended(each)["statusReason"] for each in chain[1:]} == {"Dependent Job failed"}
    late = cloud.shell("true", dependsOn=[{"jobId": first}])
    assert cloud.see(late)["statusReason"] == "Dependent Job failed"


def test_an_array_runs_a_child_for_each_index(cloud: Cloud) -> None:
    parent = cloud.shell(
        "echo $AWS_BATCH_JOB_ARRAY_INDEX of $AWS_BATCH_JOB_ARRAY_SIZE; [ $AWS_BATCH_JOB_ARRAY_INDEX != 1 ]",
        arrayProperties={"size": 3},
    )
    job = cloud.ended(parent)
    assert job["status"] == "FAILED"
    assert job["arrayProperties"]["size"] == 3
    summary = {state: count for state, count in job["arrayProperties"]["statusSummary"].items() if count}
    assert summary == {"SUCCEEDED": 2, "FAILED": 1}
    children = [cloud.see(f"{parent}:{index}") for index in range(3)]
    assert [child["status"] for child in children] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert [cloud.output(child) for child in children] == [["0 of 3"], ["1 of 3"], ["2 of 3"]]
    assert children[2]["arrayProperties"]["index"] == 2
    failed = cloud.batch.list_jobs(arrayJobId=parent, jobStatus="FAILED")["jobSummaryList"]
    assert [each["jobId"] for each in failed] == [f"{parent}:1"]


def test_array_dependencies_by_index(cloud: Cloud, tmp_path: Path) -> None:
    index = "$AWS_BATCH_JOB_ARRAY_INDEX"
    chain = cloud.shell(
        f"echo {index} >> {tmp_path}/order", arrayProperties={"size": 5}, dependsOn=[{"type": "SEQUENTIAL"}]
    )
    after = cloud.shell(
        f"grep -x {index} {tmp_path}/order",
        arrayProperties={"size": 5},
        dependsOn=[{"jobId": chain, "type": "N_TO_N"}],
    )
    assert cloud.ended(after)["status"] == "SUCCEEDED"
    assert (tmp_path / "order").read_text().split() == ["0", "1", "2", "3", "4"]


def test_terminating_an_array_ends_all_its_children(cloud: Cloud) -> None:
    parent = cloud.submit("sleep", "1000", arrayProperties={"size": 200})
    assert cloud.see(parent)["status"] == "PENDING"
    cloud.batch.terminate_job(jobId=parent, reason="stop")
    assert cloud.ended(parent)["arrayProperties"]["statusSummary"]["FAILED"] == 200


# Describing and listing


def test_describe_takes_100_ids_and_leaves_out_unknown_ones(cloud: Cloud) -> None:
    job_id = cloud.submit("true")
    jobs = cloud.batch.describe_jobs(jobs=[job_id, *map(str, range(99))])["jobs"]
    assert [job["jobId"] for job in jobs] == [job_id]
    with pytest.raises(ClientError, match="Maximum number of jobs supported is  100") as refused:
        cloud.batch.describe_jobs(jobs=list(map(str, range(101))))
    assert refused.value.response["Error"]["Code"] == "ClientException"


def test_list_by_status_in_pages(cloud: Cloud, gate: Gate) -> None:
    queue = cloud.make_queue()
    jobs = [cloud.shell(f"{gate.wait}", jobQueue=queue) for _ in range(SLOTS + 5)]
    for job_id in jobs[:SLOTS]:
        cloud.reached(job_id, "RUNNING")
    running = cloud.batch.list_jobs(jobQueue=queue)["jobSummaryList"]
    assert [job["jobId"] for job in running] == jobs[:SLOTS]
    pages = cloud.batch.get_paginator("list_jobs").paginate(
        jobQueue=queue, jobStatus="RUNNABLE", PaginationConfig={"PageSize": 2}
    )
    assert [[job["jobId"] for job in page["jobSummaryList"]] for page in pages] == [
        jobs[SLOTS : SLOTS + 2],
        jobs[SLOTS + 2 : SLOTS + 4],
        jobs[SLOTS + 4 :],
    ]
    cloud.batch.terminate_jobs(jobs=jobs, reason="end of test")
    with pytest.raises(ClientError, match="exactly one"):
        cloud.batch.list_jobs(jobQueue=queue, arrayJobId=jobs[0])


def test_list_by_filter_is_newest_first_in_all_states(cloud: Cloud) -> None:
    queue = cloud.make_queue()
    jobs = [cloud.submit("true", jobQueue=queue, jobName=f"Run-{number}") for number in range(3)]
    for job_id in jobs:
        created = cloud.ended(job_id)["createdAt"]

    def listed(name: str, value: str) -> list[str]:
        wanted = [{"name": name, "values": [value]}]
        found = cloud.batch.list_jobs(jobQueue=queue, filters=wanted)["jobSummaryList"]
        return [job["jobId"] for job in found]

    assert listed("JOB_NAME", "run-*") == jobs[::-1]
    assert listed("JOB_NAME", "run-1") == [jobs[1]]
    assert listed("JOB_NAME", "run") == []
    assert listed("AFTER_CREATED_AT", str(created)) == []
    assert listed("BEFORE_CREATED_AT", str(created + 1)) == jobs[::-1]
    assert listed("JOB_DEFINITION", cloud.definition) == jobs[::-1]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"jobName": "a.b"}, "valid pattern"),
        ({"jobName": "x" * 129}, "valid pattern"),
        ({"jobQueue": "none"}, "JobQueue none not found"),
        ({"jobDefinition": "none"}, "does not exist or is not in ACTIVE status"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
        (
            {"retryStrategy": {"evaluateOnExit": [{"action": "EXIT", "onExitCode": "1"}]}},
            "RetryAttempts must",
        ),
        ({"retryStrategy": {"attempts": 1, "evaluateOnExit": [{"action": "EXIT"}]}}, "needs one of"),
        ({"arrayProperties": {"size": 1}}, "between 2 and 10000"),
        ({"timeout": {"attemptDurationSeconds": 0}}, "at least"),
        ({"dependsOn": [{"jobId": "none"}]}, "does not exist"),
        ({"dependsOn": [{"jobId": "none"}] * 21}, "20 jobs"),
        ({"tags": {str(number): "" for number in range(51)}}, "50 tags"),
        ({"parameters": {"long": "x" * 31000}}, "Job size must be less than 30 KiB, got 31 KiB"),
        ({"containerOverrides": {"command": ["echo", ""]}}, "empty strings"),
        ({"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": ""}]}}, "AWS_BATCH_X"),
        (
            {"containerOverrides": {"resourceRequirements": [{"type": "MEMORY", "value": "much"}]}},
            "MEMORY must be a number",
        ),
        ({"nodeOverrides": {"numNodes": 2}}, "does not support nodeOverrides"),
    ],
)
def test_a_bad_request_is_refused_at_once(cloud: Cloud, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        cloud.submit("true", **request_)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


# Fetch and run


def fetch_and_run(cloud: Cloud, kind: str, url: str, *command: str) -> dict[str, Any]:
    env = {"BATCH_FILE_TYPE": kind, "BATCH_FILE_S3_URL": url}
    return cloud.ended(cloud.submit(*command, env={name: value for name, value in env.items() if value}))


@pytest.mark.parametrize("head", [b"#!/bin/sh\n", b""])
def test_a_script_is_fetched_and_run_with_the_arguments(cloud: Cloud, head: bytes) -> None:
    url = cloud.put(head + b'pwd; echo "$#:$1:$2"; echo "${0##*/}"; exit 5\n')
    job = fetch_and_run(cloud, "script", url, "launch.sh", "an argument", "*")
    where, arguments, name = cloud.output(job)
    assert name == "batch-file-temp", "not its own, nor that in the command"
    assert (arguments, job["container"]["exitCode"]) == ("2:an argument:*", 5)
    assert Path(where).name == "work"


def test_a_program_in_a_zip_file_is_run_inside(cloud: Cloud) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("bin/main", "#!/bin/sh\ncat data; ./tool $1; echo $0")
        packed.writestr("data", "packed data\n")
        tool = zipfile.ZipInfo("tool")
        tool.external_attr = 0o755 << 16
        packed.writestr(tool, "#!/bin/sh\necho tool $1")
    url = cloud.put(archive.getvalue())
    assert cloud.output(fetch_and_run(cloud, "zip", url, "bin/main", "7")) == ["packed data", "tool 7", "./bin/main"]
    job = fetch_and_run(cloud, "zip", url, "absent")
    assert "absent" in cloud.output(job)[0]


@pytest.mark.parametrize(
    ("kind", "url", "message", "status"),
    [
        ("script", "s3://no-such-bucket/x", "Failed to download s3://no-such-bucket/x", 1),
        ("script", "s3://", "Failed to download s3://", 1),
        ("script", "https://host/x", "expecting s3://bucket/key", 2),
        ("tar", "s3://bucket/x", "must be 'script' or 'zip'", 2),
        ("script", "", "BATCH_FILE_S3_URL not set", 2),
        ("", "s3://bucket/x", "BATCH_FILE_TYPE not set", 2),
    ],
)
def test_what_cannot_be_fetched_is_told_in_the_log(
    cloud: Cloud, kind: str, url: str, message: str, status: int
) -> None:
    job = fetch_and_run(cloud, kind, url, "launch.sh")
    assert (job["status"], job["container"]["exitCode"]) == ("FAILED", status)
    assert message in cloud.output(job)[0]


def test_a_missing_object_and_a_broken_zip(cloud: Cloud) -> None:
    url = cloud.put(b"no zip")
    assert "Failed to unpack" in cloud.output(fetch_and_run(cloud, "zip", url, "x"))[0]
    assert "Failed to download" in cloud.output(fetch_and_run(cloud, "script", f"{url}-2", "x"))[0]


# The whole


def test_thousands_of_waiting_jobs_need_no_threads(cloud: Cloud) -> None:
    before = threading.active_count()
    parent = cloud.submit("sleep", "1000", arrayProperties={"size": 10_000})
    assert cloud.see(parent)["arrayProperties"]["size"] == 10_000
    assert threading.active_count() <= before + 2
    cloud.batch.terminate_job(jobId=parent, reason="end of test")
    cloud.ended(parent)


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], Cloud]:
    """`python -m jobbag.local` with no environment but this, and who has its key."""
    port, key = folder / "port", folder / "key"
    files = ["--port-file", str(port), "--key-file", str(key)]
    command = [sys.executable, "-m", "jobbag.local", "--slots", "2", *files]
    env = {"PYTHONPATH": str(LIB), "TMPDIR": str(folder)}
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    wait_until(lambda: port.exists() and port.read_text())
    assert key.stat().st_mode & 0o777 == 0o600
    return server, Cloud(f"http://127.0.0.1:{port.read_text()}", key.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_its_jobs_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    server, cloud = start_server(tmp_path)
    job_id = cloud.shell("trap '' TERM; echo $$; while :; do sleep 0.05; done")
    stream = cloud.reached(job_id, "RUNNING")["container"]["logStreamName"]
    [pid] = wait_until(lambda: cloud.events(stream))
    server.send_signal(number)
    assert server.wait(10) == 0, "with jobs running"
    assert not is_alive(int(pid["message"]))
    assert {path.name for path in tmp_path.iterdir()} == {"port", "key"}


def test_the_jobs_of_a_server_that_is_killed_end_with_it(tmp_path: Path) -> None:
    server, cloud = start_server(tmp_path)
    background = "(setsid sleep 1000 & echo $!); (env -i sleep 1000 & echo $!)"
    job_id = cloud.shell(f"trap '' TERM HUP; {background}; echo $$; while :; do sleep 0.05; done")
    stream = cloud.reached(job_id, "RUNNING")["container"]["logStreamName"]
    wait_until(lambda: len(cloud.events(stream)) == 3)
    pids = [int(event["message"]) for event in cloud.events(stream)]
    server.kill()
    server.wait()
    wait_until(lambda: not any(map(is_alive, pids)))
    wait_until(lambda: {path.name for path in tmp_path.iterdir()} == {"port", "key"})


def test_leaves_neither_jobs_nor_threads_nor_state_in_the_process(tmp_path: Path) -> None:
    """In a process of its own: this one's embedded AWS is in use."""
    script = f"""
import boto3, tempfile, threading, time
tempfile.tempdir = {str(tmp_path)!r}
from jobbag.local import CREDENTIALS, LocalAws
def make(service):
    return boto3.client(service, endpoint_url=aws.endpoint, region_name="us-east-1", **CREDENTIALS)
with LocalAws(slots=3) as aws:
    make("s3").create_bucket(Bucket="left")
    aws.stand_in("us-east-1", job_definition="d", job_queue="q", compute_environment=None)
    overrides = {{"command": ["sleep", "1000"]}}
    batch = make("batch")
    for _ in range(20):
        batch.submit_job(jobName="x", jobQueue="q", jobDefinition="d", containerOverrides=overrides)
    start = time.monotonic()
assert time.monotonic() - start < 5
assert threading.active_count() == 1, threading.enumerate()
with LocalAws() as aws:
    assert not make("s3").list_buckets()["Buckets"]
    assert not make("batch").describe_job_queues()["jobQueues"]
"""
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(LIB)}, check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_before_the_aws_sees_each_request_and_can_drop_it() -> None:
    script = """
import boto3, botocore.exceptions
from botocore.config import Config
from jobbag.local import CREDENTIALS, LocalAws
seen = []
def wrap(app):
    def layer(environ, start_response):
        seen.append(environ["PATH_INFO"])
        if len(seen) == 1:
            raise ConnectionResetError
        return app(environ, start_response)
    return layer
with LocalAws(wrap=wrap) as aws:
    config = Config(retries={"total_max_attempts": 1})
    batch = boto3.client("batch", endpoint_url=aws.endpoint, region_name="x", config=config, **CREDENTIALS)
    try:
        batch.describe_job_queues()
    except botocore.exceptions.ConnectionClosedError:
        print(batch.describe_job_queues()["jobQueues"], seen)
"""
    env = {**os.environ, "PYTHONPATH": str(LIB)}
    done = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True)
    assert done.stdout == "[] ['/v1/describejobqueues', '/v1/describejobqueues']\n"
