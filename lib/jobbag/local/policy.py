"""What Batch refuses in entities and in jobs, its one error for that, and when a job is tried again."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
RULE_FIELDS = ("onExitCode", "onReason", "onStatusReason")
MAX_DEFINITION = 24 * 1024
MAX_REQUEST = 30 * 1024
UNSUPPORTED = ("nodeOverrides", "eksPropertiesOverride", "ecsPropertiesOverride")


class ClientException(Exception):
    """What AWS Batch answers, with status 400, to a request that it refuses."""


def refuse(message: str) -> NoReturn:
    """Refuse the request."""
    raise ClientException(message)


def required(body: dict[str, Any], *fields: str) -> None:
    """Refuse a request that lacks one of the fields, or has an empty one."""
    for field in fields:
        if body.get(field) in (None, "", [], {}):
            refuse(f"{field} must be provided")


def one_of(field: str, value: Any, *allowed: str) -> None:
    """Refuse a value that is none of those allowed."""
    if value not in allowed:
        refuse(f"{field} must be one of {', '.join(allowed)}, not {value!r}")


def legal_name(field: str, name: str) -> None:
    """Refuse a name of an entity that is too long or has characters that names cannot have."""
    if not NAME.fullmatch(name):
        refuse(f"{field} {name!r} must be 1 to 128 letters, digits, '-' and '_', the first a letter or digit")


def check_compute_environment(body: dict[str, Any]) -> None:
    """Refuse a compute environment that Batch refuses."""
    one_of("type", body["type"], "MANAGED", "UNMANAGED")
    one_of("state", body.get("state", "ENABLED"), "ENABLED", "DISABLED")
    if body["type"] == "UNMANAGED":
        required(body, "serviceRole")
        return
    required(body, "computeResources")
    resources = body["computeResources"]
    required(resources, "type", "subnets")
    one_of("computeResources.type", resources["type"], "EC2", "SPOT", "FARGATE", "FARGATE_SPOT")
    if "maxvCpus" not in resources:
        refuse("computeResources.maxvCpus must be provided")
    if resources["type"] in ("EC2", "SPOT") and not resources.get("instanceRole"):
        refuse("Instance role is required.")


def check_definition(body: dict[str, Any]) -> None:
    """Refuse a job definition that Batch refuses, or whose jobs cannot run here."""
    one_of("type", body["type"], "container", "multinode")
    container = body.get("containerProperties")
    if not container:
        refuse("the embedded AWS runs job definitions of type container with containerProperties only")
    if len(json.dumps(body)) > MAX_DEFINITION:
        refuse("Job definition size must be less than 24 KiB")
    required(container, "image")
    needs = {need["type"]: need["value"] for need in container.get("resourceRequirements", [])}
    for kind, old in (("VCPU", "vcpus"), ("MEMORY", "memory")):
        if _number(kind, needs.get(kind, container.get(old, 0))) <= 0:
            refuse(f"containerProperties must have {kind} in resourceRequirements")
    check_environment(container.get("environment", []))
    check_retry(body.get("retryStrategy", {}))
    check_timeout(body.get("timeout", {}))


def _number(kind: str, amount: Any) -> float:
    try:
        return float(amount)
    except ValueError:
        raise ClientException(f"{kind} must be a number") from None


def check_request(body: dict[str, Any], size: int) -> None:
    """Refuse a request for a job, of so many bytes, that can be seen to be wrong by itself."""
    required(body, "jobName", "jobQueue", "jobDefinition")
    if size > MAX_REQUEST:
        refuse(f"Job size must be less than 30 KiB, got {-(-size // 1024)} KiB")
    if not NAME.fullmatch(body["jobName"]):
        refuse("Job name should match valid pattern")
    for field in UNSUPPORTED:
        if field in body:
            refuse(f"the embedded AWS does not support {field}")
    overrides = body.get("containerOverrides") or {}
    if "" in overrides.get("command", []):
        refuse("Container overrides command must not contain empty strings")
    check_environment(overrides.get("environment", []))
    for need in overrides.get("resourceRequirements", []):
        _number(need["type"], need["value"])
    check_retry(body.get("retryStrategy") or {})
    check_timeout(body.get("timeout") or {})
    size_of_array = (body.get("arrayProperties") or {}).get("size")
    if size_of_array is not None and not 2 <= size_of_array <= 10_000:
        refuse("arrayProperties.size must be between 2 and 10000")
    if len(body.get("dependsOn") or []) > 20:
        refuse("a job may depend on 20 jobs at most")
    if len(body.get("tags") or {}) > 50:
        refuse("a job may have 50 tags at most")


def check_environment(variables: list[dict[str, str]]) -> None:
    """Refuse environment variables that Batch does not take."""
    for variable in variables:
        if not variable.get("name"):
            refuse("environment variables must have a name")
        if variable["name"].startswith("AWS_BATCH"):
            refuse(f"environment variable {variable['name']}: names that start with AWS_BATCH are reserved")


def check_timeout(timeout: dict[str, Any]) -> None:
    """Refuse a timeout below a second: AWS demands 60, but here people try things out."""
    if timeout and timeout.get("attemptDurationSeconds", 0) < 1:
        refuse("timeout.attemptDurationSeconds must be at least 1 second")


def check_retry(strategy: dict[str, Any]) -> None:
    """Refuse a retry strategy that Batch refuses."""
    if not strategy:
        return
    if "attempts" not in strategy:
        refuse("RetryAttempts must be provided with retry strategy")
    if not 1 <= strategy["attempts"] <= 10:
        refuse("retryStrategy.attempts must be between 1 and 10")
    rules = strategy.get("evaluateOnExit", [])
    if len(rules) > 5:
        refuse("retryStrategy.evaluateOnExit may have at most 5 rules")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: dict[str, str]) -> None:
    one_of("evaluateOnExit.action", rule.get("action", "").upper(), "RETRY", "EXIT")
    patterns = [rule[field] for field in RULE_FIELDS if field in rule]
    if not patterns:
        refuse(f"a rule of evaluateOnExit needs one of {', '.join(RULE_FIELDS)}")
    if any(not pattern or len(pattern) > 512 or "*" in pattern[:-1] for pattern in patterns):
        refuse("patterns of evaluateOnExit have 1 to 512 characters, and '*' only at the end")


def is_retried(strategy: dict[str, Any], attempts: int, exit_code: int | None, reason: str, status_reason: str) -> bool:
    """Whether the job is tried again: the first rule that matches decides; if none does, it is."""
    if attempts >= strategy.get("attempts", 1):
        return False
    seen = {
        "onExitCode": "" if exit_code is None else str(exit_code),
        "onReason": reason,
        "onStatusReason": status_reason,
    }
    for rule in strategy.get("evaluateOnExit", []):
        if all(_matches(rule[field], seen[field]) for field in RULE_FIELDS if field in rule):
            return bool(rule["action"].upper() == "RETRY")
    return True


def _matches(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
