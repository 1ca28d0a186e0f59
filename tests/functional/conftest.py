"""The embedded AWS behind a layer of faults, and the tool's way to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.embedded import embedded
from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.local import CREDENTIALS

from .fault_layer import Faults

REGION = "us-west-2"


@pytest.fixture
def no_aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's AWS configuration counts."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def faults() -> Faults:
    """What is to go wrong, and what was asked for."""
    return Faults()


@pytest.fixture
def endpoint(faults: Faults) -> Iterator[str]:
    """The address of an embedded AWS with the faults before it."""
    with embedded(slots=2, wrap=faults.wrap) as aws:
        yield aws.endpoint


@pytest.fixture
def cloud(endpoint: str, no_aws_environment: None) -> Cloud:
    """The tool's own way to call AWS, which takes the embedded one for the real one."""
    del no_aws_environment
    return Cloud(Access(endpoint, REGION, CREDENTIALS))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between calls, which are noted and not made."""
    made: list[float] = []
    monkeypatch.setattr(Cloud, "pause", lambda _, seconds: made.append(seconds))
    return made


@pytest.fixture
def ready(cloud: Cloud) -> Cloud:
    """With a queue `q` and a definition `d`, so that jobs can be submitted."""
    cloud.call("batch", "CreateComputeEnvironment", computeEnvironmentName="ce", type="UNMANAGED", serviceRole="r")
    order = [{"order": 1, "computeEnvironment": "ce"}]
    cloud.call("batch", "CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    properties = {"image": "x", "vcpus": 1, "memory": 64}
    cloud.call(
        "batch", "RegisterJobDefinition", jobDefinitionName="d", type="container", containerProperties=properties
    )
    return cloud
