"""How a job ended, as its log says: for one that AWS Batch does not know any more."""

from __future__ import annotations

from dataclasses import replace

from jobbag.aws.client import Cloud
from jobbag.errors import AwsError
from jobbag.events.observation import Observation
from jobbag.logs.splitter import exit_status_in
from jobbag.logs.streams import last_event


def ending_in_log(cloud: Cloud, seen: Observation, token: str) -> Observation | None:
    """What is observed of a job that has ended, from the end mark in its log; None if there is none.

    `seen` is what was observed last, `token` that of the job's end mark. A log that cannot be read has none.
    """
    if seen.log.stream is None or seen.log.driver != "awslogs":
        return None
    try:
        event = last_event(cloud, seen.log)
    except AwsError:
        return None
    status = exit_status_in(event["message"], token) if event else None
    if event is None or status is None:
        return None
    return replace(
        seen,
        status="FAILED" if status else "SUCCEEDED",
        status_reason="AWS Batch has forgotten the job; this is how its log ends",
        container_reason=None,
        exit_code=status,
        stopped=event["timestamp"],
    )
