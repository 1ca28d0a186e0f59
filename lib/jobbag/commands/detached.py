"""`--detach`: what is said of jobs that run on without the command, when it leaves and when it is asked again."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.batches import batches
from jobbag.errors import PROG, ExitCode
from jobbag.events.observation import ENDED, STATES
from jobbag.events.state import RunState
from jobbag.jobs.ids import parent_of
from jobbag.text import counted
from jobbag.tool_log import style

log = logging.getLogger(__name__)

UNSEEN = "not shown"  # by AWS Batch, for the moment or for good
_ONLY_FIRST = ("--detach", "--fresh")  # what is for the start that sends the jobs
_SHORTEST = 5  # letters of an option that can be no other one: --det, --fre


def left(state: RunState, words: Sequence[str]) -> str:
    """What is said when the command leaves; `words` are those of its command line."""
    running = len(list(state.running())) + len(list(state.in_doubt()))
    return (
        f"of {counted(len(state.bag.jobs), 'job')}, {running:,} run on in AWS; this collects them: {collecting(words)}"
    )


def unended(names: Sequence[str], made: Sequence[str], *, local: bool) -> str:
    """What is said of jobs that have not ended when the command leaves, and of what the run made.

    `local`: with --local, where none outlives the command, and of what it made only buckets do.
    """
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    staying = [one for one in made if one.startswith("bucket ")] if local else made
    stays = f"; this stays{'' if local else ' for that'}: {', '.join(staying)}" if staying else ""
    return f"job {names[0]}{more} {'had to end with this command' if local else 'may still run in AWS'}{stays}"


def is_all_sent(state: RunState) -> bool:
    """Whether no job is left that this start may have to send."""
    return not state.to_send() and not any(map(state.may_be_sent, state.bag.jobs))


def look(cloud: Cloud, state: RunState, words: Sequence[str]) -> ExitCode | None:
    """Say how far the jobs are that an earlier start has sent, after one look; gives the exit status.

    None if all of them have ended. Raises ToolError.
    """
    counts = _states(cloud, state)
    running = counts.total() - sum(counts[status] for status in (*ENDED, UNSEEN))
    if not running:
        return None
    states = ", ".join(f"{counts[status]:,} {status}" for status in (*STATES, UNSEEN) if counts[status])
    jobs = counted(len(state.bag.jobs), "job")
    line = f"{jobs}: {states}; {running:,} run on in AWS; this collects them: {collecting(words)}"
    log.info("%s", line, extra=style(told=True))
    return ExitCode.OK


def _states(cloud: Cloud, state: RunState) -> Counter[str]:
    """How many jobs are in each state now. Of an array, AWS Batch counts the children itself."""
    arrays = {parent for _, aws_id in state.running() if (parent := parent_of(aws_id))}
    sizes = Counter(parent_of(state.of(job).aws_id) for job in state.bag.jobs)
    alone = [aws_id for _, aws_id in state.running() if parent_of(aws_id) is None]
    asked = [*alone, *arrays]
    found: dict[str, Counter[str]] = {}
    for some in batches(asked, IDS_PER_CALL):
        for detail in cloud.call("batch", "DescribeJobs", jobs=some)["jobs"]:
            summary = (detail.get("arrayProperties") or {}).get("statusSummary", {})
            children = Counter({status: number for status, number in summary.items() if number})
            size = sizes[detail["jobId"]] if detail["jobId"] in arrays else 1
            found[detail["jobId"]] = children or Counter({detail["status"]: size})
    counts: Counter[str] = Counter()
    for aws_id in asked:
        counts += found.get(aws_id, Counter({UNSEEN: sizes[aws_id] if aws_id in arrays else 1}))
    return counts + Counter(_ended(state, arrays))


def _ended(state: RunState, arrays: set[str]) -> Iterator[str]:
    """The states of the other jobs, which had ended before, or were not run."""
    for job in state.bag.jobs:
        outcome = state.of(job)
        if parent_of(outcome.aws_id) not in arrays and (outcome.ended or not outcome.aws_id):
            yield ENDED[0] if outcome.succeeded else ENDED[1]


def collecting(words: Sequence[str]) -> str:
    """The command that collects the jobs of one with these words, quoted for a shell; without any, a program does."""
    if not words:
        return "jobbag.api.collect"
    end = words.index("--") if "--" in words else len(words)
    return shlex.join([*_program(), *(word for word in words[:end] if not _is_only_first(word)), *words[end:]])


def _is_only_first(word: str) -> bool:
    option = word if word.startswith("--") else f"-{word}"  # the Java tool's users write one dash
    return len(option) >= _SHORTEST and any(one.startswith(option) for one in _ONLY_FIRST)


def _program() -> list[str]:
    """The words by which this command was started, as short as they can be."""
    name, rest = sys.argv[0], sys.argv[1:]
    if Path(name).name == PROG:
        found = shutil.which(PROG)
        is_on_path = found is not None and Path(found).resolve() == Path(name).resolve()
        return [PROG] if is_on_path else [name]
    begin = len(sys.orig_argv) - len(rest)
    return sys.orig_argv[:begin] if sys.orig_argv[begin:] == rest else [PROG]
