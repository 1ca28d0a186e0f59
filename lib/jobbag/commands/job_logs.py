"""`--logs`: the output of one job of a run, from its files or, while it runs, from CloudWatch Logs."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from jobbag.bag.job import Job
from jobbag.commands.recorded import Recorded
from jobbag.commands.result import Result
from jobbag.commands.seen import bag_of_today
from jobbag.commands.status import journals
from jobbag.console import complain, pour, say
from jobbag.errors import PROG, ExitCode, InputError
from jobbag.hints import did_you_mean
from jobbag.logs.outputs import attempt_files
from jobbag.logs.ranges import Range, merged_ranges, merged_targets, ranges_of
from jobbag.logs.records import is_task_record
from jobbag.options.settings import Settings
from jobbag.text import plain

HEADING = f"[{PROG}] stderr:"  # between what is in two files


def logs(settings: Settings) -> Result:
    """Print the output of the job, or say on stderr why there is none. Raises ToolError."""
    run = Recorded(_journal(settings), bag_of_today(settings)[0])
    run.read_on()
    job = _job(run, settings.logs_of or "")
    if not run.state.of(job).finished:
        from jobbag.commands.running_logs import Running  # which imports boto3

        if not Running(settings, run, job).print(follow=settings.follow):
            return Result(ExitCode.OK)
        # It has ended, and its files are there by now.
    if (found := _ranges(run, job)) is None:
        raise InputError.of("--logs", f"the output of job {job.name} is not where it was written: {_where(run, job)}")
    out, err = found
    has_out = _print(out)
    if has_out and err.end > err.begin:
        say(sys.stdout, HEADING)
    if not _print(err) and not has_out:
        complain(f"job {job.name} has written nothing")
    before = (attempt_files(job, number)[0] for number in range(1, run.state.of(job).attempts_before + 1))
    if earlier := [str(path) for path in before if path.exists()]:
        complain(f"this is the last attempt; of those before: {', '.join(earlier)}, and .err")
    return Result(ExitCode.OK)


def _journal(settings: Settings) -> Path:
    """The journal that is named, or the only one that there is. Raises InputError."""
    if settings.prefix is not None:
        return settings.journal
    found = journals()
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError.of("--logs", f"there is no journal in {Path.cwd()}: no run has begun here")
    names = ", ".join(path.stem for path in found)
    raise InputError.of("--logs", f"name the run: give its bag, or --prefix (there are {names})")


def _job(run: Recorded, name: str) -> Job:
    """The job with this name. Raises InputError with the names that are like it."""
    names = {job.name: job for job in run.bag.jobs}
    if name in names:
        return names[name]
    children = [one for one in names if one.rpartition(".")[0] == name and one.rpartition(".")[2].isdigit()]
    if children:
        what = f"{name} is an array of {len(children):,} jobs: give one of {children[0]} to {children[-1]}"
        raise InputError.of("--logs", what)
    raise InputError.of("--logs", f"there is no job {name} in the run {run.path.stem}{did_you_mean(name, names)}")


# -- files


def _ranges(run: Recorded, job: Job) -> list[Range] | None:
    """The stdout and the stderr of a job that has ended; None if they are not there."""
    prefix, merged = run.header.options.get("--merge-logs"), run.merged.get(job.number)
    if prefix is not None and merged is not None:
        found = merged_ranges(merged_targets(Path(prefix)), merged)
        return found if found and all(one.file is not None for one in found) else None
    written = run.written.get(job.number)
    with suppress(OSError):
        return ranges_of(written) if written is not None else None
    return None


def _where(run: Recorded, job: Job) -> str:
    prefix, written = run.header.options.get("--merge-logs"), run.written.get(job.number)
    files = merged_targets(Path(prefix)) if prefix is not None else [written.out, written.err] if written else []
    return " and ".join(map(str, files)) or "nothing is known of its files"


def _print(one: Range) -> bool:
    """Write the bytes to stdout, as they are where no person reads them at once; whether there were any."""
    lines = (line for line in one.lines() if not is_task_record(line))
    if not sys.stdout.isatty():
        return pour(lines) > 0
    found = False
    for line in lines:
        say(sys.stdout, plain(line.decode(errors="replace").removesuffix("\n")))
        found = True
    return found
