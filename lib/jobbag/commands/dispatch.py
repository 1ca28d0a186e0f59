"""What the command does: runs a bag, or creates or deletes entities."""

from __future__ import annotations

import logging

from jobbag.commands import preflight
from jobbag.commands.ending import Ending
from jobbag.commands.preflight import Task
from jobbag.commands.result import Result
from jobbag.errors import ExitCode
from jobbag.events.observation import now_ms
from jobbag.events.state import Report
from jobbag.logs.outputs import JobFiles
from jobbag.options.settings import Mode, Settings
from jobbag.signals import Signals
from jobbag.tool_log import ToolLog

log = logging.getLogger(__name__)


def execute(settings: Settings, tool_log: ToolLog, signals: Signals) -> Result:
    """Do what the settings ask for. Raises ToolError."""
    # What imports boto3, which is slow, is imported once the input is known to be good.
    if settings.mode is Mode.RUN:
        return _run(settings, preflight.task_of(settings), tool_log, signals)
    plan = preflight.entities_of(settings)
    from jobbag.commands.manage import manage

    return manage(settings, plan, tool_log)


def _run(settings: Settings, task: Task, tool_log: ToolLog, signals: Signals) -> Result:
    if not task.bag.jobs:
        nothing = f"no jobs in {', '.join(map(str, settings.submit_files))}: nothing to do"
        log.info("%s", nothing)
        if not settings.dry_run:
            ending = Ending(settings, "", settings.region or "", Report(task.bag, now_ms()), JobFiles(), None, dict)
            return Result(ending.write(ExitCode.OK).exit_code, (nothing,)).untold(tool_log)
        return Result(ExitCode.OK, (nothing,)).untold(tool_log)
    if settings.dry_run:
        from jobbag.commands.dry_run import dry_run

        return dry_run(settings, task)
    from jobbag.commands.run_bag import run_bag

    return run_bag(settings, task, tool_log, signals).untold(tool_log)
