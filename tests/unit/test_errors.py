"""Errors as the user reads them."""

from __future__ import annotations

from jobbag.errors import AwsError, CleanupError, ExitCode, InputError, Problem


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
