"""Pure: the memory that jobs asked for against what they used, and what they could ask for instead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from jobbag.bag.job import Job
from jobbag.entities.capacity import enough_memory
from jobbag.events.causes import wanted_memory
from jobbag.events.observation import Observation, Peak
from jobbag.events.outcome import Outcome
from jobbag.events.state import RunState

HEADROOM = 1.2  # of what was used at most: another run of the same job may use a little more
LEAST_STEP = 128  # MiB
FAR_TOO_MUCH, WORTH_IT = 2, 512  # times what would do, and MiB more than that, at least, to be told
MOST_GROUPS = 10

Group = tuple[str, float | None, int, bool]  # executable, vCPUs and MiB that were asked for, whether it is Fargate


def used(outcome: Outcome) -> Peak | None:
    """What a job used at most; None if that is not known. More than its container can have is not of its own."""
    peak, seen = outcome.peak, outcome.observation
    if peak is None or seen is None:
        return None
    return peak if not peak.whole or seen.memory is None or peak.mib <= seen.memory else None


def wasteful(state: RunState) -> list[dict[str, Any]]:
    """The groups of jobs that asked for far more than they used, those with the most to spare first, for JSON."""
    groups: dict[Group, list[tuple[Job, Outcome]]] = {}
    too_small: set[Group | None] = set()  # for jobs that were then sent again with more
    for job in state.bag.jobs:
        outcome = state.of(job)
        too_small.update(_group(job, one.seen) for one in outcome.earlier if _wanted_more(one.seen))
        if outcome.observation is not None and (group := _group(job, outcome.observation)) is not None:
            groups.setdefault(group, []).append((job, outcome))
    fitting = ((group, members) for group, members in groups.items() if group not in too_small)
    found = [one for group, members in fitting for one in _wasteful(group, members, len(state.bag.jobs))]
    return sorted(found, key=lambda one: -one["jobs"] * (one["asked"] - one["enough"]))[:MOST_GROUPS]


def _group(job: Job, seen: Observation) -> Group | None:
    """The group of a job by what it asked for; None if that is not known."""
    return None if seen.memory is None else (job.executable, seen.vcpus, seen.memory, bool(seen.fargate))


def _wasteful(group: Group, members: Sequence[tuple[Job, Outcome]], jobs: int) -> Iterator[dict[str, Any]]:
    """The group, if less would do for all of it."""
    executable, vcpus, asked, fargate = group
    if any(not one.over or _wanted_more(one.observation) for _, one in members):
        return
    peaks = [used(one) for _, one in members]
    known = [peak for peak in peaks if peak is not None]
    succeeded = [(job, peak) for (job, one), peak in zip(members, peaks, strict=True) if one.succeeded]
    if not succeeded or any(peak is None for _, peak in succeeded):
        return
    most = max(peak.mib for peak in known)
    whole = all(peak.whole for peak in known)
    # Of the largest process, there may be one for each vCPU, beside the one that has started them.
    needed = math.ceil(most * HEADROOM * (1 if whole else 1 + math.ceil(vcpus or 1)))
    step = max(LEAST_STEP, 2 ** ((needed - 1).bit_length() - 3))
    enough = enough_memory(-(-needed // step) * step, vcpus, fargate=fargate)
    if enough is not None and enough * FAR_TOO_MUCH <= asked and enough + WORTH_IT <= asked:
        yield {
            "jobs": len(succeeded),
            "all": len(members) == jobs,
            "example": succeeded[0][0].name,
            "executable": executable,
            "vcpus": vcpus,
            "asked": asked,
            "used": most,
            "of": word(whole=whole),
            "enough": enough,
        }


def word(*, whole: bool) -> str:
    """What it is that used the memory."""
    return "container" if whole else "process"


def _wanted_more(seen: Observation | None) -> bool:
    return seen is not None and wanted_memory(seen.exit_code, seen.reason)
