"""What a job says of when it is to be sent again, with more memory or to another queue; and what is wrong with that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobbag.hints import did_you_mean

MEMORY_FIELD, QUEUE_FIELD = "onOutOfMemory", "onSpotLoss"
MOST_FACTOR, MOST_TIMES, MOST_MEMORY = 100, 20, 10**8  # the last one in MiB
LEAST_MEMORY = 4  # MiB, of any job


@dataclass(frozen=True, slots=True)
class MoreMemory:
    """After an end for want of memory, `factor` times as much, `times` times at most, up to `limit` (MiB)."""

    factor: float = 2
    times: int = 3
    limit: int = 61_440

    def entry(self) -> dict[str, Any]:
        """It as it stands in a submit file."""
        return {"factor": self.factor, "times": self.times, "limit": self.limit}


@dataclass(frozen=True, slots=True)
class OtherQueue:
    """When so many attempts of a job have lost their machine, it is sent to this job queue, by name or ARN."""

    job_queue: str
    after: int = 2

    def entry(self) -> dict[str, Any]:
        """It as it stands in a submit file."""
        return {"jobQueue": self.job_queue, "after": self.after}


@dataclass(frozen=True, slots=True)
class Rules:
    """When a job is sent again; None: never for that."""

    on_out_of_memory: MoreMemory | None = None
    on_spot_loss: OtherQueue | None = None

    @property
    def or_unsaid(self) -> Rules:
        """The rules, with those of UNSAID where there are none, so that a job that has none is told from the others."""
        return Rules(self.on_out_of_memory or UNSAID.on_out_of_memory, self.on_spot_loss or UNSAID.on_spot_loss)


NONE = Rules()
UNSAID = Rules(MoreMemory(times=0), OtherQueue(""))
"""In the place of rules that jobs have which say nothing of theirs: no job can say this."""


def memory_rule(value: Any) -> tuple[MoreMemory | None, list[str]]:
    """The rule that the field `onOutOfMemory` gives (`false`: none), and what is wrong with it."""
    problems = list(_problems(MEMORY_FIELD, value, _MEMORY))
    return (None if problems or value is False else MoreMemory(**value)), problems


def queue_rule(value: Any) -> tuple[OtherQueue | None, list[str]]:
    """The rule that the field `onSpotLoss` gives (`false`: none), and what is wrong with it."""
    problems = list(_problems(QUEUE_FIELD, value, _QUEUE))
    if isinstance(value, dict) and "jobQueue" not in value:
        problems.append(f"{QUEUE_FIELD}: has no jobQueue, to which the job is to be sent then")
    if problems or value is False:
        return None, problems
    return OtherQueue(value["jobQueue"], **{name: one for name, one in value.items() if name == "after"}), []


_Check = tuple[Callable[[Any], bool], str]


def _is_number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and _is_number(value, least, most)


_MEMORY: Mapping[str, _Check] = {
    "factor": (
        lambda value: _is_number(value, 1, MOST_FACTOR) and value > 1,
        f"a number above 1, {MOST_FACTOR} at most",
    ),
    "times": (lambda value: _is_whole(value, 1, MOST_TIMES), f"a whole number, 1 to {MOST_TIMES}"),
    "limit": (
        lambda value: _is_whole(value, LEAST_MEMORY, MOST_MEMORY),
        f"a whole number of MiB, {LEAST_MEMORY} to {MOST_MEMORY}",
    ),
}
_QUEUE: Mapping[str, _Check] = {
    "jobQueue": (lambda value: isinstance(value, str) and value != "", "the name or ARN of a job queue"),
    "after": (lambda value: _is_whole(value, 1, MOST_TIMES), f"a whole number, 1 to {MOST_TIMES}"),
}


def _problems(field: str, value: Any, checks: Mapping[str, _Check]) -> Iterator[str]:
    if value is False:
        return
    if not isinstance(value, dict):
        yield f"{field}: must be false, or an object with {', '.join(checks)}"
        return
    for name, one in value.items():
        if name not in checks:
            yield f"{field}: unknown field {name!r}: it has {', '.join(checks)}{did_you_mean(name, checks)}"
            continue
        is_good, what = checks[name]
        if not is_good(one):
            yield f"{field}.{name}: {one!r} must be {what}"
