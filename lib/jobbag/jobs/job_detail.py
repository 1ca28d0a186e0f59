"""A JobDetail of DescribeJobs → an observation."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from jobbag.entities.capacity import needs_of
from jobbag.entities.containers import Form, containers_of, form_of
from jobbag.events.observation import ENDED, ON_EKS, Attempt, LogPlace, Observation, joined

Detail = Mapping[str, Any]
Number = TypeVar("Number", int, float, None)

STOPPED = (137, 143)  # exit codes of a container that may have been stopped with another one
_PLAIN = ("Completed", "Error")  # how Kubernetes says that a container ended by itself
_DEFAULT_LOG = LogPlace(None)


def observe(detail: Detail, nodes: Sequence[Detail] = ()) -> Observation:
    """What a JobDetail of DescribeJobs says, for a job of whatever form.

    `nodes`: the same of the nodes of a multi-node job, as far as it is known; the main node decides about the job.
    """
    parts = _parts(detail, nodes)
    first = parts[0].container if parts else {}
    needs = needs_of(detail)
    return Observation(
        status=sys.intern(str(detail["status"])),
        status_reason=_shared(detail.get("statusReason")),
        exit_code=first.get("exitCode"),
        container_reason=_shared(_reason(first)),
        log=_log_place(parts[0]) if parts else _DEFAULT_LOG,
        created=_once(detail.get("createdAt")),
        started=detail.get("startedAt") or None,  # 0 before the start, on some services
        stopped=detail.get("stoppedAt") or None,
        attempts=_attempts(detail, parts),
        vcpus=_once(needs.vcpus),
        memory=needs.memory,
        fargate=True if "FARGATE" in (detail.get("platformCapabilities") or ()) else None,
        more_logs=tuple(map(_log_place, parts[1:])),
    )


@dataclass(frozen=True)
class _Part:
    """A container of a job, and what it is called; None: the job has no other."""

    container: Detail
    source: str | None
    form: Form  # of the job or node that it is in
    attempts: Sequence[Detail] = ()  # of the job or node


def _parts(detail: Detail, nodes: Sequence[Detail]) -> list[_Part]:
    """The containers of a job, the one that decides how it ends first."""
    if form_of(detail) is not Form.NODES:
        return _parts_of(detail, None)
    places = [(node.get("nodeDetails") or {}) for node in nodes]
    ordered = sorted(zip(places, nodes, strict=True), key=lambda one: (not one[0].get("isMainNode"), _index(one[0])))
    many = len(nodes) > 1 or detail[Form.NODES.value].get("numNodes", 1) > 1
    found = [
        part
        for place, node in ordered
        for part in _parts_of(node, f"node {_index(place)}" if many else None, str(detail["status"]))
    ]
    if ordered and ordered[0][0].get("isMainNode"):
        return found
    last = next(reversed(_finished(detail)), {})  # which is that of the main node
    return [_Part(one, None, Form.CONTAINER) for one in _containers_of_attempt(last, detail)][:1] + found


def _index(place: Detail) -> int:
    return int(place.get("nodeIndex") or 0)


def _parts_of(detail: Detail, node: str | None, status: str | None = None) -> list[_Part]:
    """The same of a job that is not multi-node, or of a node."""
    form, attempts = form_of(detail), _finished(detail)
    containers = _by_decision(containers_of(detail), _unessential(detail), str(status or detail["status"]))
    if form is Form.EKS:
        containers = containers[:1]  # there is nothing to read of the others
    names = [f"container {one['name']}" if len(containers) > 1 and one.get("name") else None for one in containers]
    sources = [", ".join(filter(None, (node, name))) or None for name in names]
    return [_Part(one, _shared(what), form, attempts) for one, what in zip(containers, sources, strict=True)]


def _unessential(detail: Detail) -> frozenset[str]:
    """The names of containers whose end is not that of the job."""
    return frozenset(str(one.get("name")) for one in containers_of(detail) if not one.get("essential", True))


def _by_decision(containers: Iterable[Detail], unessential: frozenset[str], status: str) -> list[Detail]:
    """The containers, first the one that decides how the job, or the attempt, ended."""

    def rank(container: Detail) -> int:
        if container.get("name") in unessential:
            return 4
        code = container.get("exitCode")
        if not code:
            return 0 if code == 0 and status == "SUCCEEDED" else 2 if code is None and container.get("reason") else 3
        return 3 if status == "SUCCEEDED" else 1 if code in STOPPED and not _reason(container) else 0

    return sorted(containers, key=rank)


# -- attempts


def _finished(detail: Detail) -> Sequence[Detail]:
    """The attempts that are over."""
    found: Sequence[Detail] = detail.get("attempts") or detail.get("eksAttempts") or ()
    if not found and detail["status"] in ENDED and detail.get("startedAt") and form_of(detail) is not Form.NODES:
        return [detail]  # some services list no attempts
    return found


def _containers_of_attempt(attempt: Detail, detail: Detail) -> list[Detail]:
    """The containers of an attempt of a job, the deciding one first."""
    is_last = attempt is next(reversed(_finished(detail)), None)
    return _by_decision(_containers_in(attempt), _unessential(detail), str(detail["status"]) if is_last else "FAILED")


def _containers_in(attempt: Detail) -> Sequence[Detail]:
    """Those of an attempt, in whatever form."""
    if attempt.get("containers"):
        return list(attempt["containers"])
    tasks = attempt.get("taskProperties")
    return containers_of({**attempt, Form.ECS.value: {"taskProperties": tasks}} if tasks else attempt)


def _attempts(detail: Detail, parts: Sequence[_Part]) -> tuple[Attempt, ...]:
    attempts = _finished(detail)
    return tuple(_attempt(one, len(attempts) - index, detail, parts) for index, one in enumerate(attempts))


def _attempt(attempt: Detail, from_end: int, detail: Detail, parts: Sequence[_Part]) -> Attempt:
    """`from_end`: it is the so-manyth from the last one, which is the first."""
    first: Detail = next(iter(_containers_of_attempt(attempt, detail)), {})
    stream, *more = [_stream(part, from_end) for part in parts] or [first.get("logStreamName")]
    return Attempt(
        stream,
        _same(attempt.get("startedAt"), detail.get("startedAt")),
        _same(attempt.get("stoppedAt"), detail.get("stoppedAt")),
        first.get("exitCode"),
        _shared(joined(attempt.get("statusReason"), _reason(first))),
        tuple(more),
    )


def _same(time: int | None, of_job: int | None) -> int | None:
    """The time (ms), None for 0; where it is that of the job, too, one copy for both: 100,000 jobs have many."""
    return of_job or None if time == of_job else time or None


def _stream(part: _Part, from_end: int) -> str | None:
    """The log stream of a container of an attempt, the so-manyth from the last one; of what is still known, one copy
    of the text."""
    if from_end > len(part.attempts):
        return None  # a node that was not started so often
    attempt = part.attempts[-from_end]
    known: str | None = part.container.get("logStreamName")
    name = part.container.get("name")
    mine = [one for one in _containers_in(attempt) if "container" in attempt or one.get("name") == name]
    stream: str | None = mine[0].get("logStreamName") if mine else None
    return known if stream == known else stream


# -- parts


def _reason(container: Detail) -> str | None:
    """Why a container ended, unless that says nothing."""
    reason: str | None = container.get("reason")
    return None if reason in _PLAIN else reason


@lru_cache(maxsize=1024, typed=True)
def _once(number: Number) -> Number:
    """The same object for equal numbers: thousands of jobs have them."""
    return number


def _shared(text: str | None) -> str | None:
    """The text, but one copy of it for thousands of jobs."""
    return None if text is None else sys.intern(text)


def _log_place(part: _Part) -> LogPlace:
    if part.form is Form.EKS:
        return LogPlace(driver=ON_EKS, source=part.source)
    stream = part.container.get("logStreamName")
    configuration = part.container.get("logConfiguration") or {}
    options = configuration.get("options") or {}
    driver = configuration.get("logDriver", _DEFAULT_LOG.driver)
    if stream is None and driver == _DEFAULT_LOG.driver and part.source is None:
        return _DEFAULT_LOG
    group = sys.intern(options.get("awslogs-group", _DEFAULT_LOG.group))
    return LogPlace(stream, group, _shared(options.get("awslogs-region")), sys.intern(driver), part.source)
