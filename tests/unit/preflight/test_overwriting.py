"""A run does not write over what it reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jobbag.preflight.overwriting import overwriting_problems

from ..builders import bag, job, settings


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def told(*jobs: Any, common: tuple[str, ...] = (), **values: Any) -> list[str]:
    given = {"submit_files": (Path("bag.in"),), **values}
    return [str(problem) for problem in overwriting_problems(settings(**given), bag(*jobs, common=common))]


def written(*names: str) -> None:
    for name in names:
        Path(name).write_text(name)


def test_a_usual_run_overwrites_nothing() -> None:
    written("bag.in", "one.out", "one.err", "data.out", "two.out.x", "bag.journal", "s.json", "r.html")
    jobs = job(1, "one", inputs=("data.out", "s3://bucket/one.out")), job(2, "two", inputs=("two.out.x", "../one.out"))
    assert told(*jobs, common=("data.out", "bag.in"), summary=Path("s.json"), report=Path("r.html")) == []
    assert told(*jobs, merge_logs=Path("bag"), conf=Path("my.properties"), job_queue="q") == []


@pytest.mark.parametrize("name", ["stage.out", "stage.err", "stage.out.part", "stage.err.1", "stage.out.12"])
@pytest.mark.parametrize("there", [True, False])
def test_the_output_of_a_job_and_an_input(name: str, there: bool) -> None:
    if there:
        written(name)
    expected = [f'bag.in: job "stage": its output {name} would overwrite the input file ./{name}']
    assert told(job(1, "other", inputs=(f"./{name}",)), job(2, "stage")) == expected
    assert told(job(1, "stage"), common=(f"./{name}",)) == expected
    assert told(job(1, "stage"), common=(f"../work/{name}",)) == [expected[0].replace("./", "../work/")]


def test_merged_output_leaves_the_files_of_jobs_alone() -> None:
    common = ("stage.out", "stage.err.1")
    assert told(job(1, "stage"), common=common, merge_logs=Path("all")) == [
        'bag.in: job "stage": its output stage.err.1 would overwrite the input file stage.err.1'
    ]


def test_by_way_of_links(tmp_path: Path) -> None:
    written("one.out", "two", "three")
    (tmp_path / "same").symlink_to("work")
    Path("input").symlink_to("one.out")
    Path("two.err").symlink_to("two")
    os.link("three", "three.out")
    jobs = job(1, "one", inputs=("input",)), job(2, "two", inputs=("../same/two",)), job(3, "three", inputs=("three",))
    assert sorted(told(*jobs)) == [
        'bag.in: job "one": its output one.out would overwrite the input file input',
        'bag.in: job "three": its output three.out would overwrite the input file three',
        'bag.in: job "two": its output two.err would overwrite the input file ../same/two',
    ]
    assert told(job(), common=("../same/x.json",), summary=Path("x.json")) == [
        "--summary: x.json would overwrite the input file ../same/x.json"
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"submit_files": (Path("bag.journal"),)},
         "--prefix: bag.journal would overwrite the job submit file bag.journal"),
        ({"common": ("bag.journal.held",)},
         "--prefix: bag.journal.held would overwrite the input file bag.journal.held"),
        (
            {"job_queue": "./bag.jobstate.log"},
            "--prefix: bag.jobstate.log would overwrite the JSON file ./bag.jobstate.log",
        ),
        ({"summary": Path("bag.in")}, "--summary: bag.in would overwrite the job submit file bag.in"),
        ({"summary": Path("./bag.journal")}, "--summary: bag.journal would overwrite the journal bag.journal"),
        ({"report": Path("my.properties"), "conf": Path("my.properties")},
         "--report: my.properties would overwrite the properties file my.properties"),
        ({"report": Path("s.json"), "summary": Path("s.json")}, "--report: s.json would overwrite the summary s.json"),
        ({"merge_logs": Path("in"), "common": ("in.err",)},
         "--merge-logs: in.err would overwrite the input file in.err"),
        ({"merge_logs": Path("../work/in"), "common": ("in.out.part",)},
         "--merge-logs: ../work/in.out.part would overwrite the input file in.out.part"),
        ({"summary": Path("m.out"), "merge_logs": Path("m")}, "--merge-logs: m.out would overwrite the summary m.out"),
        ({"summary": Path("one.out")}, 'bag.in: job "one": its output one.out would overwrite the summary one.out'),
        ({"submit_files": (Path("one.err"),)},
         'bag.in: job "one": its output one.err would overwrite the job submit file one.err'),
    ],
)  # fmt: skip
def test_other_files_of_a_run(values: dict[str, Any], expected: str) -> None:
    common = values.pop("common", ())
    assert expected in told(job(), common=common, **values)


def test_a_table_is_not_overwritten_and_stdin_is_no_file() -> None:
    written("t.csv", "c.txt", "-")
    others: dict[str, Any] = {"submit_files": (Path("-"),), "summary": Path("-")}
    assert told(job(), **others) == []
    assert told(job(), submit_files=(), sweep=Path("t.csv"), summary=Path("t.csv")) == [
        "--summary: t.csv would overwrite the table t.csv"
    ]
    assert told(job(), submit_files=(), commands=Path("c.txt"), report=Path("c.txt")) == [
        "--report: c.txt would overwrite the file of commands c.txt"
    ]
