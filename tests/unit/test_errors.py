"""Errors as the user reads them."""

from __future__ import annotations

from jobbag.errors import AwsError, CleanupError, ExitCode, InputError, Problem, SeveralErrors


def test_each_problem_is_a_line() -> None:
    error = InputError([Problem("a.in", "is empty"), Problem("--prefix", "is no name")])
    assert error.lines == ["a.in: is empty", "--prefix: is no name"]
    assert error.exit_code == 3


def test_an_aws_error_tells_what_it_is_about() -> None:
    error = AwsError("SubmitJob", "ClientException", "no such queue")
    assert error.lines == ["SubmitJob failed: no such queue (ClientException)"]
    assert error.exit_code == 2
    about = AwsError("SubmitJob", "X", "lost", unsure=True).about("job one")
    assert str(about) == "job one: SubmitJob failed: lost (X)"
    assert about.unsure


def test_each_entity_that_could_not_be_deleted_is_a_line() -> None:
    error = CleanupError(line for line in ("queue a: busy", "bucket b: denied"))
    assert error.lines == ["queue a: busy", "bucket b: denied"]
    assert error.exit_code == 2


def test_the_exit_statuses_are_those_of_the_manual() -> None:
    assert all(code.meaning for code in ExitCode)
    assert sorted(ExitCode) == [0, 1, 2, 3, 129, 130, 143]


def test_of_a_problem_that_many_jobs_have_five_are_told() -> None:
    jobs = [Problem(f'bag.in: job "fit-{number}"', "executable: must be a string") for number in range(3000)]
    others = [Problem(f'bag.in: job "fit-{number}"', f"arrayProperties.size: not {number}") for number in range(6)]
    error = InputError([*others[:3], *jobs, *others[3:]])
    assert error.lines == [
        *map(str, (*others[:3], *jobs[:5])),
        "and 2,995 more like that",
        *map(str, others[3:]),
    ]
    assert len(error.every_line) == len(error.problems) == 3006
    queues = [InputError.of(f'bag.in: job "{name}"', f"the job queue '{name}' does not exist") for name in "abcdefgh"]
    assert SeveralErrors(queues).lines == [*(str(one) for one in queues[:5]), "and 3 more like that"]
    assert CleanupError(f"bucket {number}: denied" for number in range(7)).lines[5:] == ["and 2 more like that"]
