"""Pure: how much memory a job can be given after so much was too little."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobbag.bag.job import Job
from jobbag.bag.rules import MoreMemory
from jobbag.entities.capacity import Needs, fargate_memory, is_usable, largest_memory, platform_of, platforms_of
from jobbag.entities.containers import Form, containers_of, form_of
from jobbag.text import counted

Detail = Mapping[str, Any]


class NoMore(Exception):
    """There is no more memory for a job; why, in words."""


def next_memory(rule: MoreMemory, asked: Needs, given: int, definition: Detail, environments: Sequence[Detail]) -> int:
    """The memory (MiB) of the next try of a job that had too little with what it `asked` for.

    It has been `given` more so many times before. Raises NoMore.
    """
    if given >= rule.times:
        raise NoMore(f"its rule allows {counted(rule.times, 'time')}")
    if asked.memory is None:
        raise NoMore("it is not known how much it has asked for")
    if asked.memory >= rule.limit:
        raise NoMore(f"the limit of its rule is {rule.limit:,} MiB")
    wanted = min(math.ceil(asked.memory * rule.factor), rule.limit)
    usable = [one for one in environments if is_usable(one)]
    if "FARGATE" in [*platforms_of(definition), *map(platform_of, usable)]:
        return _of_fargate(asked, wanted, rule.limit)
    known = [largest_memory(one) for one in usable]
    if known and None not in known:
        most, kind = max(one for one in known if one is not None)
        if most <= asked.memory:
            raise NoMore(f"the largest instance type of its compute environment, {kind}, has {most:,} MiB for jobs")
        return min(wanted, most)
    return wanted


def _of_fargate(asked: Needs, wanted: int, limit: int) -> int:
    there = fargate_memory(asked.vcpus) if asked.vcpus is not None else ()
    more = [one for one in there if (asked.memory or 0) < one <= limit]
    if not more:
        most = f"{there[-1]:,} MiB at most" if there else "no more memory"
        but = f", and the limit of its rule is {limit:,} MiB" if there and limit < there[-1] else ""
        raise NoMore(f"Fargate has {most} with {asked.vcpus or 0:g} vCPUs{but}")
    return next((one for one in more if one >= wanted), more[-1])


def tries(rule: MoreMemory, asked: Needs, definition: Detail, environments: Sequence[Detail]) -> Iterator[int]:
    """All that a job would be given, try by try, as long as each is too little."""
    for given in range(rule.times):
        try:
            memory = next_memory(rule, asked, given, definition, environments)
        except NoMore:
            return
        yield memory
        asked = replace(asked, memory=memory)


def no_way(job: Job, definition: Detail) -> str | None:
    """Why a job with this definition cannot be given more memory than it asks for; None if it can."""
    form = form_of(definition)
    if form is Form.CONTAINER:
        return None
    if form is Form.ECS and len(containers_of(definition)) == 1:
        if form.overrides not in job.request:
            return None
        return f"the job has {form.overrides}: give its resourceRequirements in containerOverrides instead"
    several = " of several containers" if form is Form.ECS else ""
    return f"the job definition has {form.value}{several}, whose memory is not raised"
