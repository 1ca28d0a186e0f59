"""Pure: why jobs failed, in the few causes that a person would name.

A cause is how AWS tells the end (the exit code, the reason) and, where that says little, the job's last error line
without what differs from job to job: numbers, ids, times, paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from jobbag.errors import PROG

LONGEST_LINE = 160  # characters of a line that are compared
WORDINGS = 4  # causes that differ only in a quoted or numbered word; of more, the rare ones become one
LINES = 8  # causes of one exit code; likewise
OTHER_LINES = "(various last lines)"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a job ended, as far as AWS knows, and what to do about it.

    `by_line`: AWS knows so little that jobs with different error lines have different causes.
    """

    title: str
    advice: str
    by_line: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that did not succeed, by its number. `line` is its folded error line."""

    job: int
    kind: Kind
    line: str

    @property
    def alike(self) -> tuple[Kind, str]:
        """What failures of the same cause have in common."""
        return self.kind, self.line if self.kind.by_line else ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why jobs failed: in words, what to do about it, and the numbers of the jobs."""

    title: str
    advice: str
    jobs: tuple[int, ...]


def causes(failures: Iterable[Failure]) -> list[Cause]:
    """The causes of the failures, the most frequent first. Each failure has one."""
    kinds: dict[Kind, dict[str, list[int]]] = {}
    for failure in failures:
        kind, line = failure.alike
        kinds.setdefault(kind, {}).setdefault(line, []).append(failure.job)
    found = [
        Cause(f"{kind.title}: {line}" if line else kind.title, kind.advice, tuple(sorted(jobs)))
        for kind, lines in kinds.items()
        for line, jobs in _merged(_merged(lines, _coarser, WORDINGS), lambda _: OTHER_LINES, LINES).items()
    ]
    return sorted(found, key=lambda cause: (-len(cause.jobs), cause.jobs))


def _merged(lines: Mapping[str, list[int]], coarser: Callable[[str], str], most: int) -> dict[str, list[int]]:
    """The jobs by line. Where more than `most` lines are alike by a coarser view, the rare ones of them become one."""
    alike: dict[str, list[str]] = {}
    for line in lines:
        alike.setdefault(coarser(line), []).append(line)
    merged: dict[str, list[int]] = {}
    for view, same in alike.items():
        frequent = sum(len(lines[line]) for line in same) / most if len(same) > most else 0
        for line in same:
            merged.setdefault(line if len(lines[line]) >= frequent else view, []).extend(lines[line])
    return merged


# -- what AWS says of the end

KILLED = 137  # exit code of a container that got SIGKILL
OUT_OF_MEMORY = "OutOfMemory"  # in the reason of a container that the kernel has ended for that
EXITED = "Essential container in task exited"  # the container ended by itself, for better or worse

# How AWS tells that an attempt lost its machine, or that its container did not start, or could not be looked after.
_LOST_MACHINE = ("Host EC2", "Your Spot Task was interrupted")
_LOST_START = (
    "Task failed to start",
    "CannotPull",
    "CannotInspect",
    "DockerTimeout",
    "ResourceInit",
    "Timeout waiting",
    "AGENT",
)


def lost_machine(reason: str | None) -> bool:
    """Whether an attempt ended as its machine was taken away, by its reason."""
    return any(text in (reason or "") for text in _LOST_MACHINE)


def lost_start(reason: str | None) -> bool:
    """Whether an attempt ended as its container could not be started or looked after, by its reason."""
    return any(text in (reason or "") for text in _LOST_START)


def wanted_memory(exit_code: int | None, reason: str | None) -> bool:
    """Whether a job ended for want of memory, or may have, as a container that is killed from outside."""
    return exit_code == KILLED or any(text in (reason or "") for text in (OUT_OF_MEMORY, "OOMKilled"))


AGAIN = "start the same command again: it sends the job again"
HALTED = "mend what the run was halted for; --retry-failed sends the job again"

HALTED_BY = f"{PROG} was halted"  # in the reason with which the jobs of a run that is halted are terminated

