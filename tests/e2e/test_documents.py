"""The commands of the README and of the manual page's examples, typed in as they stand, on the embedded AWS."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.stage import Impatient
from helpers.launcher import S3
from helpers.records import job_output, merged_output
from helpers.servers import NOTHING, Aws, LocalServer
from helpers.shell import blocks, blocks_in, type_in
from helpers.tool import REPO, Tool

README = (REPO / "README.md").read_text(encoding="utf-8")
DEFINITION = {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 64}}


@pytest.fixture
def local_server(tmp_path: Path) -> Iterator[LocalServer]:
    """The embedded AWS, whose jobs have a small `aws`: the real one takes more than a second for each file."""
    aws = tmp_path / "bin" / "aws"
    aws.parent.mkdir()
    aws.write_text(f'#!/bin/sh\nwhile test "$1" != s3; do shift; done\nshift\nexec {S3} "$@"\n', encoding="utf-8")
    aws.chmod(0o755)
    with LocalServer(tmp_path, programs=aws.parent) as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, local_server: LocalServer) -> Impatient:
    """A shell before the embedded AWS as a server."""
    shell = Impatient(tmp_path)
    shell.point_to(local_server.endpoint, "us-west-2", local_server.key)
    return shell


def test_the_bag_of_the_readme(tmp_path: Path) -> None:
    shell = Impatient(tmp_path)
    bag, typed, shown = re.findall(r"^```(?:json|text)?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[:3]
    assert README[: README.index(shown) + len(shown)].count("\n") <= 30
    shell.write("bag.in", bag)
    first, then = typed.splitlines()
    done = shell.run(*first.split()[1:])
    said = re.sub(r"^\S+ \S+ +INFO +\[\w+\] ", "", done.err, flags=re.MULTILINE)
    *lines, result = shown.splitlines()
    assert [line for line in lines if squeezed(line) not in squeezed(said).replace(str(shell.cwd), "/home/you")] == []
    assert type_in(shell, then, shell.cwd).strip() == result


def squeezed(text: str) -> str:
    """Without what differs between two runs, and without spaces: a long path is on two lines."""
    return "".join(re.sub(r"[\d.]+ s$", "<time>", text, flags=re.MULTILINE).split())


def test_the_first_run_of_the_readme(shell: Impatient, local_server: LocalServer) -> None:
    section = README.partition("## A first run on AWS\n")[2].partition("\n## ")[0]
    steps = [block for block in blocks_in(section) if "aws iam" not in block and "aws sts" not in block]
    settings, look, create, run, delete = steps
    shutil.copytree(REPO / "examples" / "fargate", shell.cwd / "examples" / "fargate")
    type_in(shell, settings, shell.cwd)
    work = shell.cwd / "first"
    assert type_in(shell, look, work).endswith("a run could start\n")
    type_in(shell, create, work)
    assert "pegasus.aws.batch.job_queue=arn:" in (work / "made").read_text(encoding="utf-8")
    assert 3 < float(type_in(shell, run, work)) < 3.3
    type_in(shell, delete, work)
    aws = Aws(local_server.endpoint, "us-west-2", local_server.key)
    assert aws.everything() == {**NOTHING, "buckets": ["my-own-bucket"]}
    assert aws.keys("my-own-bucket") == []


def test_the_samples_on_machines_of_ec2(shell: Impatient, local_server: LocalServer) -> None:
    prepare, create, run, delete = blocks(REPO / "examples" / "ec2" / "README.md")
    shutil.copytree(REPO / "conf", shell.cwd / "conf")
    sample = shell.cwd / "conf" / "sample-job-submit.in"
    jobs = json.loads(sample.read_text(encoding="utf-8"))["SubmitJob"]
    sample.write_text(json.dumps({"SubmitJob": jobs[1:2]}), encoding="utf-8")  # one of six is enough
    type_in(shell, prepare, shell.cwd)
    work = shell.cwd / "run"
    type_in(shell, create, work)
    type_in(shell, run, work)
    lines, record = job_output((work / "harbour.out").read_text(encoding="utf-8"))
    assert "harbour: " in lines[0]
    assert record.state == "succeeded"
    type_in(shell, delete, work)
    aws = Aws(local_server.endpoint, "us-west-2", local_server.key)
    assert aws.everything() == {**NOTHING, "buckets": ["my-own-bucket"]}


def section(title: str) -> str:
    """The source of a section of the manual page."""
    source = (REPO / "man" / "manual.rst").read_text(encoding="utf-8").partition(f"\n{title}\n")[2]
    return re.split(r"\n.+\n=+\n", source)[0].partition("\n\n")[2]


PROPERTIES = """
pegasus.aws.batch.job_definition = my-definition
pegasus.aws.batch.job_queue = my-queue
pegasus.aws.batch.s3_bucket = s3://my-bucket/run2
"""


def test_the_examples_of_the_manual(shell: Impatient, local_server: LocalServer) -> None:
    text = section("EXAMPLES")
    bag, *examples = ["\n".join(re.findall(r"^    (.*)", block, re.MULTILINE)) for block in text.split("\n\n")][1::2]
    shell.write("bag.in", bag)
    shell.json("definition.json", DEFINITION)
    shell.json("environment.json", {"type": "UNMANAGED", "serviceRole": local_server.role()})
    shell.json("queue.json", {"priority": 1, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1}]})
    shell.write("my.properties", PROPERTIES)
    shell.write("commands.txt", "echo one\necho two\n")
    shell.write("fits.csv", "alpha\n0.1\n0.2\n")
    shell.write("fit", '#!/bin/sh\necho "alpha is $1"\n')
    (shell.cwd / "fit").chmod(0o755)
    aws = Aws(local_server.endpoint, "us-west-2", local_server.key)
    aws.batch.register_job_definition(jobDefinitionName="my-definition", **DEFINITION)
    aws.batch.create_compute_environment(computeEnvironmentName="e", type="UNMANAGED", serviceRole=local_server.role())
    order = [{"order": 1, "computeEnvironment": "e"}]
    aws.batch.create_job_queue(jobQueueName="my-queue", priority=1, computeEnvironmentOrder=order)
    there = aws.everything()
    for example in examples:
        assert "pegasus-aws-batch " in example
        type_in(shell, example, shell.cwd)
    jobs, summary = merged_output(shell.read("bag.out"))
    assert [lines for lines, _ in jobs] == [["Hello world"], ["1000"]]
    assert summary.succeeded == 2
    assert json.loads(shell.read("bag.json"))["counts"]["succeeded"] == 2
    assert shell.read("bag.html").startswith("<!DOCTYPE html>")
    for name, line in (("hello", "Hello world"), ("count", "1000"), ("fits-2", "alpha is 0.2"), ("job-1", "one")):
        assert job_output(shell.read(f"{name}.out"))[0] == [line]
    assert {**aws.everything(), "buckets": []} == there


def test_the_ordered_bag_of_the_manual(tool: Tool) -> None:
    text = section("THE JOB SUBMIT FILE").partition("with two jobs")[2].partition("With one job")[0]
    bag = "\n".join(re.findall(r"^    (.*)", text, re.MULTILINE))
    tool.write("bag.in", bag)
    tool.write("data/readings.txt", "1\n2\n3\n")
    done = tool.run("--local", "bag.in")
    assert done.status == 0, done.err
    assert (tool.read("results/split/part.aa"), tool.read("results/split/part.ab")) == ("1\n2\n", "3\n")
    assert tool.read("results/count/lines.txt").strip() == "2"
