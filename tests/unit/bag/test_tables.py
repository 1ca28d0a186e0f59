"""Bags without JSON: which jobs a file of commands and a table make, and all that is wrong with them at once."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.bag import reader
from jobbag.bag.tables import Commands, Sweep

OPEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(content: str | bytes, name: str = "t.csv") -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def entries(content: str | bytes, *words: str, name: str = "t.csv", **templates: Any) -> list[dict[str, Any]]:
    found, problems = Sweep(write(content, name), words or ("run",), **templates).entries()
    assert problems == []
    return found


def problems(content: str | bytes, *words: str, **templates: Any) -> list[str]:
    return [str(one) for one in Sweep(write(content), words or ("run",), **templates).entries()[1]]


def commands(content: str | bytes) -> list[tuple[str, str]]:
    found, problems = Commands(write(content, "c.txt")).entries()
    assert problems == []
    assert {(one["executable"], one["arguments"][0]) for one in found} <= {("sh", "-c")}
    return [(one["jobName"], one["arguments"][1]) for one in found]


# -- a line of shell for each job


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", []),
        ("# none\n\n  \n\t# none\n", []),
        ("echo a\necho b", ["echo a", "echo b"]),
        ("\ufeffecho 'a  # b'\r\n\r\necho {x}\u2028\r\n", ["echo 'a  # b'", "echo {x}\u2028"]),
    ],
)
def test_each_line_is_a_job(content: str, lines: list[str]) -> None:
    assert commands(content) == [(f"job-{number}", line) for number, line in enumerate(lines, 1)]


def test_names_are_in_order_for_a_shell_too() -> None:
    names = [name for name, _ in commands("true\n" * 100)]
    assert (names[0], names[-1]) == ("job-001", "job-100")
    assert sorted(names) == names


def test_commands_that_cannot_be_read() -> None:
    assert list(map(str, Commands(Path("none")).entries()[1])) == [
        "none: cannot read the file of commands: No such file or directory"
    ]
    assert list(map(str, Commands(write(b"true\n\xff", "c.txt")).entries()[1])) == ["c.txt: line 2: is not UTF-8"]


def test_a_bag_comes_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    for source, text in (
        (Commands(Path("-")), b"echo a\n"),
        (Sweep(Path("-"), ("echo", "{x}"), name="job-1"), b"x\na\n"),
        (Path("-"), b'{"SubmitJob": [{"jobName": "job-1", "executable": "echo"}]}'),
        (Path("-"), b'{"SubmitJob": [{"jobName": "job-1", "executable": "echo"}], "defaults": {"tags": {"a": "b"}}}'),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        bag, wrong = reader.load([source], ())
        assert ([job.name for job in bag.jobs], wrong) == (["job-1"], [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"SubmitJob": [],}')))
    assert "-: line 1, column 17: invalid JSON: a comma too many" in str(reader.load([Path("-")], ())[1][0])


# -- a row of a table for each job


def test_each_row_is_a_job() -> None:
    found = entries(
        'alpha,data set\n0.1,"a,b"\n\n0.2,c d\n',
        "./fit", "--alpha={alpha}", "{data set}", "{{{alpha}}}",
        inputs=("data/{data set}.csv", "all.txt"), outputs=("fit-{alpha}.json",),
    )  # fmt: skip
    assert found == [
        {
            "jobName": f"t-{number}",
            "executable": "./fit",
            "arguments": [f"--alpha={alpha}", data, f"{{{alpha}}}"],
            "inputs": [f"data/{data}.csv", "all.txt"],
            "outputs": [f"fit-{alpha}.json"],
        }
        for number, alpha, data in ((1, "0.1", "a,b"), (2, "0.2", "c d"))
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("x,y\n1,2\n", "t.csv"),
        ("\ufeffx,y\r\n1,2\r\n", "t.CSV"),
        ("x\ty\n1\t2\n", "t.tsv"),
        ('"x","y"\n"1","2"', ".t.csv"),
    ],
)
def test_forms_of_tables(content: str, name: str) -> None:
    assert entries(content, "{x}", "{y}", name=name) == [{"jobName": "t-1", "executable": "1", "arguments": ["2"]}]


def test_names_of_rows() -> None:
    assert [one["jobName"] for one in entries("x\n" + "1\n" * 10)][::9] == ["t-01", "t-10"]
    found, wrong = Sweep(write("x\na\nb\n"), ("run",), name="fit-{x}").entries()
    assert ([one["jobName"] for one in found], wrong) == (["fit-a", "fit-b"], [])


def test_a_table_of_no_rows_is_an_empty_bag() -> None:
    assert entries("x,y\n") == []


def test_a_column_that_is_not_there_is_told_with_those_that_are() -> None:
    found = problems("alpha,beta\n1,2\n", "./fit", "{alhpa}", "{alhpa}", "awk '{print $1}'", inputs=("{}",), name="{a}")
    assert found == [
        "--sweep: '{alhpa}': t.csv has no column 'alhpa', but alpha, beta; for a brace write {{",
        "--sweep: \"awk '{print $1}'\": t.csv has no column 'print $1', but alpha, beta; for a brace write {{",
        "--input: '{}': t.csv has no column '', but alpha, beta; for a brace write {{",
        "--name: '{a}': t.csv has no column 'a', but alpha, beta; for a brace write {{",
    ]


def test_a_brace_that_stands_alone_is_told() -> None:
    assert problems("x\n1\n", "a}", outputs=("{x",)) == [
        "--sweep: 'a}' has a single }: write }} for a brace",
        "--output: '{x' has a single {: write {{ for a brace",
    ]


def test_rows_of_one_name_are_told() -> None:
    assert problems("x,y\na,1\nb,2\na,3\n" + "c,4\n" * 1000, name="{x}") == [
        "t.csv: rows 1, 3 give one name, 'a': a column that tells them apart belongs into --name",
        "t.csv: rows 4, 5, 6, 7, 8 and 995 more give one name, 'c': a column that tells them apart belongs into --name",
    ]


def test_rows_of_wrong_length_are_told_with_their_lines_and_all_else_too() -> None:
    found = problems('x,y\n1\n"a\nb",2\n1,2,3\nc,2\nc,2\n', name="{x}")
    assert found == [
        "t.csv: line 2: number of values: 1, but the header has 2 columns",
        "t.csv: line 5: number of values: 3, but the header has 2 columns",
        "t.csv: rows 4, 5 give one name, 'c': a column that tells them apart belongs into --name",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "t.csv: is empty: the first line must name the columns"),
        ("\n\n", "t.csv: is empty: the first line must name the columns"),
        ("x,y,x\n1,2,3\n", "t.csv: line 1: two columns have the name 'x'"),
        ('x\n1\n"2\n', "t.csv: line 3: is no CSV: unexpected end of data"),
        (b"x\n1\n\xff\n", "t.csv: line 3: is not UTF-8"),
    ],
)
def test_what_is_no_table(content: str | bytes, problem: str) -> None:
    assert problems(content) == [problem]


def test_a_table_that_is_not_there() -> None:
    assert list(map(str, Sweep(Path("none.csv"), ("run",)).entries()[1])) == [
        "none.csv: cannot read the table: No such file or directory"
    ]


def test_what_is_checked_in_a_submit_file_is_checked_here() -> None:
    source = Sweep(write("x,name\n1,a/b\n,c\n"), ("run", "{x}"), inputs=("none-{x}",), name="{name}")
    assert [str(one) for one in reader.load([source], ())[1]] == [
        "t.csv: job \"a/b\": jobName: becomes a file name, so it can have no '/' and no dot in front",
        't.csv: job "c": arguments: AWS Batch accepts no empty word in a command',
        "t.csv: job \"a/b\": input 'none-1': No such file or directory",
        "t.csv: job \"c\": input 'none-': No such file or directory",
    ]


@OPEN
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")), min_size=1, max_size=4))
def test_a_value_reaches_the_job_as_it_is(values: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["number", "value"], *enumerate(values)])
    found = entries(text.getvalue(), "run", "{value}", "{{value}}")
    assert [one["arguments"] for one in found] == [[value, "{value}"] for value in values]
