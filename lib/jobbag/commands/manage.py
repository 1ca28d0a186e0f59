"""--create and --delete."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from jobbag.aws.client import Cloud
from jobbag.commands.cloud import connected
from jobbag.commands.result import Result
from jobbag.entities import deletion, lookup
from jobbag.entities.creation import EntityCreator
from jobbag.entities.entity import Entity
from jobbag.entities.kinds import KINDS, Existing, Kind, Plan, Spec, ToCreate
from jobbag.errors import PROG, CleanupError, ExitCode, InputError, ToolError
from jobbag.options.settings import Mode, Settings
from jobbag.preflight.checks import check_account
from jobbag.s3 import bucket
from jobbag.tool_log import ToolLog

log = logging.getLogger(__name__)


def manage(settings: Settings, plan: Plan, tool_log: ToolLog) -> Result:
    """Create or delete the entities of a plan. Raises ToolError."""
    if settings.mode is Mode.DELETE and plan.place is not None and not plan.place.key_prefix and not settings.yes:
        _confirm(plan.place.bucket)
    with connected(settings) as (cloud, _):
        check_account(settings, cloud)
        if settings.mode is Mode.DELETE:
            tool_log.open()
            return _delete(cloud, plan)
        known = lookup.look_up_all(cloud, plan)
        if isinstance(plan.queue, ToCreate):
            lookup.check_environments(cloud, plan.queue, plan.environment)
        tool_log.open()
        return _create(cloud, plan, known)


def _confirm(bucket_name: str) -> None:
    """Ask whether the bucket is to be deleted, if somebody is there to answer. Raises InputError if it is not."""
    if sys.stdin is None or not sys.stdin.isatty() or sys.stderr is None:
        return
    question = f"{PROG}: this deletes the bucket {bucket_name} and all that is in it. Go on? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError.of("--delete", "the answer was not yes: nothing is deleted")


def _create(cloud: Cloud, plan: Plan, known: Mapping[Kind, Entity]) -> Result:
    creator = EntityCreator(cloud, note=lambda _: None)
    lines: list[str] = []
    has_bucket = plan.place is None or bucket.exists(cloud, plan.place)  # or it raises, before anything is made
    try:
        ready = creator.prepare(plan, known)
        lines += (f"{kind.key}={ready[kind].arn}" for kind in KINDS.values() if kind in ready)
        if plan.place is not None:
            if not has_bucket:
                bucket.create(cloud, plan.place.bucket)
            # As --delete takes it, which does not take a slash with nothing behind it.
            url = plan.place.url if plan.place.key_prefix else plan.place.url.rstrip("/")
            lines.append(f"pegasus.aws.batch.s3_bucket={url}")
    except ToolError:
        for entity in creator.made:
            log.error("the %s %s was made before the error, and stays", entity.kind.words, entity.arn)
        raise
    return Result(ExitCode.OK, tuple(lines))


def _delete(cloud: Cloud, plan: Plan) -> Result:
    doomed = [(spec.kind, _ref(spec)) for spec in (plan.queue, plan.environment, plan.definition) if spec is not None]
    failures: list[str] = []
    try:
        deletion.delete(cloud, doomed)
    except CleanupError as error:
        failures += error.failures
    if plan.place is not None:
        try:
            bucket.remove(cloud, plan.place)
        except ToolError as error:
            failures += error.every_line
    if failures:
        raise CleanupError(failures)
    return Result(ExitCode.OK)


def _ref(spec: Spec) -> str:
    return spec.ref if isinstance(spec, Existing) else spec.name
