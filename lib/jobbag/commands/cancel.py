"""`--cancel`: stops a run that another start has begun.

Whoever holds the journal is asked to do it. If nobody does, or he ends before it is done, it is done here.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from jobbag.commands.cloud import connected_task
from jobbag.commands.front import Terminal
from jobbag.commands.on_end import OnEnd
from jobbag.commands.recorded import Recorded
from jobbag.commands.result import Result
from jobbag.commands.run_bag import Start
from jobbag.commands.seen import bag_of_today
from jobbag.entities.kinds import Plan
from jobbag.entities.plan import plan_of
from jobbag.errors import ExitCode, InputError, Interrupted, ToolError
from jobbag.events import journal
from jobbag.events.outcome import Verdict
from jobbag.holding import requests
from jobbag.holding.lock import Held, JournalLock, holder_of
from jobbag.options.settings import Mode, Settings
from jobbag.preflight.checks import Checked
from jobbag.run import takeup
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import Task, place_of
from jobbag.signals import Signals
from jobbag.text import counted
from jobbag.threads import LEAVING
from jobbag.tool_log import ToolLog

log = logging.getLogger(__name__)

LOOK = 0.25  # s between two looks at who holds the journal
PATIENCE = 20.0  # s until the holder has heard of the request
PATIENCE_AFAR = 120.0  # the same of one on another machine: NFS may show a new file only after a minute
BEFORE = "stopped before it had begun anything"


def cancel(settings: Settings, tool_log: ToolLog, signals: Signals) -> Result:
    """Stop the run, and say what that reached. Raises ToolError."""
    path = settings.journal
    asked: Held | None = None
    began = False  # the run, when its holder was asked
    while True:
        try:
            held = holder_of(path)
        except OSError as error:
            raise InputError.of(str(path), f"who holds it cannot be told: {error.strerror}") from None
        if held is None:
            if asked is not None and not path.exists():
                why = "its journal is gone, so that nothing more is known of it"
                return Result(ExitCode.OK, (f"{path.stem}: {f'stopped; {why}' if began else BEFORE}",))
            _recorded(settings)  # else there is nothing to cancel
            try:
                with (
                    OnEnd(settings, signals) as at_end,
                    signals.held_back(),
                    JournalLock(path, cancels=True) as lock,
                    signals.let_through(),
                ):
                    return _stop(settings, lock, at_end, asked, Terminal(tool_log, signals))
            except InputError:
                if holder_of(path) is None:
                    raise
                continue  # somebody was quicker
        if held.cancels:
            log.info("%s stops the run; waiting for its end", held)
            _wait(path, held, lambda: True)
            continue
        if asked is not None and held.id != asked.id:
            raise ToolError(f"{path}: {asked} has ended, and {held} has begun another start since; --cancel stops that")
        asked, began = held, path.exists()
        _ask(path, held)


def _recorded(settings: Settings) -> Recorded:
    run = Recorded(settings.journal, bag_of_today(settings)[0])
    run.read_on()
    return run


# -- somebody holds it


def _ask(path: Path, held: Held) -> None:
    """Ask the holder to stop, and wait until it has ended. Raises ToolError where it does not react."""
    try:
        requests.ask(path, held.id)
    except OSError as error:
        raise ToolError(f"{path}: cannot ask {held} to stop: {error.strerror or error}") from None
    patience = PATIENCE if held.in_sight else PATIENCE_AFAR
    try:
        if _wait(path, held, lambda: requests.is_asked(path, held.id), patience):
            log.info("%s stops the run; waiting for its end", held)
            _wait(path, held, lambda: True)
            return
    except Interrupted as interrupted:
        interrupted.told = f"no longer waiting for {held}, which was asked to stop the run"
        raise
    finally:
        if not _holds(path, held):
            requests.heard(path, held.id)  # nobody else heeds it
    if _holds(path, held):
        what = f"{held} does not react: it may be suspended, or of an earlier version of this tool"
        raise ToolError(f"{path}: {what}; it stops as soon as it hears of it (or end it there: kill -INT {held.pid})")


def _wait(path: Path, held: Held, lasts: Callable[[], bool], seconds: float = float("inf")) -> bool:
    """Wait as long as something lasts and the journal is held; false if the time was too short, or it is not held."""
    end = time.monotonic() + seconds
    while _holds(path, held):
        if not lasts():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(LOOK)
    return False


def _holds(path: Path, held: Held) -> bool:
    now = holder_of(path)
    return now is not None and now.id == held.id


# -- nobody holds it


def _stop(settings: Settings, lock: JournalLock, at_end: OnEnd, asked: Held | None, front: Terminal) -> Result:
    """Stop what is left of the run, for who holds the journal."""
    run = _recorded(settings)
    past = journal.read(run.path)
    if past is None:
        raise InputError.of(str(run.path), "is no journal any more")
    over = past.finished or past.left_in_order or run.is_local
    if over and (run.is_local or not run.may_run):
        return _told(run, asked)
    settings = _as_then(settings, run)
    plan = plan_of(settings, None)[0]
    if plan.place is None:
        raise AssertionError("a run always has a place in S3")
    task = Task(run.bag, Plan(None, None, None, plan.place), plan.place)
    front.stops.last_words = f"{run.path} is intact: the same command goes on\n"
    front.stops.patience = settings.grace + LEAVING
    with connected_task(settings, task) as (on_aws, _):
        on_aws = replace(on_aws, place=place_of(task.place, past.header), cloud=on_aws.cloud.guarded_by(lock.check))
        earlier = Earlier(How.GO_ON, past.header, past)
        start = Start(settings, on_aws, earlier, front, lock, at_end, front.open_log())
        start.cancelled = Interrupted(ExitCode.SIGTERM, cancelled=True, unheld=True)
        result = start.run(Checked(takeup.folded(earlier.events(run.bag), run.bag)))
    return _told(_recorded(settings), asked, done=True, all_removed=result.exit_code is not ExitCode.AWS_ERROR)


def _as_then(settings: Settings, run: Recorded) -> Settings:
    """The settings, as the run was given them where its journal tells."""
    then = run.header.options
    merged = then.get("--merge-logs")
    return replace(
        settings,
        mode=Mode.RUN,
        region=then.get("--region", settings.region),
        endpoint=then.get("--endpoint", settings.endpoint),
        s3=then.get("--s3"),
        merge_logs=Path(merged) if merged else None,
        job_definition=None,
        compute_environment=None,
        job_queue=None,
        detach=False,
        local=False,
    )


def _told(run: Recorded, asked: Held | None, *, done: bool = False, all_removed: bool = True) -> Result:
    """What was reached."""
    name, may_run = run.path.stem, 0 if run.is_local else run.may_run
    if not done and asked is not None and asked.since is not None and run.last < asked.since:
        return Result(ExitCode.OK, (f"{name}: {BEFORE}",))
    if run.finished is not None and not done:
        by_itself = " by itself" if asked is not None else ""
        return Result(ExitCode.OK, (f"{name}: nothing to stop: the run has ended{by_itself}",))
    outcomes = [run.state.of(job) for job in run.bag.jobs]
    counts = Counter(one.verdict for one in outcomes)
    ended = f"{counts[Verdict.SUCCEEDED]:,} succeeded, {counts[Verdict.FAILED]:,} failed"
    kinds = f"{ended}, {counts[Verdict.STOPPED]:,} stopped, {counts[Verdict.NOT_RUN]:,} not run"
    here = sum(one.finished and one.has_log for one in outcomes)
    head = "stopped" if done or asked is not None else "nothing to stop, as nothing of it runs"
    line = f"{name}: {head}; of {counted(len(outcomes), 'job')}, {kinds}; the output of {here:,} is here"
    if may_run:
        why = f"{counted(may_run, 'job')} of {name} may still run in AWS: --cancel again stops what is left"
        return Result(ExitCode.AWS_ERROR, (line,), (why,))
    if not all_removed:
        why = f"what {name} has made is not all removed: --cancel again removes what is left"
        return Result(ExitCode.AWS_ERROR, (line,), (why,))
    return Result(ExitCode.OK, (line,))
