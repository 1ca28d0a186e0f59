"""What --help shows: the options that most need, on one screen. `--help all` is the parser's own, with all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jobbag.errors import PROG
from jobbag.options.option import Option
from jobbag.options.table import OPTIONS

MANUAL = Path(__file__).parents[1] / f"{PROG}.1"

_HEAD = f"""\
usage: {PROG} [options] bag.in ...

Runs a bag of jobs on AWS Batch: sends their input files to S3, submits them,
waits for them, and brings their outputs home. A bag of one job, bag.in:

  {{"SubmitJob": [
    {{"jobName": "hello", "executable": "echo", "arguments": "Hello world"}}]}}

  {PROG} --local bag.in            on this machine, without AWS
  {PROG} -C my.properties bag.in   on AWS, with your settings
"""

_MOST_USED: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Bags without JSON",
        (
            ("--commands", "each line of the file is a job"),
            ("--sweep", "each row is a job, of the command behind --"),
        ),
    ),
    (
        "Where jobs run, and on what",
        (
            ("--conf", "the properties file with your settings"),
            ("--region", "the AWS region"),
            ("--job-definition", "what a job is: image, memory, role"),
            ("--job-queue", "where jobs wait for their turn"),
            ("--compute-environment", "the machines, if there is no queue yet"),
            ("--s3", "where their files go: s3://bucket/dir"),
            ("--create", "only make what -j, --ce, -q and -s give"),
            ("--delete", "only delete it"),
        ),
    ),
    (
        "A run",
        (
            ("--dry-run", "only say what is wrong, and what it would do"),
            ("--follow", "show what the jobs print while they run"),
            ("--merge-logs", "all outputs in prefix.out and prefix.err"),
            ("--report", "the run as a page for the browser"),
            ("--status", "how far it is, from any terminal"),
            ("--logs", "what one of its jobs has printed"),
            ("--cancel", "stop it, wherever it was started"),
            ("--detach", "leave; the same command collects later"),
            ("--retry-failed", "run again what failed in the last run"),
            ("--update", "run what is new, failed or has changed"),
        ),
    ),
)

_COLUMN = 34  # where the explanations begin


def short_help() -> str:
    """The help on one screen of 80 columns; the line that names the manual page can be longer."""
    return "\n".join((_HEAD, *_lines(), f"{PROG} --help all   shows all options", f"man {MANUAL}"))


def _lines() -> Iterator[str]:
    options = {option.long: option for option in OPTIONS}
    for title, named in _MOST_USED:
        yield f"{title}:"
        for long, what in named:
            yield f"  {_spelled(options[long]):{_COLUMN - 2}}{what}"
    yield ""


def _spelled(option: Option) -> str:
    """An option as it is typed, with the word for its value, where that is one."""
    spelled = ", ".join(option.flags)
    plain = option.metavar and "|" not in option.metavar and not option.optional
    return f"{spelled} {option.metavar}" if plain else spelled
