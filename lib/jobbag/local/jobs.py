"""A job of the embedded Batch: its state, and the forms in which DescribeJobs and ListJobs show it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .process import Leash

SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED = STATES = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
)


MAX_OVERRIDES = 8192
STAND_IN = "local"
"""The image in a job definition that stands in for one of the real AWS: nobody here knows what that asks for."""


def now_ms() -> int:
    """The time in milliseconds, as Batch and CloudWatch Logs tell it."""
    return time.time_ns() // 1_000_000


@dataclass(eq=False)
class Job:
    """One job, or an array of jobs, or one child of an array. Its lock is the pool's."""

    job_id: str
    arn: str
    region: str
    queue: dict[str, Any]
    definition: dict[str, Any]
    request: dict[str, Any]
    command: list[str]
    parent: Job | None = None
    index: int | None = None
    may_start: Callable[[], bool] = lambda: True
    """Whether there is a compute environment that takes it."""
    children: list[Job] = field(default_factory=list)
    status: str = SUBMITTED
    status_reason: str | None = None
    created_at: int = field(default_factory=now_ms)
    started_at: int | None = None
    stopped_at: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    """The container of the latest attempt: taskArn, logStreamName, exitCode, reason."""
    is_cancelled: bool = False
    termination: str | None = None
    """Why it was terminated, if it was."""
    leash: Leash = field(default_factory=Leash)
    waits_for: set[str] = field(default_factory=set)
    dependents: list[Job] = field(default_factory=list)
    summary: Counter[str] = field(default_factory=Counter)
    """Of an array: how many of its children are in each state."""

    @property
    def ended(self) -> bool:
        return self.status in (SUCCEEDED, FAILED)

    @property
    def name(self) -> str:
        return str(self.request["jobName"])

    @property
    def container(self) -> dict[str, Any]:
        return dict(self.definition["containerProperties"])

    @property
    def overrides(self) -> dict[str, Any]:
        return dict(self.request.get("containerOverrides") or {})

    @property
    def environment(self) -> dict[str, str]:
        """The definition's variables and the request's, which win."""
        both = self.container.get("environment", []) + self.overrides.get("environment", [])
        return {variable["name"]: variable.get("value", "") for variable in both}

    @property
    def retry_strategy(self) -> dict[str, Any]:
        return dict(self.request.get("retryStrategy") or self.definition.get("retryStrategy") or {"attempts": 1})

    @property
    def memory(self) -> float | None:
        """How much it asks for, in MiB; None: it has a stand-in for its definition, and does not say so itself."""
        asking = [self.overrides] + ([self.container] if self.container["image"] != STAND_IN else [])
        needs = [need for one in asking for need in one.get("resourceRequirements") or ()]
        amounts = [need["value"] for need in needs if need["type"] == "MEMORY"]
        amounts += [one["memory"] for one in asking if one.get("memory")]  # deprecated, and never wins
        return float(amounts[0]) if amounts else None

    @property
    def timeout(self) -> int | None:
        chosen = self.request.get("timeout") or self.definition.get("timeout") or {}
        return chosen.get("attemptDurationSeconds")

    @property
    def overrides_are_too_long(self) -> bool:
        """Batch accepts such a job, then ECS does not."""
        sent = {key: self.overrides[key] for key in ("command", "environment") if key in self.overrides}
        return len(json.dumps(sent, ensure_ascii=False, separators=(",", ":"))) > MAX_OVERRIDES

    def enter(self, status: str) -> None:
        """Go over to that state, which an array counts; it is PENDING until its children have ended."""
        if self.parent:
            self.parent.status = PENDING
            self.parent.summary.subtract([self.status])
            self.parent.summary.update([status])
        self.status = status

    def end(self, status: str, reason: str) -> None:
        """End in that state, for that reason."""
        self.enter(status)
        self.status_reason = reason
        self.stopped_at = now_ms()

    def short(self) -> dict[str, Any]:
        """As ListJobs shows it."""
        outcome = {key: self.last[key] for key in ("exitCode", "reason") if key in self.last}
        return _present(
            jobArn=self.arn,
            jobId=self.job_id,
            jobName=self.name,
            createdAt=self.created_at,
            status=self.status,
            statusReason=self.status_reason,
            startedAt=self.started_at,
            stoppedAt=self.stopped_at,
            container=outcome or None,
            arrayProperties=self._array(),
            jobDefinition=self.definition["jobDefinitionArn"],
            isCancelled=self.is_cancelled or None,
            isTerminated=self.termination is not None or None,
        )

    def detail(self) -> dict[str, Any]:
        """As DescribeJobs shows it."""
        return self.short() | _present(
            jobQueue=self.queue["jobQueueArn"],
            attempts=self.attempts,
            retryStrategy=self.retry_strategy,
            timeout=self.request.get("timeout") or self.definition.get("timeout"),
            dependsOn=self.request.get("dependsOn") or [],
            parameters={**self.definition.get("parameters", {}), **self.request.get("parameters", {})},
            propagateTags=self.request.get("propagateTags"),
            platformCapabilities=self.definition.get("platformCapabilities"),
            tags=self.request.get("tags") or {},
            container=self._container(),
            isCancelled=self.is_cancelled,
            isTerminated=self.termination is not None,
        )

    def _container(self) -> dict[str, Any]:
        overrides = {key: value for key, value in self.overrides.items() if key in ("vcpus", "memory")}
        needs = self.container.get("resourceRequirements", []) + self.overrides.get("resourceRequirements", [])
        return {
            **self.container,
            **overrides,
            "command": self.command,
            "environment": [{"name": name, "value": value} for name, value in self.environment.items()],
            "resourceRequirements": list({need["type"]: need for need in needs}.values()),
            **self.last,
        }

    def _array(self) -> dict[str, Any] | None:
        if self.children:
            return {
                "size": len(self.children),
                "statusSummary": {state: self.summary[state] for state in STATES},
            }
        return None if self.index is None else {"index": self.index}


def _present(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
