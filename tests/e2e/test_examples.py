"""The directories of examples: what their READMEs say is typed in. Where a real AWS is needed, what can be made on the
embedded one is made, and a run is a dry one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from Pegasus import replica_catalog, site_catalog, transformation_catalog, workflow

from chaos.stage import Impatient
from helpers.embedded import embedded
from helpers.records import job_output
from helpers.servers import NOTHING, Aws
from helpers.shell import blocks, type_in
from helpers.tool import REPO, Inside
from jobbag.local import CREDENTIALS
from jobbag.options import parser

EXAMPLES = REPO / "examples"


# ec2 is among the tests of the documents: it is of the samples of conf.
def test_each_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*/") if f"({path.name}/README.md)" not in listed] == []


# -- on this machine


@pytest.fixture
def shell(tmp_path: Path) -> Impatient:
    """A shell before the embedded AWS that each command has for itself."""
    return Impatient(tmp_path)


def go_to(shell: Impatient | Inside, example: str) -> list[str]:
    """Copy an example into the working directory; what its README has typed in."""
    shutil.copytree(EXAMPLES / example, shell.cwd, dirs_exist_ok=True)
    return blocks(EXAMPLES / example / "README.md")


def test_sweep(shell: Impatient) -> None:
    (run,) = go_to(shell, "sweep")
    said = type_in(shell, run, shell.cwd)
    assert said.splitlines() == [
        "results/cube-20/area.txt:0.24969",
        "results/cube-200/area.txt:0.25000",
        "results/square-20/area.txt:0.33313",
        "results/square-200/area.txt:0.33333",
    ]
    assert job_output(shell.read("cube-20.out"))[0] == ["fitting cube with 20 steps"]


def test_workflow(shell: Impatient) -> None:
    (run,) = go_to(shell, "workflow")
    said = type_in(shell, run, shell.cwd)
    words = shell.read("words.txt").split()
    assert {line.split()[1]: int(line.split()[0]) for line in said.splitlines()} == {
        letter: sum(word.startswith(letter) for word in words) for letter in {word[0] for word in words}
    }
    assert shell.read("report.html").startswith("<!DOCTYPE html>")


# -- on AWS


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An embedded AWS that runs no job here."""
    with embedded(slots=1) as server:
        yield Aws(server.endpoint, "us-west-2", CREDENTIALS["aws_access_key_id"])


@pytest.fixture
def inside(tmp_path: Path, aws: Aws) -> Inside:
    inside = Inside(tmp_path)
    inside.point_to(aws.endpoint, aws.region, aws.key)
    return inside


def dry(lines: str) -> str:
    """The same lines, with each run of a bag a dry one."""
    return lines.replace(" --dry-run", "").replace(" bag.in", " --dry-run bag.in")


def requirements(job: dict[str, object]) -> object:
    found = job.get("containerOverrides")
    assert isinstance(found, dict)
    return {one["type"]: one["value"] for one in found.get("resourceRequirements", ())}


def requests(inside: Inside, conf: str) -> dict[str, dict[str, object]]:
    """The SubmitJob requests that a run would send, by the name of the job."""
    done = inside.run("-C", conf, "--dry-run", "--json", "bag.in")
    assert done.status == 0, done.err
    return {one["jobName"]: one for one in json.loads(done.out)}


def test_fargate(inside: Inside, aws: Aws) -> None:
    (run,) = go_to(inside, "fargate")
    assert type_in(inside, dry(run), inside.cwd).count("a run could start") == 2
    sent = requests(inside, "fargate.properties")
    assert requirements(sent["million"]) == {"VCPU": "1", "MEMORY": "2048"}
    assert inside.run("-C", "fargate.properties", "--create").status == 0
    (environment,) = aws.batch.describe_compute_environments()["computeEnvironments"]
    assert environment["computeResources"]["type"] == "FARGATE"
    (definition,) = aws.batch.describe_job_definitions()["jobDefinitions"]
    assert definition["platformCapabilities"] == ["FARGATE"]


