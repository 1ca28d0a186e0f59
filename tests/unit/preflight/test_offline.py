"""What is known to be wrong before AWS is asked, all of it at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from jobbag.entities.kinds import QUEUE, Existing
from jobbag.errors import InputError
from jobbag.options.settings import Mode
from jobbag.preflight.offline import entities_of, task_of

from ..builders import settings


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_bag(*jobs: dict[str, Any]) -> None:
    entries = [{"executable": "/bin/true", **one} for one in jobs]
    Path("bag.in").write_text(json.dumps({"SubmitJob": entries}))


ON_CE = [{"order": 1, "computeEnvironment": "ce"}]
GOOD: dict[str, Any] = {"job_definition": "d", "job_queue": "q"}


def told(**wanted: Any) -> list[str]:
    with pytest.raises(InputError) as refused:
        task_of(settings(**{**GOOD, **wanted}))
    return refused.value.lines


def test_good_input_is_a_task() -> None:
    write_bag({"jobName": "one"})
    task = task_of(settings(**GOOD, s3="s3://bucket/dir", merge_logs=Path("all"), summary=Path("s.json")))
    assert [one.name for one in task.bag.jobs] == ["one"]
    assert task.plan.queue == Existing(QUEUE, "q")
    assert task.place.url == "s3://bucket/dir/"


def test_problems_of_all_kinds_are_told_together() -> None:
    write_bag({"jobName": "one", "timeout": {"attemptDurationSeconds": 5}}, {"jobName": "one"})
    said = told(job_definition="missing.json", merge_logs=Path("gone/all"), files=("nowhere",))
    for words in (
        "attemptDurationSeconds",
        "one",
        "missing.json",
        "--merge-logs: there is no directory gone",
        "nowhere",
    ):
        assert any(words in line for line in said), words


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("--merge-logs", {"merge_logs": Path("gone/all")}),
        ("--log-file", {"log_file": Path("gone/log")}),
        ("--summary", {"summary": Path("gone/s.json")}),
        ("--report", {"report": Path("gone/r.html")}),
    ],
)
def test_a_directory_that_is_not_there_is_told_with_the_option(option: str, wanted: dict[str, Any]) -> None:
    write_bag({"jobName": "one"})
    assert told(**wanted) == [f"{option}: there is no directory gone"]


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bag({"jobName": "one"})
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "closed")  # root may write everywhere
    assert told(summary=Path("closed/s.json")) == [
        f"--summary: the directory {tmp_path / 'closed'} is not writable",
    ]


def test_results_go_to_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bag({"jobName": "one"})
    assert task_of(settings(**GOOD)).bag.jobs, "it need not be there"
    Path("file").touch()
    Path("link").symlink_to("nowhere")
    Path("closed").mkdir()
    for name in ("file", "link"):
        assert told(results=Path(name)) == [f"--results: there is no directory {name}"]
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "closed")
    assert told(results=Path("closed")) == [f"--results: the directory {tmp_path / 'closed'} is not writable"]
    assert task_of(settings(**GOOD, results=None)).bag.jobs


def test_a_summary_and_a_report_are_two_regular_files() -> None:
    write_bag({"jobName": "one"})
    Path("there").mkdir()
    assert told(summary=Path("there")) == ["--summary: there is no regular file"]
    assert told(summary=Path("same"), report=Path("same")) == ["--report: same would overwrite the summary same"]


def test_who_follows_a_job_names_one_of_the_bag() -> None:
    write_bag({"jobName": "one"})
    assert told(follow=True, followed_job="other") == ["--follow: there is no job other in the bag"]
    assert task_of(settings(**GOOD, follow=True, followed_job="one")).bag.jobs


def test_a_name_that_is_no_unicode_cannot_be_a_key() -> None:
    write_bag({"jobName": "one"})
    Path("in\udcff.txt").write_text("x")
    said = told(files=("in\udcff.txt",))
    assert len(said) == 1
    assert said[0].startswith("input file 'in\\udcff.txt': is not UTF-8 in this locale")


def test_a_key_that_is_too_long_for_s3_is_told() -> None:
    write_bag({"jobName": "one"})
    Path("ä.txt").write_text("x")
    fits = "d" * (1024 - len("/ä.txt".encode()))
    assert told(s3=f"s3://bucket/{fits}")[0].startswith("--s3: makes a key of "), "a manifest needs more room"
    longest = "d" * 960
    name = "é" * 32
    Path(name).write_text("x")
    assert told(s3=f"s3://bucket/{longest}", files=("ä.txt", name)) == [
        f"input file {name!r}: makes a key of 1025 bytes, and S3 takes 1024 at most"
    ]
    assert task_of(settings(**GOOD, s3=f"s3://bucket/{longest}", files=("ä.txt",))).bag.jobs


@pytest.mark.parametrize("mode", [Mode.CREATE, Mode.DELETE])
def test_the_entities_of_create_and_delete_need_no_bag(mode: Mode) -> None:
    plan = entities_of(settings(mode=mode, submit_files=(), job_queue="q"))
    assert (plan.queue, plan.definition, plan.place) == (Existing(QUEUE, "q"), None, None)
    with pytest.raises(InputError, match=r"missing\.json"):
        entities_of(settings(mode=mode, submit_files=(), job_queue="missing.json"))


def test_what_a_new_definition_and_a_new_queue_do_not_take_is_known_without_aws() -> None:
    write_bag({"jobName": "one", "containerOverrides": {"memory": 64}})
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    containers = [{"name": "main", "image": "x", "resourceRequirements": needs}]
    definition = {"type": "container", "ecsProperties": {"taskProperties": [{"containers": containers}]}}
    queue = {"priority": 1, "schedulingPolicyArn": "arn:p", "computeEnvironmentOrder": ON_CE}
    Path("d.json").write_text(json.dumps(definition))
    Path("q.json").write_text(json.dumps(queue))
    said = "\n".join(told(job_definition="d.json", job_queue="q.json"))
    assert "containerOverrides.memory: the job definition has ecsProperties" in said
    assert "shareIdentifier: is missing, and the job queue bag-job-queue has a fair-share" in said


def test_the_embedded_aws_runs_jobs_of_one_container() -> None:
    write_bag({"jobName": "one", "shareIdentifier": "A"})
    pod = {"podProperties": {"containers": [{"image": "x"}]}}
    Path("d.json").write_text(json.dumps({"type": "container", "eksProperties": pod}))
    assert told(job_definition="d.json", job_queue=None, local=True) == [
        "--local: d.json: the embedded AWS runs jobs of one container (containerProperties), and this definition has "
        "eksProperties"
    ]


def test_the_output_of_an_array_can_be_followed_by_its_name() -> None:
    write_bag({"jobName": "sweep", "arrayProperties": {"size": 2}})
    for name in ("sweep", "sweep.1"):
        assert task_of(settings(**GOOD, follow=True, followed_job=name)).bag.jobs
    said = "--follow: there is no job sweep.2 in the bag; did you mean sweep.0 or sweep.1?"
    assert told(follow=True, followed_job="sweep.2") == [said]
