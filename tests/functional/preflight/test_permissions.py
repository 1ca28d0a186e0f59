"""Asking whether the credentials may do what a run needs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.preflight import permissions
from jobbag.preflight.permissions import Caller, Right, Uses, Verdict
from jobbag.s3.place import S3Place

from ..fault_layer import Answer, Faults, Forward, Request

SUBMIT = Right("batch:SubmitJob", "arn:aws:batch:us-west-2:123456789012:job-queue/q", vital=True)
DESCRIBE = Right("batch:DescribeJobs", vital=True)
LIST = Right("batch:ListJobs")
LOGS = Right("logs:FilterLogEvents", "arn:aws:logs:us-west-2:123456789012:log-group:/aws/batch/job:*")
RIGHTS = [SUBMIT, DESCRIBE, LIST, LOGS]
USES = Uses(("q",), ("d",), S3Place("none", "", own=True), False, False, (), False, False, False)
ASSUMED = Caller("arn:aws:sts::123456789012:assumed-role/admin/session", "us-west-2")


class Simulator:
    """IAM's policy simulator, which allows some actions only."""

    def __init__(self, faults: Faults, allowed: Iterable[str]) -> None:
        self.asked: list[dict[str, str]] = []
        self._allowed = set(allowed)
        faults.on("SimulatePrincipalPolicy", self)

    def __call__(self, request: Request, _: Forward) -> Answer:
        self.asked.append(request.body)
        actions = [value for name, value in request.body.items() if name.startswith("ActionNames.")]
        results = "".join(
            f"<member><EvalActionName>{action}</EvalActionName>"
            f"<EvalDecision>{'allowed' if action in self._allowed else 'implicitDeny'}</EvalDecision></member>"
            for action in actions
        )
        inside = f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        tags = "SimulatePrincipalPolicyResponse", "</SimulatePrincipalPolicyResult>"
        return Answer.of_xml(f"<{tags[0]}>{inside}{tags[1]}</{tags[0]}>")


def test_the_simulator_is_asked_of_each_resource(cloud: Cloud, faults: Faults) -> None:
    simulator = Simulator(faults, ["batch:DescribeJobs", "batch:ListJobs", "logs:FilterLogEvents"])
    alice = Caller("arn:aws:iam::123456789012:user/alice", "us-west-2")
    answer = permissions.ask(cloud, alice, RIGHTS, USES)
    assert answer.those(Verdict.DENIED) == [SUBMIT]
    assert answer.those(Verdict.ALLOWED) == [DESCRIBE, LIST, LOGS]
    assert {one["PolicySourceArn"] for one in simulator.asked} == {alice.arn}
    assert sorted(one["ResourceArns.member.1"] for one in simulator.asked) == sorted({one.resource for one in RIGHTS})
    assert "batch" not in {request.service for request in faults.requests}


@pytest.mark.parametrize("path", ["", "some/path/"])
def test_the_policies_of_an_assumed_role_are_those_of_the_role(cloud: Cloud, faults: Faults, path: str) -> None:
    simulator = Simulator(faults, [])
    arn = f"arn:aws:iam::123456789012:role/{path}admin"
    if path:
        role = f"<Path>/{path}</Path><RoleName>admin</RoleName><Arn>{arn}</Arn>"
        text = f"<GetRoleResponse><GetRoleResult><Role>{role}</Role></GetRoleResult></GetRoleResponse>"
        faults.on("GetRole", lambda *_: Answer.of_xml(text))
    else:
        faults.fail("GetRole", 403, "AccessDenied")
    permissions.ask(cloud, ASSUMED, RIGHTS, USES)
    assert {one["PolicySourceArn"] for one in simulator.asked} == {arn}


def test_the_root_of_an_account_may_do_all(cloud: Cloud, faults: Faults) -> None:
    root = Caller("arn:aws:iam::123456789012:root", "us-west-2")
    assert permissions.ask(cloud, root, RIGHTS, USES).those(Verdict.ALLOWED) == RIGHTS
    assert faults.requests == []


def test_without_the_simulator_calls_that_read_show_what_they_can(ready: Cloud, faults: Faults) -> None:
    faults.fail("SimulatePrincipalPolicy", 403, "AccessDenied", "not for you")
    faults.fail("ListJobs", 403, "AccessDeniedException")
    answer = permissions.ask(ready, ASSUMED, RIGHTS, USES)
    assert answer.those(Verdict.ALLOWED) == [DESCRIBE, LOGS], "a log group that is not there may be read"
    assert answer.those(Verdict.DENIED) == [LIST]
    assert answer.those(Verdict.UNKNOWN) == [SUBMIT]
    assert answer.why_unknown == "SimulatePrincipalPolicy failed: not for you (AccessDenied)"
    assert faults.count("SimulatePrincipalPolicy") == 1


def test_whose_the_credentials_are(cloud: Cloud) -> None:
    caller = permissions.caller_of(cloud)
    assert caller.arn.startswith("arn:aws:")
    assert caller.region == cloud.region


def test_an_answer_about_something_else_tells_nothing(cloud: Cloud, faults: Faults) -> None:
    other = "<member><EvalActionName>s3:Other</EvalActionName><EvalDecision>allowed</EvalDecision></member>"
    inside = f"<SimulatePrincipalPolicyResult><EvaluationResults>{other}</EvaluationResults>"
    text = f"<Response>{inside}</SimulatePrincipalPolicyResult></Response>"
    faults.on("SimulatePrincipalPolicy", lambda *_: Answer.of_xml(text))
    alice = Caller("arn:aws:iam::123456789012:user/alice", "us-west-2")
    assert permissions.ask(cloud, alice, RIGHTS, USES).those(Verdict.UNKNOWN) == RIGHTS
    who = "<GetCallerIdentityResult><Account>1</Account><Arn>alice</Arn></GetCallerIdentityResult>"
    faults.on("GetCallerIdentity", lambda *_: Answer.of_xml(f"<Response>{who}</Response>"))
    with pytest.raises(AwsError, match="no ARN: 'alice'"):
        permissions.caller_of(cloud)
