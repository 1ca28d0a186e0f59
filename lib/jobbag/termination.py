"""TerminateJobs, fifty jobs a call, within the time that there is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice

from jobbag.aws import Cloud
from jobbag.errors import AwsError, Cancelled

log = logging.getLogger(__name__)

JOBS_PER_CALL = 50


def terminate(cloud: Cloud, jobs: Mapping[str, str], reason: str) -> None:
    """Ask AWS to stop jobs, given as AWS id → name. Logs those that were not reached."""
    left = dict(jobs)
    with suppress(Cancelled):
        _terminate(cloud, left, reason)
    for aws_id, name in left.items():
        log.error("job %s (%s) could not be terminated; it may still be running", name, aws_id)


def _terminate(cloud: Cloud, left: dict[str, str], reason: str) -> None:
    """Remove from `left` what is terminated."""
    ids = iter(list(left))
    while batch := list(islice(ids, JOBS_PER_CALL)):
        try:
            answer = cloud.call("batch", "TerminateJobs", jobs=batch, reason=reason)
        except AwsError as error:
            if error.code in ("AccessDeniedException", "AccessDenied"):
                log.error("%s", error)
                return
            # AWS look-alikes and older endpoints know the single call only.
            log.debug("%s; terminating one by one", error)
            _one_by_one(cloud, batch, left, reason)
            continue
        refused = {one["job"]: one["message"] for one in answer.get("errors", ())}
        for aws_id, message in refused.items():
            log.error("job %s (%s): %s", left.get(aws_id), aws_id, message)
        for aws_id in set(batch) - refused.keys():
            left.pop(aws_id)


def _one_by_one(cloud: Cloud, ids: Iterable[str], left: dict[str, str], reason: str) -> None:
    for aws_id in ids:
        try:
            cloud.call("batch", "TerminateJob", jobId=aws_id, reason=reason)
        except AwsError as error:
            log.error("%s", error.about(f"job {left[aws_id]} ({aws_id})"))
        else:
            left.pop(aws_id)
