"""What the command does: runs a bag, or creates or deletes entities."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from jobbag.bag.schema import schema
from jobbag.bag.writer import lines_of
from jobbag.commands.ending import of_empty_bag
from jobbag.commands.on_end import OnEnd
from jobbag.commands.result import Result
from jobbag.errors import ExitCode
from jobbag.options.settings import Mode, Settings
from jobbag.preflight import offline
from jobbag.run.task import Task
from jobbag.signals import Signals
from jobbag.tool_log import ToolLog, style

if TYPE_CHECKING:  # it imports what is slow
    from jobbag.commands.front import Front

log = logging.getLogger(__name__)


def execute(settings: Settings, tool_log: ToolLog, signals: Signals) -> Result:
    """Do what the settings ask for. Raises ToolError."""
    # What imports boto3, which is slow, is imported once the input is known to be good.
    if settings.print_schema:
        return Result(ExitCode.OK, tuple(json.dumps(schema(), indent=2).splitlines()))
    if settings.print_bag:
        rules = offline.rules_of(settings).or_unsaid
        bag = offline.bag_of(settings, rules)
        return Result(ExitCode.OK, tuple(lines_of(bag, launcher=settings.launcher, rules=rules)))
    if settings.mode is Mode.STATUS:
        from jobbag.commands.status import status

        return status(settings)
    if settings.mode is Mode.LOGS:
        from jobbag.commands.job_logs import logs

        return logs(settings)
    if settings.mode is Mode.CANCEL:
        from jobbag.commands.cancel import cancel

        return cancel(settings, tool_log, signals)
    if settings.mode is Mode.RUN:
        task = offline.task_of(settings)
        if settings.dry_run:
            return _dry_run(settings, task)
        from jobbag.commands.front import Terminal

        return run(settings, task, Terminal(tool_log, signals))
    plan = offline.entities_of(settings)
    from jobbag.commands.manage import manage

    return manage(settings, plan, tool_log)


def run(settings: Settings, task: Task, front: Front) -> Result:
    """Run a bag, for the command and for a program alike. Raises ToolError."""
    if not task.bag.jobs:
        _tell_nothing(settings)
        with OnEnd(settings, front.stops) as at_end:
            end = of_empty_bag(settings, task.bag).write(ExitCode.OK)
            at_end.hear(end)
        return Result(end.exit_code, ended=end)
    from jobbag.commands.run_bag import run_bag

    return run_bag(settings, task, front)


def _dry_run(settings: Settings, task: Task) -> Result:
    if not task.bag.jobs:
        _tell_nothing(settings)
        return Result(ExitCode.OK)
    from jobbag.commands.dry_run import dry_run

    return dry_run(settings, task)


def _tell_nothing(settings: Settings) -> None:
    where = ", ".join(map(str, settings.bag_files)) or settings.prefix
    log.info("%s", f"no jobs in {where}: nothing to do", extra=style(told=True))