# Texts in a statusReason or a container's reason, the first match counts: the title of the cause (None: the reason
# itself) and what to do.
_REASONS: tuple[tuple[str, str | None, str], ...] = (
    (
        OUT_OF_MEMORY,
        "out of memory (OutOfMemoryError)",
        "ask for more memory (MEMORY in the resourceRequirements)",
    ),
    ("OOMKilled", "out of memory (OOMKilled)", "ask for more memory (memory in the resources of its container)"),
    (
        "Host EC2",
        "its machine was lost (Host EC2 terminated)",
        "raise retryStrategy.attempts, or use on-demand instances instead of spot",
    ),
    (
        "Your Spot Task was interrupted",
        "its machine was lost (Fargate Spot interruption)",
        "raise retryStrategy.attempts, or use FARGATE instead of FARGATE_SPOT",
    ),
    (
        "CannotInspectContainer",
        "Docker did not tell how it ended (CannotInspectContainerError)",
        "its instance was overloaded: use a larger type or faster volumes",
    ),
    (
        "exceeded timeout",
        "ran longer than its timeout",
        "raise timeout.attemptDurationSeconds, or find what took the job so long",
    ),
    (
        "CannotPull",
        "cannot pull the image (CannotPullContainerError)",
        "check the image's name, and that its registry can be reached and read",
    ),
    ("CannotStartContainer", None, "check that the image has this command, executable and for its processor"),
    (
        "DockerTimeout",
        "Docker did not answer (DockerTimeoutError)",
        "its instance was overloaded: use a larger type or faster volumes",
    ),
    ("ResourceInitialization", None, "check the subnets' way out, the execution role and the secrets it reads"),
    ("Overrides length", None, "send long texts as input files, not in the arguments or the environment"),
    ("Dependent Job failed", "a job that it depends on failed", "look at that job first"),
    ("MISCONFIGURATION", None, "nothing can run it: compare its request with the compute environment"),
    ("CAPACITY", None, "AWS has no such instances to give: allow more instance types or subnets"),
    (
        HALTED_BY,
        "ended by the halt of the run",
        HALTED,
    ),
    (PROG, "stopped with the run", AGAIN),
)
_CODES: Mapping[int, tuple[str, str, bool]] = {
    126: ("cannot be executed", "make it executable (chmod +x), and build it for the image's processor", True),
    127: ("command not found", "check the command's spelling, and that it is in the image and on the PATH", True),
    132: ("illegal instruction", "it was built for another processor: build it for the instances' one", False),
    134: ("aborted", "the program gave up on itself: its stderr may say on what", True),
    135: ("bus error", "a bug in native code, or a file that was cut short: run this job on its own", False),
    136: ("arithmetic error", "a division by zero in native code: run this job on its own", False),
    137: ("killed", "killed from outside, most often for want of memory: ask for more", False),
    139: ("segmentation fault", "a bug in native code, or too small a stack: run this job on its own", False),
    143: ("told to stop", "something in the job, or a time limit of its own, sent it SIGTERM", False),
}


def kind_of(exit_code: int | None, reason: str | None, error: str | None = None) -> Kind:
    """How a job ended that did not succeed: what AWS says of it, or the error of a call about it."""
    if error is not None:
        denied = "AccessDenied" in error or "not authorized" in error
        what = "the credentials lack a permission: docs/iam.md lists what they need"
        if "PutObject" in error and "resource-based policy" in error:
            what = "the bucket's own policy refuses it; if it demands that uploads are encrypted, see --sse"
        return Kind(folded(error), what if denied else "mend what this names, and start the same command again")
    reason = (reason or "").removeprefix(EXITED).lstrip("; ")
    for text, meaning, advice in _REASONS:
        if text in reason:
            return Kind(meaning or folded(reason), advice)
    if reason:
        return Kind(folded(reason), "AWS Batch says so: was it stopped by hand, or by a rule of the queue?")
    if exit_code is None:
        return Kind("no exit code and no reason", "look at the job in the console of AWS Batch")
    if exit_code in _CODES:
        meaning, advice, by_line = _CODES[exit_code]
        return Kind(f"exit code {exit_code}, {meaning}", advice, by_line)
    return Kind(f"exit code {exit_code}", "look at the end of its output; run this job on its own to see more", True)


STOPPED = kind_of(None, PROG)
NOT_SENT = Kind("not run: it was not sent before the end", AGAIN)


