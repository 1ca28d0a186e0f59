"""What the command does: runs a bag, or creates or deletes entities."""

from __future__ import annotations

from jobbag import preflight
from jobbag.config import Mode, Settings
from jobbag.logfile import ToolLog
from jobbag.report import Result
from jobbag.signals import Signals


def execute(settings: Settings, tool_log: ToolLog, signals: Signals) -> Result:
    """Do what the settings ask for. Raises ToolError."""
    # What imports boto3, which is slow, is imported once the input is known to be good.
    if settings.mode is Mode.RUN:
        task = preflight.task_of(settings)
        from jobbag.bagrun import run_bag

        return run_bag(settings, task, tool_log, signals)
    plan = preflight.entities_of(settings)
    from jobbag.manage import manage

    return manage(settings, plan, tool_log)
