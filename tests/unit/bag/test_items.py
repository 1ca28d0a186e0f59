"""The fields `inputs` and `outputs` of jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jobbag.bag import reader
from jobbag.bag.items import items_of, outputs_of
from jobbag.bag.job import Bag, Item


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("given", "source", "target"),
    [
        ("data/a, b.txt", "data/a, b.txt", "a, b.txt"),
        ("../x/", "../x/", "x"),
        ("s3://b/some/key.dat", "s3://b/some/key.dat", "key.dat"),
        ("job:split/halves/", "job:split/halves/", "halves"),
        ("job:split/halves/1.txt", "job:split/halves/1.txt", "1.txt"),
        ({"from": "a.txt", "to": "in/b.txt"}, "a.txt", "in/b.txt"),
        ({"from": "a.txt", "to": "./in//b.txt"}, "a.txt", "in/b.txt"),
        ({"from": "a.txt", "to": "in/"}, "a.txt", "in/a.txt"),
        ({"from": "a.txt"}, "a.txt", "a.txt"),
    ],
)
def test_where_an_item_lands(given: Any, source: str, target: str) -> None:
    assert items_of([given, given]) == ((Item(source, target),), [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a.txt", "inputs: must be a list"),
        ([1], "inputs[0]: must be a path"),
        ([""], "inputs[0]: must be a path"),
        ([{"to": "x"}], "inputs[0]: must be a path"),
        ([{"from": "a", "as": "x"}], "inputs[0]: must be a path"),
        (["a\nb"], "has a line break"),
        (["a\0b"], "a NUL"),
        (["\ud800"], "is not in UTF-8"),
        (["/"], "is no file and no directory"),
        (["job:a"], "must be job:NAME/PATH"),
        (["job:a/../b"], "leads out of the working directory"),
        (["s3://bucket"], "must be the URL of one object"),
        (["s3://bucket/dir/"], "must be the URL of one object"),
        (["a", {"from": "b", "to": "/x"}], "inputs[1]: to: '/x': must be relative"),
        ([{"from": "b", "to": "../x"}], "leads out"),
        ([{"from": "b", "to": "."}], "is the working directory itself"),
    ],
)
def test_inputs_that_cannot_be(given: Any, said: str) -> None:
    items, problems = items_of(given)
    assert said in problems[0]
    assert len(problems) == 1
    assert len(items) < 2


def test_outputs() -> None:
    given = ["a.txt", "./plots/", "sub//*.csv", "a.txt", "-x", "with, comma"]
    assert outputs_of(given) == (("a.txt", "plots/", "sub/*.csv", "-x", "with, comma"), [])


@pytest.mark.parametrize("given", ["a", [1], [""], ["/a"], ["a/../../b"], ["."], ["./"], ["a\nb"]])
def test_outputs_that_cannot_be(given: Any) -> None:
    outputs, problems = outputs_of(given)
    assert (outputs, len(problems)) == ((), 1)
    assert problems[0].startswith("outputs")


def load(*jobs: dict[str, Any], defaults: dict[str, Any] | None = None) -> tuple[Bag, list[str]]:
    path = Path("bag.in")
    entries = [{"jobName": f"j{number}", "executable": "x", **one} for number, one in enumerate(jobs, 1)]
    path.write_text(json.dumps({"SubmitJob": entries, "defaults": defaults or {}}))
    bag, problems = reader.load([path], ())
    return bag, list(map(str, problems))


def test_a_job_with_files_has_the_launcher_and_waits_for_those_whose_results_it_takes() -> None:
    bag, problems = load({"outputs": ["a"]}, {"inputs": ["job:j1/a", "s3://b/k"], "dependsOn": ["j1"]}, {})
    assert problems == []
    assert [(job.launcher, job.depends_on) for job in bag.jobs] == [(True, ()), (True, ("j1",)), (False, ())]


def test_the_lists_of_the_defaults_stand_in_front_of_those_of_a_job() -> None:
    bag, problems = load(
        {"inputs": ["s3://b/2"], "outputs": ["2"]}, defaults={"inputs": ["s3://b/1"], "outputs": ["1"]}
    )
    assert problems == []
    assert [item.target for item in bag.jobs[0].items] == ["1", "2"]
    assert bag.jobs[0].outputs == ("1", "2")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"inputs": ["job:nobody/a"]}, 'inputs: no job of the bag has the name "nobody"'),
        ({"inputs": ["job:j1/a"]}, "inputs: 'job:j1/a' is a result of the same job"),
        ({"inputs": ["job:j1/a"], "outputs": ["b"]}, "inputs: 'job:j1/a' is a result of the same job"),
        ({"outputs": ["a"], "launcher": False}, 'outputs: need the launcher, so the job cannot have "launcher": false'),
        ({"outputs": ["a"], "arrayProperties": {"size": 2}}, "outputs: need the launcher, but it does not start"),
        ({"inputs": ["missing"]}, "input 'missing': No such file"),
        ({"inputs": ["a.txt", "in/a.txt"]}, "'in/a.txt' and 'a.txt' would both land in a.txt"),
        (
            {"inputs": ["a.txt", {"from": "in", "to": "a.txt"}]},
            "'in' would land in a.txt/a.txt, but 'a.txt' is the file",
        ),
        ({"inputs": ["in", {"from": "a.txt", "to": "in/a.txt"}]}, "'a.txt' and 'in' would both land in in/a.txt"),
        ({"inputs": ["in"], "environment": [{"name": "TRANSFER_INPUT_FILES", "value": "other/in"}]}, "is the file in"),
    ],
)
def test_what_is_wrong_with_the_files_of_a_job(job: dict[str, Any], said: str) -> None:
    for name in ("a.txt", "in/a.txt", "other/in"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    _, problems = load(job)
    assert [one for one in problems if said in one]
    assert len(problems) == 1


def test_files_of_one_name_have_their_own_keys_and_names_may_be_any() -> None:
    for name in ("one/a, b.txt", "two/a, b.txt"):
        Path(name).parent.mkdir()
        Path(name).write_text(name)
    bag, problems = load(
        {"inputs": ["one/a, b.txt"]}, {"inputs": ["two/a, b.txt", {"from": "one/a, b.txt", "to": "x"}]}
    )
    assert problems == []
    keys = [bag.name_in_s3(item) for item in bag.local_files()]
    assert len(set(keys)) == len(keys) == 2
    assert all(key.startswith("inputs/") and key.endswith("/a, b.txt") for key in keys)


@pytest.mark.parametrize(
    ("outputs", "path", "said"),
    [
        (["plots/", "*.txt"], "*.txt", "a result is named as it is, without globs: give each file by itself"),
        (["plots/"], "plots/*.png", 'give its directory, "job:j1/plots/" or each file by itself'),
        ([], "a/b?/c", "without globs: give each file by itself"),
        (["model.nc", "plots/*.png"], "modle.nc", "no output of that job can be this; did you mean model.nc?"),
        (["plots/*.png"], "what the job puts there by itself", None),
        (["[0-9].txt"], "[0-9].txt/x", None),
        (["[0-9].txt"], "7.txt", None),
        (["plots/"], "plots/below/a[1].png", None),
        (["plots/a.png", "plots/b.png"], "plots/", None),
        (["*"], "anything/below", None),
        ([], "what the job puts there by itself", None),
    ],
)
def test_a_result_of_another_job_is_one_that_it_can_give(outputs: list[str], path: str, said: str | None) -> None:
    _, problems = load({"outputs": outputs}, {"inputs": [f"job:j1/{path}"]})
    assert len(problems) == (said is not None)
    assert said is None or said in problems[0]
