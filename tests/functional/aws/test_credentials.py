"""Credentials that cannot be had in the middle of a run are waited for, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jobbag.aws.client import Cloud
from jobbag.aws.connection import Access
from jobbag.s3 import bucket

from ..conftest import REGION

KEYS = '"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"'
WRONG = {
    "words": "Your session is over. Please log in.",
    "no UTF-8": r"\377",
    "no date": f'{{{KEYS}, "SessionToken": "c", "Expiration": "soon"}}',
    "a token with a line break": f'{{{KEYS}, "SessionToken": "SECRET\\\\n", "Expiration": "%s"}}',
}
CALLS: dict[str, Callable[[Cloud], Any]] = {
    "the quick way": lambda cloud: cloud.call("batch", "DescribeJobQueues"),
    "a client": lambda cloud: cloud.call("s3", "HeadBucket", Bucket="my-bucket"),
    "a quick upload": lambda cloud: cloud.persist("s3", "PutObject", lambda: cloud.put_object("my-bucket", "k", b"x")),
    "a quick part": lambda cloud: cloud.persist(
        "s3", "UploadPart", lambda: cloud.put_part("my-bucket", "k", (begun(cloud), 1), b"x", lambda _: None)
    ),
}


def begun(cloud: Cloud) -> str:
    """The id of a new upload in parts."""
    return str(cloud.once("s3", "CreateMultipartUpload", None, {"Bucket": "my-bucket", "Key": "k"})["UploadId"])


@pytest.fixture
def helper(tmp_path: Path, no_aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A helper whose keys are renewed before each call, and which prints what is in `wrong` as long as it is there."""
    del no_aws_environment
    soon = (datetime.now(timezone.utc) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path, wrong = tmp_path / "get-keys", tmp_path / "wrong"
    good = f'{{{KEYS}, "SessionToken": "c", "Expiration": "%s"}}'
    path.write_text(f"#!/bin/sh\nprintf \"$(cat {wrong} 2>/dev/null || echo '{good}')\" {soon}\n")
    path.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {path}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return wrong


@pytest.mark.parametrize("what", WRONG)
def test_a_helper_that_fails_in_the_middle_is_waited_for(
    what: str, helper: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = Cloud(Access(endpoint, REGION))
    bucket.create(cloud, "my-bucket")
    caplog.set_level("DEBUG", "jobbag")
    waited: list[float] = []

    def pause(_: Cloud, seconds: float) -> None:
        waited.extend([seconds] if seconds else [])
        if len(waited) >= 3:
            helper.unlink(missing_ok=True)

    monkeypatch.setattr(Cloud, "pause", pause)
    for name, call in CALLS.items():
        helper.write_text(WRONG[what])
        waited.clear()
        call(cloud)
        assert len(waited) >= 3, name
    assert "SECRET" not in caplog.text
