"""Whether the credentials may do what a run needs: what that is, and what IAM says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.entities.kinds import DEFINITION, QUEUE, Kind, ToCreate
from jobbag.errors import AwsError, ToolError
from jobbag.s3.place import S3Place

_ROLE = re.compile(r"arn:[\w-]+:iam::\d+:role/\S+")


class Verdict(Enum):
    """What is known of a right."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Right:
    """To do an action to a resource, by its ARN. `vital`: without it the run cannot reach its end."""

    action: str
    resource: str = "*"
    vital: bool = False

    def __str__(self) -> str:
        return self.action if self.resource == "*" else f"{self.action} on {self.resource}"


@dataclass(frozen=True)
class Caller:
    """Who the credentials are of."""

    arn: str
    region: str

    def arn_of(self, service: str, rest: str) -> str:
        """The ARN of a resource of the same account and region."""
        _, partition, _, _, account, _ = self.arn.split(":", 5)
        return f"arn:{partition}:{service}:{self.region}:{account}:{rest}"

    def entity(self, kind: Kind, ref: str) -> str:
        """The ARN of a batch entity by its name or ARN."""
        return ref if ref.startswith("arn:") else self.arn_of("batch", f"{kind.arn_type}/{ref}")

    @property
    def is_root(self) -> bool:
        """Whether it is the account itself, which may do everything."""
        return self.arn.endswith(":root")

    @property
    def role(self) -> str | None:
        """The name of the role, if a role is assumed."""
        found = re.fullmatch(r"arn:[\w-]+:sts::\d+:assumed-role/([^/]+)/.*", self.arn)
        return found[1] if found else None


# -- what a run needs


@dataclass(frozen=True)
class Uses:
    """What a run uses and makes."""

    queues: tuple[str, ...]  # names or ARNs
    definitions: tuple[str, ...]
    place: S3Place
    bucket_is_there: bool
    uploads: bool
    to_create: tuple[ToCreate, ...]
    keeps: bool
    deletes_streams: bool
    tags: bool
    results: bool = False  # jobs have outputs, which are to come home


def needed(caller: Caller, uses: Uses) -> Iterator[Right]:
    """The rights that a run needs beside those to look things up, which it shows by doing so."""
    yield Right("batch:DescribeJobs", vital=True)
    for ref in uses.queues:
        yield Right("batch:SubmitJob", caller.entity(QUEUE, ref), vital=True)
    for ref in uses.definitions:
        yield Right("batch:SubmitJob", caller.entity(DEFINITION, ref), vital=True)
    yield Right("batch:ListJobs")
    yield Right("batch:TerminateJob", caller.arn_of("batch", "job/*"))
    if uses.tags:
        yield Right("batch:TagResource", caller.arn_of("batch", "job/*"), vital=True)
    yield from _of_entities(caller, uses)
    yield from _of_s3(caller, uses)
    group = caller.arn_of("logs", "log-group:/aws/batch/job")
    yield Right("logs:FilterLogEvents", f"{group}:*")
    yield Right("logs:GetLogEvents", f"{group}:log-stream:*")
    if uses.deletes_streams:
        yield Right("logs:DeleteLogStream", f"{group}:log-stream:*")


def _of_entities(caller: Caller, uses: Uses) -> Iterator[Right]:
    for spec in uses.to_create:
        arn = caller.entity(spec.kind, spec.name)
        yield Right(f"batch:{spec.kind.create}", arn, vital=True)
        yield Right("batch:TagResource", arn, vital=bool(spec.request.get("tags")))
        for role in dict.fromkeys(_roles(spec.request)):
            yield Right("iam:PassRole", role, vital=True)
        if not uses.keeps:
            yield from (Right(f"batch:{api}", arn) for api in (spec.kind.update, spec.kind.delete) if api)


def _roles(content: Any) -> Iterator[str]:
    if isinstance(content, str) and _ROLE.fullmatch(content):
        yield content
    elif isinstance(content, (Mapping, list)):
        for inner in content.values() if isinstance(content, Mapping) else content:
            yield from _roles(inner)


def _of_s3(caller: Caller, uses: Uses) -> Iterator[Right]:
    partition = caller.arn.split(":")[1]
    name = uses.place.bucket
    bucket = name if name.startswith("arn:") else f"arn:{partition}:s3:::{name}"
    within = f"{bucket}/object" if bucket is name else bucket  # of an access point
    objects = f"{within}/{'' if uses.place.own else uses.place.key_prefix}*"
    yield Right("s3:ListBucket", bucket)
    if not uses.bucket_is_there:
        yield Right("s3:CreateBucket", bucket, vital=True)
        yield Right("s3:PutBucketPublicAccessBlock", bucket)
    if uses.place.own and not uses.keeps:
        if not uses.bucket_is_there:
            yield Right("s3:DeleteBucket", bucket)
        yield Right("s3:DeleteObject", objects)
    if uses.uploads:
        yield Right("s3:PutObject", objects, vital=True)
        yield Right("s3:AbortMultipartUpload", objects)
    if uses.uploads or uses.results:
        yield Right("s3:GetObject", objects, vital=uses.results)