def waited(needed: str, *, stopped: bool) -> Kind:
    """Of a job that was not run for another, in words; `stopped` with the run, that one goes on with the run."""
    return Kind(f"not run: {needed}", AGAIN if stopped else "send it again, after that one, with --retry-failed")


# -- the job's last lines

_ERROR = (  # words and beginnings of words; looked for one by one, which is quicker than a regular expression
    "error", "exception", "fatal", "fail", "cannot", "can't", "could not", "couldn't", "unable", "not found",
    "no such", "denied", "refused", "reject", "invalid", "illegal", "missing", "unknown", "unexpected", "unrecognized",
    "undefined", "unbound", "unsupported", "abort", "panic", "killed", "segmentation", "core dumped", "overflow",
    "exceed", "out of", "too many", "too few", "too long", "too short", "too large", "too small", "usage:", "assert",
    "timeout", "timed out", "corrupt", "bad ", "not a ", "not permitted", "must be", "required",
)  # fmt: skip
_NO_ERROR = re.compile(r"\b(?:0|no|without) (?:errors?|failures?)\b|\berrors?[:=] ?0\b", re.IGNORECASE)
_STACK = re.compile(r"\s+at [\w.$<>]+\(|\s+\.\.\. \d+ more|Traceback \(most recent|Execution halted")


def error_line(tail: Iterable[str]) -> str:
    """The line at the end of an output that says most: the last one that reads like an error, else the last one."""
    lines = [line for line in (one.rstrip() for one in tail) if line and not _STACK.match(line)]
    return next(filter(_is_error, reversed(lines)), lines[-1] if lines else "")


def _is_error(line: str) -> bool:
    lowered = line.lower()
    return any(word in lowered for word in _ERROR) and not _NO_ERROR.search(line)


_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PATH = re.compile(
    r"\b\w+://[^\s'\"`,;()<>\[\]]+"  # a URL
    r"|(?<![\w.~/])(?:~|\.{1,2})?/[^\s'\"`:,;()=<>\[\]]+"  # begins with a slash, or with one of . .. ~ before it
    r"|(?<![\w.~/-])[\w.-]+(?:/[\w.-]+)*/[\w.-]*\.[A-Za-z]\w*"  # ends like a file
)
_NUMBER = re.compile(r"[0-9]+(?:[.,:][0-9]+)*")  # 1,024.5 and 10:30:00 too
_ID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_SAME = tuple(
    (re.compile(pattern), fold)
    for pattern, fold in (
        (r"0[xX][0-9A-Fa-f]+", "<n>"),
        (rf"{_BEFORE}0[eE][-+]?0{_AFTER}", "<n>"),  # 1e-6
        (rf"{_BEFORE}[0-9A-Fa-f]*0[0-9A-Fa-f]*{_AFTER}", "<n>"),  # any number, hexadecimal too
        ("0", "<n>"),
        (r"<n>(?:[.,:]<n>)+", "<n>"),
        (r"(?<![\w>)-])[-+]<n>", "<n>"),
        (r"<n>(?:-<n>){4}", "<id>"),
        (r"<n>[-/]<n>[-/]<n>(?:[T ]<n>)?(?:Z|[-+]<n>)?", "<time>"),
        (r"<n>T<n>Z?", "<time>"),
        (r"<n>(?:,? <n>)+", "<n>"),
    )
)
_VARIABLE = tuple(
    (re.compile(pattern), fold)
    for pattern, fold in (
        (r"'[^']*'|\"[^\"]*\"|`[^`']*['`]|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d", "<text>"),
        (r"[\w.-]*<n>[\w.<>-]*", "<n>"),
        (r"\b[\w-]+\.[A-Za-z]\w{1,4}\b", "<path>"),
    )
)


def folded(line: str) -> str:
    """The line without what differs from job to job. Lines that differ only in numbers give the same."""
    text = _COLOUR.sub("", line.rstrip()).rpartition("\r")[2]
    text = _PATH.sub("<path>", _NUMBER.sub("0", re.sub(_ID, "<id>", " ".join(text.split()))))
    for pattern, fold in _SAME:
        text = pattern.sub(fold, text)
    return text[:LONGEST_LINE]


def _coarser(line: str) -> str:
    """A folded line without quoted, numbered and file names either."""
    for pattern, fold in _VARIABLE:
        line = pattern.sub(fold, line)
    return line
