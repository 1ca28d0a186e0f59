"""Why jobs failed: what a person would call one cause is one, and no more is."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.events.causes import (
    EXITED,
    LINES,
    OTHER_LINES,
    WORDINGS,
    Cause,
    Failure,
    causes,
    error_line,
    folded,
    kind_of,
)

from ..builders import TEXT

UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
OTHER_UUID = "00000000-abcd-4abc-9abc-abcdefabcdef"


def of_lines(*said: str, exit_code: int | None = 1, reason: str | None = EXITED) -> list[Cause]:
    """The causes of jobs that all ended so, each with one of these last lines."""
    kind = kind_of(exit_code, reason)
    return causes(Failure(number, kind, folded(line)) for number, line in enumerate(said, start=1))


def titles(found: list[Cause]) -> dict[str, int]:
    return {cause.title: len(cause.jobs) for cause in found}


# -- lines that say the same


@pytest.mark.parametrize(
    ("one", "other", "title"),
    [
        ("ValueError: bad value 7", "ValueError: bad value -1,024.5e-3", "ValueError: bad value <n>"),
        ("cannot read /data/run1/a.fits", "cannot read ../b", "cannot read <path>"),
        ("no such key s3://b/k/1?x=y", "no such key s3://other/z", "no such key <path>"),
        ("data/a.csv: truncated", "more/data/bob.csv: truncated", "<path>: truncated"),
        (f"request {UUID} failed", f"request {OTHER_UUID} failed", "request <id> failed"),
        ("pod i-0abc12 died", "pod i-12ffed345 died", "pod i-<n> died"),
        ("fault at 0x7fff12aa", "fault at 0xdeadbeef", "fault at <n>"),
        (
            "2024-01-02 10:11:12,123 ERROR [w-3] timeout",
            "2025-12-31T23:59:59.9Z ERROR [w-12] timeout",
            "<time> ERROR [w-<n>] timeout",
        ),
        ("bad shape (10, 3, 4)", "bad shape (2, 2)", "bad shape (<n>)"),
        ("\x1b[31merror\x1b[0m at 3 ", "error at   5", "error at <n>"),
        ("10%\r20%\rdisk error 5", "30%\rdisk error 6", "disk error <n>"),
    ],
)
def test_lines_of_one_cause(one: str, other: str, title: str) -> None:
    assert titles(of_lines(one, other)) == {f"exit code 1: {title}": 2}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ModuleNotFoundError: No module named 'numpy'", "ModuleNotFoundError: No module named 'scipy'"),
        ("sh: 1: foo: not found", "sh: 1: bar: not found"),
        ("disk full", "disk broken"),
        ("I/O error", "N/A error"),  # no paths
    ],
)
def test_lines_of_two_causes(one: str, other: str) -> None:
    assert len(of_lines(one, other, one, other)) == 2


_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="0123456789\r"), max_size=12)
_NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=3).map(str),
    st.integers(10_000, 10**12).map(lambda number: f"{number:,}"),
)


@given(st.lists(_WORDS, min_size=1, max_size=5), st.data())
def test_numbers_never_split_a_cause(words: list[str], data: st.DataObject) -> None:
    def line() -> str:
        return words[0] + "".join(data.draw(_NUMBERS) + word for word in words[1:])

    assert len({folded(line()) for _ in range(3)}) == 1


@given(TEXT)
def test_to_fold_is_done_once_and_for_all(line: str) -> None:
    assert len(folded(line)) <= 160
    assert "\n" not in folded(line)


# -- the causes of a bag


_FAILURES = st.lists(
    st.builds(
        lambda code, reason, line: (kind_of(code, reason), folded(line)),
        st.sampled_from([None, 1, 2, 127, 137]),
        st.sampled_from([None, EXITED, "Host EC2 (instance i-1) terminated.", "stopped by me"]),
        st.sampled_from(["", "KeyError: 'a'"]) | st.text("abc '5", max_size=9) | TEXT,
    ),
    max_size=60,
)


@given(_FAILURES, st.randoms(use_true_random=False))
def test_each_failure_has_one_cause_whatever_their_order(
    found: list[tuple[object, str]], shuffled: random.Random
) -> None:
    failures = [Failure(number, kind, line) for number, (kind, line) in enumerate(found, start=1)]  # type: ignore[arg-type]
    result = causes(failures)
    assert Counter(job for cause in result for job in cause.jobs) == Counter(one.job for one in failures)
    assert len({cause.title for cause in result}) == len(result)
    sizes = [len(cause.jobs) for cause in result]
    assert sizes == sorted(sizes, reverse=True)
    assert all(cause.advice for cause in result)
    alike: dict[object, int] = {}
    for place, cause in enumerate(result):
        for job in cause.jobs:
            assert alike.setdefault(failures[job - 1].alike, place) == place
    shuffled.shuffle(failures)
    assert causes(failures) == result


def test_names_that_differ_in_every_job_are_one_cause() -> None:
    many = [f"KeyError: '{name}'" for name in ("ann", "bob", "cid", "dan", "eve")]
    assert len(many) == WORDINGS + 1
    assert len(of_lines(*many[:-1])) == WORDINGS
    assert titles(of_lines(*many)) == {"exit code 1: KeyError: <text>": 5}
    assert titles(of_lines(*many, *["KeyError: 'zoe'"] * 20)) == {
        "exit code 1: KeyError: 'zoe'": 20,
        "exit code 1: KeyError: <text>": 5,
    }


def test_last_lines_that_say_nothing_are_one_cause() -> None:
    many = [f"now {'abcdefghi'[number]} is done" for number in range(LINES + 1)]
    assert titles(of_lines(*many, *["real error"] * 9)) == {
        "exit code 1: real error": 9,
        f"exit code 1: {OTHER_LINES}": 9,
    }
    assert len(of_lines(*many[:LINES])) == LINES


def test_a_job_that_said_nothing() -> None:
    assert titles(of_lines("", "")) == {"exit code 1": 2}


# -- what AWS says of the end


@pytest.mark.parametrize(
    ("exit_code", "reason", "title", "advice"),
    [
        (137, f"{EXITED}; OutOfMemoryError: Container killed due to memory usage", "out of memory", "more memory"),
        (137, f"{EXITED}; OOMKilled", "out of memory", "more memory"),  # on EKS
        (None, "Host EC2 (instance i-0123) terminated.", "its machine was lost", "retryStrategy.attempts"),
        (137, "Your Spot Task was interrupted.", "its machine was lost (Fargate Spot", "FARGATE_SPOT"),
        (None, f"{EXITED}; CannotInspectContainerError: x", "Docker did not tell how it ended", "larger type"),
        (137, "Job attempt duration exceeded timeout", "ran longer than its timeout", "attemptDurationSeconds"),
        (None, "Task failed to start; CannotPullContainerError: x", "cannot pull the image", "registry"),
        (
            127,
            "Task failed to start; CannotStartContainerError: exec: no",
            "Task failed to start; CannotStartContainerError: exec: no",
            "command",
        ),
        (None, "ResourceInitializationError: no secret", "ResourceInitializationError: no secret", "subnets"),
        (None, "DockerTimeoutError: x", "Docker did not answer", "larger type"),
        (None, "Dependent Job failed", "a job that it depends on failed", "that job"),
        (None, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", "MISCONFIGURATION:JOB_RESOURCE", "compute environment"),
        (None, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "CAPACITY:INSUFFICIENT", "instance types"),
        (None, "Container Overrides length must be at most 8192", "Container Overrides length", "input files"),
        (137, "pegasus-aws-batch was halted: 3 jobs failed", "ended by the halt of the run", "--retry-failed"),
        (143, "pegasus-aws-batch was stopped", "stopped with the run", "same command"),
        (137, "because of my cat 12", "because of my cat <n>", "stopped by hand"),
        (126, EXITED, "exit code 126, cannot be executed", "chmod"),
        (127, EXITED, "exit code 127, command not found", "PATH"),
        (137, EXITED, "exit code 137, killed", "memory"),
        (139, None, "exit code 139, segmentation fault", "native code"),
        (3, EXITED, "exit code 3", "its output"),
        (None, None, "no exit code and no reason", "console"),
    ],
)
def test_what_the_end_means_and_what_to_do(exit_code: int | None, reason: str | None, title: str, advice: str) -> None:
    kind = kind_of(exit_code, reason)
    assert kind.title.startswith(title)
    assert advice in kind.advice
    assert len(kind.advice) <= 74, "with its indent it must fit in a line of a terminal"


def test_what_a_job_said_is_no_cause_where_aws_knows_better() -> None:
    lost = "Host EC2 (instance i-{}) terminated."
    kinds = [kind_of(None, lost.format(number)) for number in range(3)]
    assert titles(causes(Failure(n, kind, f"at step {'abc'[n]}") for n, kind in enumerate(kinds))) == {
        kinds[0].title: 3
    }
    assert len(of_lines("step a", "step b", exit_code=137)) == 1
    assert len(of_lines("step a", "step b", exit_code=127)) == 2


@pytest.mark.parametrize("error", ["SubmitJob failed: no (AccessDeniedException)", "x: User is not authorized to y"])
def test_a_call_that_is_not_permitted(error: str) -> None:
    assert "permission" in kind_of(None, None, error).advice


def test_a_bucket_that_demands_encryption_is_known_by_its_refusal() -> None:
    error = "PutObject failed: User is not authorized to perform: s3:PutObject with an explicit deny in a "
    assert "--sse" in kind_of(None, None, error + "resource-based policy (AccessDenied)").advice


# -- the line that tells most


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        ([], ""),
        (["one", "two", ""], "two"),
        (["reading", "Error: no such file x", "cleaning up", "bye"], "Error: no such file x"),
        (["Traceback (most recent call last):", "  File", "ValueError: x"], "ValueError: x"),
        (
            ["java.io.IOException: broken", "\tat a.b.Failing.run(F.java:3)", "\t... 12 more"],
            "java.io.IOException: broken",
        ),
        (["Error in f(): object 'y' not found", "Execution halted"], "Error in f(): object 'y' not found"),
        (["it failed", "done, 0 errors", "no failures"], "it failed"),
        (["segmentation went fine", "Segmentation fault (core dumped)"], "Segmentation fault (core dumped)"),
    ],
)
def test_the_error_line_of_a_tail(tail: list[str], line: str) -> None:
    assert error_line(tail) == line
