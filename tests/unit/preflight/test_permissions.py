"""What a run needs to be allowed, and what IAM's answers mean."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, ToCreate
from jobbag.preflight.permissions import Caller, Right, Uses, Verdict, needed, verdict
from jobbag.s3.place import S3Place

PAGE = Path(__file__).parents[3] / "docs" / "iam.md"
ROLE = "arn:aws:iam::123456789012:role/AWSBatchServiceRole"
ALICE = Caller("arn:aws:iam::123456789012:user/alice", "us-west-2")
PLAIN = Uses(
    queues=("q",),
    definitions=("arn:aws:batch:us-west-2:123456789012:job-definition/d:1",),
    place=S3Place("my-bucket", "some/dir/", own=False),
    bucket_is_there=True,
    uploads=True,
    to_create=(),
    keeps=False,
    deletes_streams=False,
    tags=False,
)
EVERYTHING = replace(
    PLAIN,
    place=S3Place("my-bucket", "", own=True),
    bucket_is_there=False,
    to_create=(
        ToCreate(
            ENVIRONMENT,
            {"computeEnvironmentName": "c", "serviceRole": ROLE, "computeResources": {"instanceRole": "ecs"}},
            None,
        ),
        ToCreate(QUEUE, {"jobQueueName": "q"}, None),
        ToCreate(DEFINITION, {"jobDefinitionName": "d", "tags": {"a": "b"}}, None),
    ),
    deletes_streams=True,
    tags=True,
)


def documented(heading: str) -> set[str]:
    """The actions of the policies in a part of the page on permissions."""
    part = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```json\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    return {action for block in blocks for one in json.loads(block)["Statement"] for action in one["Action"]}


def test_what_is_asked_for_is_what_the_page_on_permissions_says() -> None:
    run, create = documented("To run jobs"), documented("To create and delete")
    asked = {right.action for right in needed(ALICE, PLAIN)}
    assert asked <= run
    assert run - asked == {
        # shown by the calls of the dry run itself
        *("batch:DescribeComputeEnvironments", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues"),
        # for what an upload that is cut short leaves
        *("s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"),
    }
    more = {right.action for right in needed(ALICE, EVERYTHING)} - asked
    assert more - create == {"batch:TagResource", "logs:DeleteLogStream"}
    assert create - more == {"s3:ListBucketVersions", "s3:DeleteObjectVersion"}, "which are for --delete"


def test_what_is_asked_for_is_as_narrow_as_a_policy_may_be() -> None:
    rights = {(right.action, right.resource): right.vital for right in needed(ALICE, EVERYTHING)}
    batch = "arn:aws:batch:us-west-2:123456789012"
    assert rights["batch:SubmitJob", f"{batch}:job-queue/q"]
    assert rights["batch:SubmitJob", f"{batch}:job-definition/d:1"]
    assert rights["batch:DescribeJobs", "*"]
    assert rights["iam:PassRole", ROLE]
    assert rights["s3:PutObject", "arn:aws:s3:::my-bucket/*"]
    assert rights["batch:TagResource", f"{batch}:job-definition/d"]
    assert not rights["batch:DeleteJobQueue", f"{batch}:job-queue/q"]
    assert not rights["logs:FilterLogEvents", "arn:aws:logs:us-west-2:123456789012:log-group:/aws/batch/job:*"]
    assert ("s3:PutObject", "arn:aws:s3:::my-bucket/some/dir/*") in {
        (right.action, right.resource) for right in needed(ALICE, PLAIN)
    }


def test_what_is_kept_need_not_be_deleted() -> None:
    kept = {right.action for right in needed(ALICE, replace(EVERYTHING, keeps=True))}
    assert not {action for action in kept if "Delete" in action or "Deregister" in action} - {"logs:DeleteLogStream"}


def test_nothing_is_put_where_nothing_is_uploaded() -> None:
    assert "s3:PutObject" not in {right.action for right in needed(ALICE, replace(PLAIN, uploads=False))}


@pytest.mark.parametrize(
    ("arn", "role", "root"),
    [
        ("arn:aws:iam::123456789012:user/alice", None, False),
        ("arn:aws:sts::123456789012:assumed-role/admin/session", "admin", False),
        ("arn:aws-cn:sts::123456789012:assumed-role/admin/me@example.org", "admin", False),
        ("arn:aws:sts::123456789012:federated-user/bob", None, False),
        ("arn:aws:iam::123456789012:root", None, True),
    ],
)
def test_who_calls(arn: str, role: str | None, root: bool) -> None:
    caller = Caller(arn, "us-west-2")
    assert (caller.role, caller.is_root) == (role, root)


def result(decision: str, action: str = "batch:SubmitJob", **fields: Any) -> dict[str, Any]:
    return {"EvalActionName": action, "EvalDecision": decision, **fields}


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (result("allowed"), Verdict.ALLOWED),
        (result("implicitDeny"), Verdict.DENIED),
        (result("explicitDeny", "s3:PutObject"), Verdict.DENIED),
        (result("implicitDeny", "s3:PutObject"), Verdict.UNKNOWN),  # the bucket's policy may allow it
        (result("implicitDeny", MissingContextValues=["aws:SourceIp"]), Verdict.UNKNOWN),
        (result("allowed", MissingContextValues=["aws:SourceIp"]), Verdict.ALLOWED),
        (result("allowed", ResourceSpecificResults=[{"EvalResourceDecision": "explicitDeny"}]), Verdict.DENIED),
        (result("implicitDeny", ResourceSpecificResults=[{"EvalResourceDecision": "allowed"}]), Verdict.ALLOWED),
    ],
)
def test_what_the_simulator_means(answer: dict[str, Any], meaning: Verdict) -> None:
    assert verdict(answer) is meaning


def test_a_right_in_words() -> None:
    assert str(Right("batch:DescribeJobs")) == "batch:DescribeJobs"
    assert str(Right("iam:PassRole", ROLE)) == f"iam:PassRole on {ROLE}"
