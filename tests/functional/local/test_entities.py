"""Batch entities of the embedded AWS, as a client sees them."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from jobbag.local import CREDENTIALS, LocalAws
from jobbag.local.entities import ACCOUNT
from jobbag.local.server import StandIns

REGION = "ap-south-1"
RESOURCES = {
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 16,
    "instanceTypes": ["optimal"],
    "subnets": ["subnet-1"],
    "securityGroupIds": ["sg-1"],
    "instanceRole": "ecsInstanceRole",
}
CONTAINER = {
    "image": "busybox",
    "resourceRequirements": [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}],
    "environment": [{"name": "EMPTY", "value": ""}],
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(slots=1) as running:
        yield running


@pytest.fixture(scope="module")
def batch(aws: LocalAws) -> Any:
    return make_client(aws, "batch")


def make_client(aws: LocalAws, service: str) -> Any:
    make: Any = boto3.client
    return make(service, endpoint_url=aws.endpoint, region_name=REGION, **CREDENTIALS)


@pytest.fixture
def name() -> str:
    return f"n-{uuid.uuid4().hex}"


def make_environment(batch: Any, name: str, **request: Any) -> str:
    defaults = {"type": "MANAGED", "computeResources": RESOURCES, "serviceRole": "AWSBatchServiceRole"}
    made = batch.create_compute_environment(computeEnvironmentName=name, **{**defaults, **request})
    return str(made["computeEnvironmentArn"])


def make_queue(batch: Any, name: str, environment: str) -> str:
    order = [{"order": 1, "computeEnvironment": environment}]
    made = batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
    return str(made["jobQueueArn"])


def register(batch: Any, name: str, **request: Any) -> str:
    made = batch.register_job_definition(
        jobDefinitionName=name, type="container", **{"containerProperties": CONTAINER, **request}
    )
    return str(made["jobDefinitionArn"])


def test_a_managed_compute_environment_is_shown_as_it_was_sent(batch: Any, name: str) -> None:
    arn = make_environment(batch, name, tags={"a": "b"})
    assert arn == f"arn:aws:batch:{REGION}:{ACCOUNT}:compute-environment/{name}"
    for reference in (name, arn):
        [seen] = batch.describe_compute_environments(computeEnvironments=[reference])["computeEnvironments"]
        assert (seen["type"], seen["state"], seen["status"]) == ("MANAGED", "ENABLED", "VALID")
        assert (seen["computeResources"], seen["tags"]) == (RESOURCES, {"a": "b"})
        assert seen["serviceRole"] == "AWSBatchServiceRole"
    batch.update_compute_environment(computeEnvironment=arn, computeResources={"maxvCpus": 4})
    [seen] = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    assert seen["computeResources"] == {**RESOURCES, "maxvCpus": 4}


def test_unknown_names_are_left_out_of_descriptions(batch: Any) -> None:
    assert batch.describe_compute_environments(computeEnvironments=["none"])["computeEnvironments"] == []
    assert batch.describe_job_queues(jobQueues=["none"])["jobQueues"] == []
    assert batch.describe_job_definitions(jobDefinitions=["none:1"])["jobDefinitions"] == []


def test_a_queue_is_enabled_and_names_its_environments_by_arn(batch: Any, name: str) -> None:
    environment = make_environment(batch, name)
    arn = make_queue(batch, name, name)
    [seen] = batch.describe_job_queues(jobQueues=[arn])["jobQueues"]
    assert (seen["jobQueueName"], seen["state"], seen["status"]) == (name, "ENABLED", "VALID")
    assert seen["computeEnvironmentOrder"] == [{"order": 1, "computeEnvironment": environment}]


def test_entities_can_be_deleted_in_the_right_order_only(batch: Any, name: str) -> None:
    make_environment(batch, name)
    make_queue(batch, name, name)
    with pytest.raises(ClientError, match="must be DISABLED"):
        batch.delete_job_queue(jobQueue=name)
    with pytest.raises(ClientError, match="must be DISABLED"):
        batch.delete_compute_environment(computeEnvironment=name)
    batch.update_compute_environment(computeEnvironment=name, state="DISABLED")
    with pytest.raises(ClientError, match="found existing JobQueue relationship"):
        batch.delete_compute_environment(computeEnvironment=name)
    batch.update_job_queue(jobQueue=name, state="DISABLED")
    batch.delete_job_queue(jobQueue=name)
    batch.delete_compute_environment(computeEnvironment=name)
    assert batch.describe_job_queues(jobQueues=[name])["jobQueues"] == []
    assert batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"] == []
    with pytest.raises(ClientError, match="does not exist"):
        batch.delete_job_queue(jobQueue=name)


def test_a_disabled_queue_takes_no_jobs_and_a_deleted_one_ends_its_jobs(batch: Any, name: str) -> None:
    make_environment(batch, name)
    make_queue(batch, name, name)
    request = {"jobName": "x", "jobQueue": name, "jobDefinition": register(batch, name)}
    waiting = [batch.submit_job(**request, containerOverrides={"command": ["sleep", "1000"]})["jobId"] for _ in "12"]
    batch.update_job_queue(jobQueue=name, state="DISABLED")
    with pytest.raises(ClientError, match="not ENABLED"):
        batch.submit_job(**request)
    batch.delete_job_queue(jobQueue=name)
    assert batch.describe_jobs(jobs=waiting[1:])["jobs"][0]["statusReason"] == "JobQueue deleted"


def test_jobs_run_in_the_order_of_their_submission(batch: Any, name: str, tmp_path: Path) -> None:
    make_both(batch, name)
    register(batch, name)
    jobs: list[str] = []
    for number in range(8):
        override = {"command": ["sh", "-c", f"echo {number} >> {tmp_path}/order"]}
        request = {"jobName": "x", "jobQueue": name, "jobDefinition": name, "containerOverrides": override}
        jobs.append(batch.submit_job(**request, dependsOn=[{"jobId": job} for job in jobs[:1]])["jobId"])
    deadline = time.monotonic() + 30
    while {job["status"] for job in batch.describe_jobs(jobs=jobs)["jobs"]} != {"SUCCEEDED"}:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    assert (tmp_path / "order").read_text().split() == [str(number) for number in range(8)]


def test_each_registration_is_a_revision_with_a_life_of_its_own(batch: Any, name: str) -> None:
    first, second = register(batch, name), register(batch, name, parameters={"a": "b"})

    def seen(**wanted: Any) -> list[int]:
        found = batch.describe_job_definitions(**wanted)["jobDefinitions"]
        return [definition["revision"] for definition in found]

    assert seen(jobDefinitions=[f"{name}:1"]) == [1]
    assert seen(jobDefinitions=[second]) == [2]
    assert seen(jobDefinitions=[first.rpartition(":")[0]]) == [2]
    with pytest.raises(ClientError, match="must have a revision"):
        batch.deregister_job_definition(jobDefinition=name)
    batch.deregister_job_definition(jobDefinition=f"{name}:2")
    assert seen(jobDefinitionName=name, status="ACTIVE") == [1]
    assert seen(jobDefinitionName=name) == [1, 2]
    [definition] = batch.describe_job_definitions(jobDefinitions=[f"{name}:2"])["jobDefinitions"]
    assert (definition["status"], definition["containerProperties"]) == ("INACTIVE", CONTAINER)
    batch.deregister_job_definition(jobDefinition=first)
    with pytest.raises(ClientError, match="not in ACTIVE status"):
        batch.submit_job(jobName="x", jobDefinition=name, jobQueue=make_both(batch, name))


def make_both(batch: Any, name: str) -> str:
    make_environment(batch, name)
    return make_queue(batch, name, name)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"type": "UNMANAGED", "serviceRole": ""}, "serviceRole must be provided"),
        ({"computeResources": {**RESOURCES, "instanceRole": ""}}, "Instance role is required"),
        ({"computeResources": {"type": "EC2", "maxvCpus": 1}}, "subnets"),
        ({"computeEnvironmentName": "a.b"}, "computeEnvironmentName"),
        ({"state": "ON"}, "state must be one of"),
    ],
)
def test_a_bad_compute_environment_is_refused(batch: Any, name: str, request_: dict[str, Any], message: str) -> None:
    defaults = {"type": "MANAGED", "computeResources": RESOURCES, "serviceRole": "role"}
    with pytest.raises(ClientError, match=message):
        batch.create_compute_environment(**{"computeEnvironmentName": name, **defaults, **request_})


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"containerProperties": {**CONTAINER, "resourceRequirements": []}}, "VCPU"),
        ({"containerProperties": {**CONTAINER, "environment": [{"name": "AWS_BATCH_X"}]}}, "AWS_BATCH_X"),
        ({"retryStrategy": {"attempts": 0}}, "between 1 and 10"),
        ({"parameters": {"long": "x" * 25000}}, "24 KiB"),
    ],
)
def test_a_bad_job_definition_is_refused(batch: Any, name: str, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        register(batch, name, **request_)


def test_names_are_taken_once_and_queues_need_their_environment(batch: Any, name: str) -> None:
    make_both(batch, name)
    with pytest.raises(ClientError, match="already exists"):
        make_environment(batch, name)
    with pytest.raises(ClientError, match="already exists"):
        make_queue(batch, name, name)
    with pytest.raises(ClientError, match="does not exist"):
        make_queue(batch, f"{name}-2", "none")


def test_tags_of_entities_and_jobs(batch: Any, name: str) -> None:
    arn = make_both(batch, name)
    batch.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    batch.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert batch.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    register(batch, name)
    job = batch.submit_job(jobName="x", jobQueue=name, jobDefinition=name, tags={"run": "7"})
    assert batch.list_tags_for_resource(resourceArn=job["jobArn"])["tags"] == {"run": "7"}


def test_regions_are_apart(aws: LocalAws, batch: Any, name: str) -> None:
    make_environment(batch, name)
    make: Any = boto3.client
    other = make("batch", endpoint_url=aws.endpoint, region_name="us-east-2", **CREDENTIALS)
    assert other.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"] == []


def test_what_is_not_supported_says_so(batch: Any) -> None:
    with pytest.raises(ClientError, match="does not support listschedulingpolicies"):
        batch.list_scheduling_policies()


def test_stand_ins_for_entities_of_the_real_aws(aws: LocalAws, batch: Any) -> None:
    arn = f"arn:aws:batch:us-west-2:{ACCOUNT}"
    wanted = {
        "job_definition": f"{arn}:job-definition/x:3",
        "job_queue": f"{arn}:job-queue/user=cmd!test#queue",
        "compute_environment": "pegasus_minimal_fetch_and_run-compute-environment",
    }
    names = aws.stand_in(REGION, **wanted)
    assert names == StandIns("x", "user-cmd-test-queue", wanted["compute_environment"])
    assert aws.stand_in(REGION, **wanted) == names
    [queue] = batch.describe_job_queues(jobQueues=[names.job_queue])["jobQueues"]
    environment = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    assert environment.endswith(f"/{names.compute_environment}")
    batch.submit_job(jobName="x", jobQueue=names.job_queue, jobDefinition=names.job_definition)
    nothing = aws.stand_in(REGION, job_definition=None, job_queue=None, compute_environment=None)
    assert nothing == StandIns(None, None, None)


def test_the_account_is_the_one_of_the_arns(aws: LocalAws) -> None:
    assert make_client(aws, "sts").get_caller_identity()["Account"] == ACCOUNT


def test_puts_are_not_held_up_by_expectations(aws: LocalAws, name: str) -> None:
    """A client waits up to a second for `100 Continue`."""
    s3 = make_client(aws, "s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    answers = [s3.put_object(Bucket=name, Key="k", Body=b"x" * size) for size in (0, 10, 1 << 21)]
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [200] * 3
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x" * (1 << 21)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
