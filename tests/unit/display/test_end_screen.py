"""The end of a run in one screen, whatever the run was."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from jobbag.display import end_screen

from ..builders import TEXT


def cause(title: str, count: int = 1, *tail: str, job: str = "one") -> dict[str, Any]:
    example = {"job": job, "aws_id": "id", "err": f"{job}.err", "tail": list(tail)}
    return {"cause": title, "advice": f"mend {title}", "count": count, "example": example}


def overview(**values: Any) -> dict[str, Any]:
    """The overview of a run of two jobs that went well."""
    return {
        "submit_files": ["bag.in"],
        "region": "eu-west-3",
        "started": 0,
        "ended": 12_340,
        "counts": {"jobs": 2, "succeeded": 2, "failed": 0, "stopped": 0, "not_run": 0},
        "retried": {"jobs": 0, "attempts": 0, "spot": 0, "starts": 0},
        "sent_again": {"jobs": 0, "memory": 0, "machine": 0},
        "uploads": {"files": 0, "bytes": 0, "unchanged": 0},
        "results": {"files": 0, "bytes": 0, "directory": "results", "elsewhere": 0, "left": []},
        "outputs": "/here/<job name>.out and .err",
        "vcpu_hours": {"asked": 0.0, "wasted": 0.0},
        "memory": [],
        "cost": None,
        "causes": [],
        "errors": [],
        "notes": [],
        **values,
    }


def rows(
    run: dict[str, Any], following: str | None, files: dict[str, str], columns: int | None = 80, rows: int = 22
) -> list[str]:
    """The texts of the lines on a terminal."""
    return [line.text for line in end_screen.lines(run, following, files, columns, rows)]


def test_a_run_without_a_failure() -> None:
    assert rows(overview(), None, {}) == [
        "2 jobs: 2 succeeded, 0 failed, in 12.3 s",
        "  bag.in, eu-west-3",
        "  output: /here/<job name>.out and .err",
    ]


def test_a_start_that_had_nothing_to_do_tells_no_time_of_an_earlier_one() -> None:
    assert end_screen.lines(overview(), None, {}, timed=False)[0].text == "2 jobs: 2 succeeded, 0 failed"


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ({"total": 0.0, "currency": None, "wasted": {}}, "cost: 0.00"),
        (
            {"total": 1234.5, "currency": "USD", "wasted": {"spot losses": 0.41, "failures": 0.0123, "the halt": 0.0}},
            "cost: 1,234.50 USD; wasted by spot losses: 0.41, by failures: 0.012",
        ),
    ],
)
def test_the_cost_is_one_line(cost: dict[str, Any], told: str) -> None:
    assert rows(overview(cost=cost), None, {}, columns=None)[2] == f"  {told}"


def spare(**values: Any) -> dict[str, Any]:
    """Jobs that asked for far more memory than they used."""
    plain = {"jobs": 40, "all": True, "example": "one", "executable": "fit", "vcpus": 1.0, "asked": 8192, "used": 812}
    return {**plain, "of": "container", "enough": 1024, **values}


DO = '"resourceRequirements": [{"type": "MEMORY", "value": "1024"}] would do'


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([spare()], f"the 40 jobs asked for 8192 MiB and used at most 812: {DO}"),
        ([spare(jobs=1, all=False)], f"job one asked for 8192 MiB and used at most 812: {DO}"),
        (
            [spare(all=False, of="process"), spare()],
            f"40 jobs of fit asked for 8192 MiB and used at most 812, the largest process of each: {DO}; "
            "and 1 more group likewise",
        ),
    ],
)
def test_what_jobs_could_ask_for_is_one_line(groups: list[dict[str, Any]], told: str) -> None:
    assert rows(overview(memory=groups), None, {}, columns=None)[2] == f"  {told}"


@pytest.mark.parametrize(
    ("elsewhere", "told"),
    [
        (0, "in new/<job name>/"),
        (2, "in new/<job name>/; 2 of them where an earlier start put them"),
        (3, "where an earlier start put them"),
    ],
)
def test_results_are_told_where_they_are(elsewhere: int, told: str) -> None:
    results = {"files": 3, "bytes": 45, "directory": "new", "elsewhere": elsewhere, "left": []}
    assert f"  results: 3 files (45 bytes) {told}" in rows(overview(results=results), None, {}, columns=None)


def test_a_run_of_all_kinds() -> None:
    run = overview(
        ended=3_750_000,
        counts={"jobs": 1000, "succeeded": 585, "failed": 412, "stopped": 1, "not_run": 2},
        retried={"jobs": 3, "attempts": 4, "spot": 2, "starts": 1},
        uploads={"files": 1, "bytes": 1, "unchanged": 12},
        vcpu_hours={"asked": 12.5, "wasted": 3.25},
        causes=[
            cause("bad value <n>", 400, "a", "b", "", "bad value 7", job="seven"),
            cause("out of memory", 10, job="mem"),
            cause("killed", 2, "\x1b[31m in the\tmiddle", job="findrange_ID0000002"),
            cause("e"),
            cause("f", 2),
        ],
        errors=["input file x: no"],
    )
    assert rows(run, "do it again", {"summary": "sum.json"}) == [
        "1,000 jobs: 585 succeeded, 412 failed, 1 stopped, 2 not run, in 1 h 2 min",
        "  bag.in, eu-west-3, 12.50 vCPU-hours, 3.25 of them in attempts that failed",
        "  started again: 3 jobs, 4 times in all; attempts that lost their machine: 2,",
        "that could not be started or looked after: 1",
        "  1 file (1 byte) sent to S3, 12 were there already",
        "  output: /here/<job name>.out and .err",
        "  error: input file x: no",
        "  400 x bad value <n>",
        "      as job seven (seven.out and .err):",
        "      | bad value 7",
        "      mend bad value <n>",
        "  10 x out of memory",
        "      as job mem (mem.out and .err):",
        "      mend out of memory",
        "  2 x killed",
        "      as job findrange_ID0000002 (findrange_ID0000002.out and .err):",
        "      | \\x1b[31m in the middle",
        "      mend killed",
        "  and 2 more causes, of 3 jobs",
        "next: do it again",
        "summary: sum.json",
    ]


def test_what_is_about_failures_is_an_error_and_nothing_else() -> None:
    run = overview(
        counts={"jobs": 3, "succeeded": 1, "failed": 1, "stopped": 1, "not_run": 0},
        causes=[cause("bad", 1, "oh no"), cause("stopped with the run")],
    )
    wrong = {line.text for line in end_screen.lines(run, "do it again", {"summary": "s"}) if line.wrong}
    assert wrong == {
        "3 jobs: 1 succeeded, 1 failed, 1 stopped, in 12.3 s",
        "  1 x bad",
        "      as job one (one.out and .err):",
        "      | oh no",
        "      mend bad",
    }


def test_a_run_that_was_stopped_is_no_error() -> None:
    run = overview(
        counts={"jobs": 2, "succeeded": 1, "failed": 0, "stopped": 1, "not_run": 0},
        causes=[cause("stopped with the run")],
    )
    assert not any(line.wrong for line in end_screen.lines(run, None, {}))


def test_a_wide_terminal_shows_more_of_each_line_and_a_high_one_more_causes() -> None:
    run = overview(errors=["e" * 200], causes=[cause(f"cause {number}", 1, "oh no") for number in range(9)])
    assert "  error: " + "e" * 108 + "..." in rows(run, None, {}, columns=120)
    assert sum(" x cause" in line for line in rows(run, None, {}, columns=120, rows=38)) == 5
    assert len(rows(run, None, {}, columns=120, rows=38)) <= 38


def test_where_there_is_no_terminal_nothing_is_cut() -> None:
    assert "  error: " + "e" * 1000 in rows(overview(errors=["e" * 1000]), None, {}, columns=None)


def test_the_files_that_have_the_whole() -> None:
    shown = rows(overview(), None, {"report": "r.html", "summary": "s.json"})
    assert shown[-2:] == ["report: r.html", "summary: s.json"]


def test_a_single_cause_is_shown_with_more_of_its_output() -> None:
    run = overview(causes=[cause("it", 3, *(f"line {number}" for number in range(1, 10)))])
    shown = [line for line in rows(run, None, {}) if "|" in line]
    assert shown == [f"      | line {number}" for number in range(4, 10)]


def test_who_has_no_summary_is_told_where_the_other_causes_are() -> None:
    run = overview(causes=[cause(str(number)) for number in range(9)])
    assert "  and 6 more causes, of 6 jobs; --summary FILE has them all" in rows(run, None, {})
    assert "  and 6 more causes, of 6 jobs" in rows(run, None, {"summary": "x"})


def test_wide_letters_are_cut_where_the_terminal_ends() -> None:
    shown = rows(overview(outputs="海" * 100, errors=["a" + "岸" * 40]), None, {})
    assert shown[2:] == ["  output: " + "海" * 35, "海" * 38 + "...", "  error: a" + "岸" * 33 + "..."]


_LONG = TEXT | st.text(st.sampled_from("ab \t界é\x00"), max_size=300)
_COUNT = st.integers(0, 10**6)
_RUN = st.builds(
    overview,
    submit_files=st.lists(_LONG, min_size=1, max_size=3),
    ended=st.integers(0, 10**11),
    counts=st.fixed_dictionaries(dict.fromkeys(("jobs", "succeeded", "failed", "stopped", "not_run"), _COUNT)),
    retried=st.fixed_dictionaries({"jobs": _COUNT, "attempts": _COUNT, "spot": _COUNT, "starts": _COUNT}),
    sent_again=st.fixed_dictionaries({"jobs": _COUNT, "memory": _COUNT, "machine": _COUNT}),
    uploads=st.fixed_dictionaries({"files": _COUNT, "bytes": st.integers(0, 10**15), "unchanged": _COUNT}),
    outputs=_LONG,
    vcpu_hours=st.fixed_dictionaries({"asked": st.floats(0, 1e9), "wasted": st.floats(0, 1e9)}),
    causes=st.lists(
        st.builds(
            lambda title, count, tail, job: cause(title, count, *tail, job=job),
            _LONG, st.integers(1, 10**6), st.lists(_LONG, max_size=10), _LONG,
        ),
        max_size=8,
    ),
    errors=st.lists(_LONG, max_size=6),
)  # fmt: skip


@given(
    _RUN,
    st.none() | _LONG,
    st.dictionaries(st.sampled_from(["report", "summary"]), _LONG),
    st.sampled_from([(80, 22), (120, 38), (40, 22)]),
)
def test_any_run_fits_in_a_terminal(
    run: dict[str, Any], following: str | None, files: dict[str, str], size: tuple[int, int]
) -> None:
    columns, height = size
    lines = rows(run, following, files, columns=columns, rows=height)
    assert len(lines) <= height
    assert all(cell_len(line) <= columns for line in lines)
    assert not any(unicodedata.category(letter) == "Cc" for line in lines for letter in line)
    if run["causes"]:
        shown = sum(" x " in line and line[:2] == "  " and line[2] != " " for line in lines)
        assert shown >= 1