# -- what IAM says


@dataclass(frozen=True)
class Answer:
    """What is known of the rights. `why_unknown`: why IAM did not tell."""

    verdicts: Mapping[Right, Verdict]
    why_unknown: str = ""

    def those(self, verdict: Verdict) -> list[Right]:
        """The rights of which that is known."""
        return [right for right, known in self.verdicts.items() if known is verdict]


def caller_of(cloud: Cloud) -> Caller:
    """Whose the credentials are. Raises ToolError."""
    arn = str(cloud.attempt("sts", "GetCallerIdentity")["Arn"])
    if arn.count(":") < 5:
        raise AwsError("GetCallerIdentity", "NoAnswer", f"AWS STS answered with something that is no ARN: {arn[:60]!r}")
    return Caller(arn, cloud.region)


def ask(cloud: Cloud, caller: Caller, rights: Iterable[Right], uses: Uses) -> Answer:
    """Ask IAM's policy simulator, where it may be asked; else look at what harmless calls may do."""
    rights = list(dict.fromkeys(rights))
    if caller.is_root:
        return Answer(dict.fromkeys(rights, Verdict.ALLOWED))
    try:
        return Answer(_simulated(cloud, _principal(cloud, caller), rights))
    except ToolError as error:
        return Answer(_tried(cloud, rights, uses), str(error))


def _principal(cloud: Cloud, caller: Caller) -> str:
    """The user or role whose policies count. The name of an assumed role tells not its path."""
    if caller.role is None:
        return caller.arn
    try:
        return str(cloud.attempt("iam", "GetRole", RoleName=caller.role)["Role"]["Arn"])
    except ToolError:
        return re.sub(r":sts::(\d+):.*", rf":iam::\1:role/{caller.role}", caller.arn)


def _simulated(cloud: Cloud, principal: str, rights: list[Right]) -> dict[Right, Verdict]:
    found: dict[Right, Verdict] = {}
    for resource in dict.fromkeys(right.resource for right in rights):
        by_action = {right.action: right for right in rights if right.resource == resource}
        answer = cloud.attempt(
            "iam",
            "SimulatePrincipalPolicy",
            PolicySourceArn=principal,
            ActionNames=list(by_action),
            ResourceArns=[resource],
        )
        for result in answer["EvaluationResults"]:
            if result["EvalActionName"] in by_action:
                found[by_action[result["EvalActionName"]]] = verdict(result)
    return {right: found.get(right, Verdict.UNKNOWN) for right in rights}


def verdict(result: Mapping[str, Any]) -> Verdict:
    """What an evaluation by the simulator means for a request in real life."""
    specific: Mapping[str, Any] = next(iter(result.get("ResourceSpecificResults", ())), {})
    decision = specific.get("EvalResourceDecision", result["EvalDecision"])
    if decision == "allowed":
        return Verdict.ALLOWED
    open_questions = specific.get("MissingContextValues") or result.get("MissingContextValues")
    # A bucket's own policy, which is not looked at, may allow what no policy of the caller does.
    by_bucket = decision == "implicitDeny" and str(result["EvalActionName"]).startswith("s3:")
    return Verdict.UNKNOWN if open_questions or by_bucket else Verdict.DENIED


def _tried(cloud: Cloud, rights: list[Right], uses: Uses) -> dict[Right, Verdict]:
    """What calls that only read show."""
    calls: dict[str, tuple[str, str, dict[str, Any]]] = {
        "batch:DescribeJobs": ("batch", "DescribeJobs", {"jobs": ["00000000-0000-0000-0000-000000000000"]}),
        "logs:FilterLogEvents": ("logs", "FilterLogEvents", {"logGroupName": "/aws/batch/job", "limit": 1}),
        "logs:GetLogEvents": ("logs", "GetLogEvents", {"logGroupName": "/aws/batch/job", "logStreamName": "x"}),
    }
    if uses.queues:
        calls["batch:ListJobs"] = ("batch", "ListJobs", {"jobQueue": uses.queues[0], "jobStatus": "RUNNING"})
    if uses.bucket_is_there:
        below = {"Bucket": uses.place.bucket, "Prefix": uses.place.key_prefix, "MaxKeys": 1}
        calls["s3:ListBucket"] = ("s3", "ListObjectsV2", below)
    found = {action: _try(cloud, *call) for action, call in calls.items()}
    return {right: found.get(right.action, Verdict.UNKNOWN) for right in rights}


def _try(cloud: Cloud, service: str, operation: str, params: Mapping[str, Any]) -> Verdict:
    try:
        cloud.attempt(service, operation, **params)
    except AwsError as error:
        if error.is_denial:
            return Verdict.DENIED
        return Verdict.ALLOWED if "NotFound" in error.code else Verdict.UNKNOWN
    except ToolError:
        return Verdict.UNKNOWN
    return Verdict.ALLOWED