def test_gpu(inside: Inside, aws: Aws) -> None:
    (run,) = go_to(inside, "gpu")
    assert "multiply   4 vCPUs, 14000 MiB, 1 GPU  python3 multiply.py" in type_in(inside, dry(run), inside.cwd)
    assert inside.run("-C", "gpu.properties", "--create").status == 0
    (environment,) = aws.batch.describe_compute_environments()["computeEnvironments"]
    assert environment["computeResources"]["instanceTypes"] == ["g5.xlarge"]


def test_spot(inside: Inside, aws: Aws) -> None:
    create, delete = go_to(inside, "spot")
    said = type_in(inside, dry(create), inside.cwd)
    assert re.findall(r"(spot-demo-\S+) +ENABLED, VALID; (\w+), (\d+) vCPUs", said) == [
        ("spot-demo-spare", "SPOT", "64"),
        ("spot-demo-on-demand", "EC2", "16"),
    ]
    (queue,) = aws.batch.describe_job_queues()["jobQueues"]
    order = [one["computeEnvironment"].rpartition("/")[2] for one in queue["computeEnvironmentOrder"]]
    assert order == ["spot-demo-spare", "spot-demo-on-demand"]
    (definition,) = aws.batch.describe_job_definitions()["jobDefinitions"]
    assert definition["retryStrategy"]["attempts"] == 5
    type_in(inside, delete, inside.cwd)
    assert aws.everything() == {**NOTHING, "buckets": ["my-own-bucket"]}


def test_again(inside: Inside, aws: Aws) -> None:
    run, delete = go_to(inside, "again")
    said = type_in(inside, dry(run), inside.cwd)
    assert aws.queues() == ["again-job-queue", "again-on-demand-job-queue"]
    for told in (
        "2 jobs with 512 MiB, if out of memory: sent again with 1,024, 2,048 MiB",
        "1 job with 2,048 MiB, if out of memory: sent again with 6,144 MiB",
        "3 jobs, after 2 lost machines: sent again to the job queue again-on-demand-job-queue",
        "0.0128 for a vCPU-hour, 0.0014 for a GB-hour in the job queue again-job-queue (spot)",
        "on-end  python3 tell.py\n",
    ):
        assert said.count(told) == 2
    type_in(inside, delete, inside.cwd)
    assert aws.everything() == {**NOTHING, "buckets": ["my-own-bucket"]}


def test_again_counts_primes(tmp_path: Path) -> None:
    for number, primes in ((3, 1), (10_000, 1229)):
        program = [sys.executable, str(EXAMPLES / "again" / "sieve.py"), str(number)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60)
        assert done.stdout == f"{primes} primes below {number}\n"


# -- Pegasus


def test_pegasus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own readers take the files, when variables are filled in as by the planner, and what they name is there."""
    here = EXAMPLES / "pegasus"
    for path in here.glob("*.yml"):
        text = path.read_text(encoding="utf-8").replace("${PWD}", str(here))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "workflow.yml").open() as file:
        jobs = workflow.load(file).jobs
    with (tmp_path / "transformations.yml").open() as file:
        programs = {one.name: one for one in transformation_catalog.load(file).transformations.values()}
    assert {job.transformation for job in jobs.values()} == set(programs)
    with (tmp_path / "replicas.yml").open() as file:
        files = {entry.lfn: entry.pfns for entry in replica_catalog.load(file).entries.values()}
    assert [pfn.pfn for pfns in files.values() for pfn in pfns if not Path(pfn.pfn).is_file()] == []
    with (tmp_path / "sites.yml").open() as file:
        assert set(site_catalog.load(file).sites) == {"local", "aws-batch"}
    settings = parser.load(["--conf", str(here / "pegasus.properties"), "cluster.in"])
    assert (settings.job_queue, settings.region) == ("demo-job-queue", "us-west-2")
