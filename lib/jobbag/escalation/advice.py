"""Pure: what the bag could ask for, so that no job has to be sent again for want of memory."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

from jobbag.bag.job import Job
from jobbag.bag.rules import OtherQueue
from jobbag.events.escalation import MEMORY
from jobbag.events.state import RunState
from jobbag.text import counted

SHOWN = 3  # amounts of memory that did, of which it is told


def advice(state: RunState, tables: Container[Path] = ()) -> Iterator[str]:
    """For jobs that have succeeded with more memory than they had asked for: how much did, and what to write.

    `tables` are the files of the bag in which no fields of jobs can stand.
    """
    found: dict[tuple[int, int, bool], list[Job]] = {}
    for job in state.bag.jobs:
        outcome = state.of(job)
        had = next((one.seen.memory for one in outcome.earlier if one.cause == MEMORY), None)
        did = outcome.observation.memory if outcome.succeeded and outcome.observation else None
        if had is not None and did is not None:
            found.setdefault((had, did, job.submit_file in tables), []).append(job)
    ordered = sorted(found.items(), key=lambda one: -len(one[1]))
    for (had, did, in_table), jobs in ordered[:SHOWN]:
        most = f"{counted(len(jobs), 'job')} needed more than {_amount(had)}; {_amount(did)} did"
        needs = json.dumps({"resourceRequirements": [{"type": "MEMORY", "value": str(did)}]})
        if in_table:
            yield f"{most}: write {needs[1:-1]} in the job definition"
        else:
            whose = "this job" if len(jobs) == 1 else "these jobs"
            first = f"job {jobs[0].name}" if len(jobs) == 1 else f"such as job {jobs[0].name}"
            yield f'{most}: write "containerOverrides": {needs} in {whose} ({first})'
    if rest := [job for _, jobs in ordered[SHOWN:] for job in jobs]:
        yield f"{counted(len(rest), 'more job')} needed other amounts of memory; the summary has them"


def foreseen(
    more_memory: Mapping[tuple[int | None, tuple[int, ...]], int], other_queues: Mapping[OtherQueue, int]
) -> Iterator[str]:
    """What would become of jobs that end so: by what they ask for and would be given then (MiB), how many there are;
    and likewise by where they would go."""
    for (memory, given), jobs in more_memory.items():
        whose = counted(jobs, "job") if memory is None else f"{counted(jobs, 'job')} with {memory:,} MiB"
        more = f"with {', '.join(f'{one:,}' for one in given)} MiB" if given else "with no more, as there is none"
        yield f"{whose}, if out of memory: sent again {more}"
    for rule, jobs in other_queues.items():
        losses = counted(rule.after, "lost machine")
        yield f"{counted(jobs, 'job')}, after {losses}: sent again to the job queue {rule.job_queue.rpartition('/')[2]}"


def _amount(memory: int) -> str:
    """MiB for people."""
    return f"{memory // 1024:,} GiB" if memory % 1024 == 0 else f"{memory:,} MiB"
