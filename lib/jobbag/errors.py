"""The errors of the tool, with messages for people, and the exit codes."""

from __future__ import annotations

import copy
import re
import time
from collections import Counter
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

PROG = "pegasus-aws-batch"

FEW = 5  # lines that say the same

_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")


class ExitCode(IntEnum):
    """The exit status of the command, and what it means, for people."""

    meaning: str

    def __new__(cls, status: int, meaning: str) -> ExitCode:
        code = int.__new__(cls, status)
        code._value_, code.meaning = status, meaning
        return code

    OK = 0, "All is well."
    TASK_FAILED = 1, "At least one job failed."
    AWS_ERROR = 2, "AWS or a batch entity failed, or output could not be fetched; the same command goes on."
    USAGE = 3, "The command line or the input is wrong; nothing was done. Or an internal error."
    SIGHUP = 129, "Left by SIGHUP; the jobs go on."
    SIGINT = 130, "Stopped by SIGINT."
    SIGTERM = 143, "Stopped by SIGTERM, or by --cancel."


class Problem(NamedTuple):
    """One thing that is wrong with the input: where it is (a file, a job, an option), and what it is."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


# What differs in lines that say the same of different jobs, values and places.
_VARYING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d+""")


def few_of_each(lines: Iterable[str]) -> list[str]:
    """The lines, of which those that say the same of different jobs, values or places are five, and how many more."""
    whole = list(lines)
    kinds = [_VARYING.sub("", line) for line in whole]
    number = Counter(kinds)
    told: Counter[str] = Counter()
    few = []
    for line, kind in zip(whole, kinds, strict=True):
        told[kind] += 1
        if told[kind] <= FEW or number[kind] == FEW + 1:
            few.append(line)
        if told[kind] == FEW and number[kind] > FEW + 1:
            few.append(f"and {number[kind] - FEW:,} more like that")
    return few


class ToolError(Exception):
    """An error that ends the run. Each of `lines` is shown to the user as one line."""

    exit_code: ExitCode = ExitCode.AWS_ERROR

    @property
    def lines(self) -> list[str]:
        """The message, line by line; of many that say the same, a few."""
        return few_of_each(self.every_line)

    @property
    def every_line(self) -> list[str]:
        """The same, with all."""
        return [str(self)]


class InputError(ToolError):
    """The command line, a file or an entity that the user named is wrong. Has all problems that were found."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    @classmethod
    def of(cls, where: str, what: str) -> InputError:
        """The error with one problem."""
        return cls([Problem(where, what)])

    def at(self, where: str) -> InputError:
        """The same problems, but with another `where`."""
        return InputError(Problem(where, problem.what) for problem in self.problems)

    @property
    def every_line(self) -> list[str]:
        return [str(problem) for problem in self.problems]


class SettingError(InputError, TypeError):
    """A program has given a setting that there is not, or of a type that it cannot have."""


class SeveralErrors(ToolError):
    """Errors that were found together. The first one says with which exit status the command ends."""

    def __init__(self, errors: Iterable[ToolError]) -> None:
        self.errors = tuple(errors)
        self.exit_code = self.errors[0].exit_code
        super().__init__("; ".join(self.every_line))

    @property
    def every_line(self) -> list[str]:
        return [line for error in self.errors for line in error.every_line]


class AwsError(ToolError):
    """A call of AWS that failed for good.

    `operation` is the API's name for the call, `subject` the job, file or entity that it was about, `code` the
    service's error code (or the name of the client's error), `message` what the service said.
    `unsure` tells that the answer to it, or to an earlier attempt, was lost: the call may have taken effect.
    `unsupported` tells that the server does not have such a call.
    """

    def __init__(
        self,
        operation: str,
        code: str,
        message: str,
        *,
        subject: str = "",
        unsure: bool = False,
        unsupported: bool = False,
    ) -> None:
        super().__init__(operation, code, message)
        self.operation = operation
        self.code = code
        self.message = message
        self.subject = subject
        self.unsure = unsure
        self.unsupported = unsupported

    @property
    def is_denial(self) -> bool:
        """Whether AWS says that the credentials may not do that."""
        return self.code in _DENIED

    def about(self, subject: str) -> AwsError:
        """The same error with a subject."""
        other = copy.copy(self)
        other.subject = subject
        return other

    def __str__(self) -> str:
        about = f"{self.subject}: " if self.subject else ""
        return f"{about}{self.operation} failed: {self.message} ({self.code})"


class Cancelled(ToolError):
    """A call was given up because the run is being stopped, or its time is over; or a run, before it had begun."""


class CallbackError(ToolError):
    """The function of a program that hears of events has failed. The run goes on when it is started again."""


class CleanupError(ToolError):
    """Some entities or objects could not be deleted, for these reasons, one each; all others were."""

    def __init__(self, failures: Iterable[str]) -> None:
        self.failures = list(failures)
        super().__init__("; ".join(self.failures))

    @property
    def every_line(self) -> list[str]:
        return self.failures


class JournalLost(ToolError):
    """Another start has taken over the run, so that this one must change nothing any more, here or in AWS."""


def told_of(error: Exception) -> tuple[list[str], ExitCode]:
    """What the user is told of an error that ends the command, line by line, and the exit status."""
    if isinstance(error, ToolError):
        return error.lines, error.exit_code
    if isinstance(error, OSError):
        return [str(error)], ExitCode.AWS_ERROR
    what = f"{type(error).__name__}: {error}"
    return [f"internal error: {what} (--log-level debug tells more)"], ExitCode.USAGE


class Interrupted(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come, or somebody has `cancelled` the run, `at` a time of time.monotonic().

    `unheld`: he does that himself, as nobody holds the run.
    """

    def __init__(self, exit_code: ExitCode, *, cancelled: bool = False, unheld: bool = False) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code
        self.cancelled = cancelled
        self.unheld = unheld
        self.at = time.monotonic()
        self.told = f"stopped by {'--cancel' if cancelled else 'a signal'}"  # the message for the user
        self.leaves_jobs = False  # the user was asked, and wants the jobs to go on

    @property
    def name(self) -> str:
        """What has come, as messages name it."""
        return "--cancel" if self.cancelled else self.exit_code.name

    @property
    def is_hurried(self) -> bool:
        """Whether SIGKILL is to be expected."""
        return self.exit_code is ExitCode.SIGTERM and not self.cancelled


def interruption_in(error: BaseException) -> Interrupted | None:
    """The signal that another error has come of, as Python or a library made that of the exception; None: no signal."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        if isinstance(found, Interrupted):
            return found
        seen.append(found)
        found = found.__cause__ or found.__context__
    return None
