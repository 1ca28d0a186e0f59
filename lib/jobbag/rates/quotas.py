"""The calls a second that AWS allows an account in a region (AWS Batch service quotas; CloudWatch Logs quotas)."""

from __future__ import annotations

_QUOTAS = {
    "SubmitJob": 50.0, "DescribeJobs": 50.0, "TerminateJob": 50.0, "TerminateJobs": 10.0, "ListJobs": 50.0,
    "DeleteLogStream": 15.0,
}  # fmt: skip
_GET_LOG_EVENTS = dict.fromkeys(
    (
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "ca-west-1",
        "ap-northeast-3",
        "ap-southeast-3",
        "il-central-1",
    ),
    10.0,
) | {"eu-west-3": 30.0}
_FILTER_LOG_EVENTS = {"us-east-1": 25.0} | dict.fromkeys(
    ("eu-central-1", "ca-west-1", "ap-northeast-3", "ap-southeast-3", "il-central-1"), 5.0
)


def quota(operation: str, region: str) -> float | None:
    """The calls a second that AWS allows for an API in a region; None where no figure is published."""
    if operation == "GetLogEvents":
        return _GET_LOG_EVENTS.get(region, 25.0)
    if operation == "FilterLogEvents":
        return _FILTER_LOG_EVENTS.get(region, 10.0)
    return _QUOTAS.get(operation)
