"""A JobDetail of DescribeJobs → an observation."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from jobbag.entities.capacity import needs_of
from jobbag.events.observation import ENDED, Attempt, LogPlace, Observation, joined

_DEFAULT_LOG = LogPlace(None)


def observe(detail: Mapping[str, Any]) -> Observation:
    """What a JobDetail of DescribeJobs says, for jobs of one container and of ECS tasks with several."""
    container = _container(detail)
    needs = needs_of(detail)
    return Observation(
        status=sys.intern(str(detail["status"])),
        status_reason=_shared(detail.get("statusReason")),
        exit_code=container.get("exitCode"),
        container_reason=_shared(container.get("reason")),
        log=_log_place(container),
        created=detail.get("createdAt"),
        started=detail.get("startedAt") or None,  # 0 before the start, on some services
        stopped=detail.get("stoppedAt") or None,
        attempts=_attempts(detail, container.get("logStreamName")),
        vcpus=needs.vcpus,
        memory=needs.memory,
    )


def _attempts(detail: Mapping[str, Any], last: str | None) -> tuple[Attempt, ...]:
    """The attempts that are over. `last` is the log stream of the last one."""
    found = detail.get("attempts") or ()
    if not found and detail["status"] in ENDED and detail.get("startedAt"):
        found = [detail]  # some services list no attempts
    return tuple(_attempt(one, _container(one), last) for one in found)


def _attempt(detail: Mapping[str, Any], container: Mapping[str, Any], last: str | None) -> Attempt:
    stream = container.get("logStreamName")
    return Attempt(
        last if stream == last else stream,  # one copy of the text
        detail.get("startedAt") or None,
        detail.get("stoppedAt") or None,
        container.get("exitCode"),
        _shared(joined(detail.get("statusReason"), container.get("reason"))),
    )


def _shared(text: str | None) -> str | None:
    """The text, but one copy of it for thousands of jobs."""
    return None if text is None else sys.intern(text)


def _containers(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a job, or of an attempt: one, or those of an ECS task."""
    if detail.get("container"):
        return [detail["container"]]
    tasks = detail.get("ecsProperties", detail).get("taskProperties", ())
    return [one for task in tasks for one in task.get("containers", ())]


def _container(detail: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that decides how the job, or the attempt, ended: the first that failed, else the first."""
    containers = _containers(detail)
    failed = (one for one in containers if one.get("exitCode"))
    return next(failed, containers[0] if containers else {})


def _log_place(container: Mapping[str, Any]) -> LogPlace:
    stream = container.get("logStreamName")
    configuration = container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    driver = configuration.get("logDriver", _DEFAULT_LOG.driver)
    if stream is None and driver == _DEFAULT_LOG.driver:
        return _DEFAULT_LOG
    group = sys.intern(options.get("awslogs-group", _DEFAULT_LOG.group))
    return LogPlace(stream, group, _shared(options.get("awslogs-region")), sys.intern(driver))
