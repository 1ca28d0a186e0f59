"""`python -m bench.entities`: makes the bucket, and for `--batch` the entities, that a run is given."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from .measure import NAME

PATIENCE = 60.0  # s


def make_bucket() -> None:
    """A bucket without anything in it."""
    client: Any = boto3.client("s3")
    with _maybe_there_already():
        client.create_bucket(Bucket=NAME)


def make_batch_entities() -> None:
    """A compute environment, a job queue on it, and a job definition, all of one name."""
    batch: Any = boto3.client("batch")
    resources = {
        "type": "EC2",
        "maxvCpus": 1024,
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        "instanceRole": "ecsInstanceRole",
        "instanceTypes": ["optimal"],
    }
    with _maybe_there_already():
        batch.create_compute_environment(computeEnvironmentName=NAME, type="MANAGED", computeResources=resources)
    _wait(lambda: batch.describe_compute_environments(computeEnvironments=[NAME])["computeEnvironments"])
    order = [{"order": 1, "computeEnvironment": NAME}]
    with _maybe_there_already():
        batch.create_job_queue(jobQueueName=NAME, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    _wait(lambda: batch.describe_job_queues(jobQueues=[NAME])["jobQueues"])
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "busybox", "resourceRequirements": needs}
    batch.register_job_definition(jobDefinitionName=NAME, type="container", containerProperties=container)


@contextmanager
def _maybe_there_already() -> Iterator[None]:
    """An endpoint that was given may have it from an earlier run."""
    try:
        yield
    except ClientError as error:
        if "already" not in str(error).lower():
            raise


def _wait(describe: Callable[[], list[dict[str, Any]]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while [entity["status"] for entity in describe()] != ["VALID"]:
        if time.monotonic() > deadline:
            raise TimeoutError("a batch entity does not become VALID")
        time.sleep(0.1)


if __name__ == "__main__":
    make_bucket()
    if "--batch" in sys.argv[1:]:
        make_batch_entities()
