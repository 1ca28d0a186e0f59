"""Which files go to S3 and how often, and which jobs wait for them. The embedded AWS counts the requests."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.stage import Impatient
from helpers.embedded import embedded
from helpers.launcher import S3
from helpers.records import job_output, merged_output
from helpers.servers import REGION, SUBMIT_JOB, Aws, Requests
from helpers.tool import Tool, shell

ENTITIES = ("-j", "definition", "-q", "queue")


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """With short waits: what it waits for is tested elsewhere."""
    return Impatient(tmp_path)


@contextmanager
def aws_behind(requests: Requests, tool: Tool) -> Iterator[Aws]:
    """The embedded AWS in this process, with a queue and a job definition, to which the tool points."""
    with embedded(slots=4, wrap=requests.wrap) as local:
        local.stand_in(REGION, job_definition="definition", job_queue="queue", compute_environment=None)
        tool.point_to(local.endpoint, REGION)
        yield Aws(local.endpoint)


def test_each_file_goes_up_once_and_again_only_when_it_changed(tool: Tool) -> None:
    requests = Requests()
    large = os.urandom(9 * 1024 * 1024)  # goes up in two parts
    tool.write("worker.tar", "worker package")
    tool.write("common.txt", "one")
    tool.write("large.bin", large)
    tool.write("empty.txt", "")
    for number in range(4):
        tool.write(f"task{number}.txt", f"task {number}")
    bag = tool.bag(
        *(
            shell(
                f"job{number}", "echo $TRANSFER_INPUT_FILES", {"TRANSFER_INPUT_FILES": f"worker.tar,task{number}.txt"}
            )
            for number in range(4)
        ),
        # The same file by another path is the same file.
        shell(
            "other-path", "echo", {"TRANSFER_INPUT_FILES": f"./worker.tar,{tool.cwd}/worker.tar,large.bin,empty.txt"}
        ),
    )
    words: list[str | Path] = [*ENTITIES, "--s3", "s3://my-bucket/dir", "--files", "common.txt", "-m", "all", bag]
    with aws_behind(requests, tool) as aws:
        assert tool.run(*words).status == 0
        small = ["common.txt", "empty.txt", *(f"task{number}.txt" for number in range(4)), "worker.tar"]
        assert {name: requests.count(f"PUT /my-bucket/dir/{name}") for name in small} == dict.fromkeys(small, 1)
        assert requests.count("PUT /my-bucket/dir/large.bin") == 2
        assert aws.keys("my-bucket") == sorted(f"dir/{name}" for name in [*small, "large.bin"])
        assert aws.content("my-bucket", "dir/large.bin") == large
        assert merged_output(tool.read("all.out"))[0][0][0] == ["worker.tar,task0.txt,common.txt"]

        # Once more. One file has other content now, but the same size and time of change.
        times = os.stat(tool.cwd / "common.txt")
        tool.write("common.txt", "two")
        os.utime(tool.cwd / "common.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
        os.utime(tool.cwd / "worker.tar")  # and one that did not change looks new
        requests.seen.clear()
        done = tool.run(*words)
        assert done.status == 0, done.err
        assert [seen for seen in requests.seen if seen.startswith("PUT ")] == ["PUT /my-bucket/dir/common.txt"]
        assert aws.content("my-bucket", "dir/common.txt") == b"two"
        assert "1 file (3 bytes) sent to S3" in done.err


def test_a_job_waits_for_its_own_inputs_and_the_common_ones_alone(tool: Tool) -> None:
    # The upload of one job's input stands still until the other job has been submitted.
    submitted: list[str] = []
    other_is_submitted = threading.Event()
    in_time: list[bool] = []

    def hold(request: str, body: bytes) -> None:
        if request == SUBMIT_JOB:
            submitted.append(json.loads(body)["jobName"])
            in_time.append("common.txt" in in_s3())
            other_is_submitted.set()
        elif request == "PUT /my-bucket/slow.txt":
            in_time.append(other_is_submitted.wait(30))

    requests = Requests(hold)

    def in_s3() -> set[str]:
        return {seen.rpartition("/")[2] for seen in requests.seen if seen.startswith("PUT /my-bucket/")}

    for name in ("slow.txt", "quick.txt", "common.txt"):
        tool.write(name, name)
    bag = tool.bag(
        shell("slow", f'{S3} cp "${{PEGASUS_AWS_BATCH_BUCKET}}slow.txt" -', {"TRANSFER_INPUT_FILES": "slow.txt"}),
        shell("quick", "echo quick", {"TRANSFER_INPUT_FILES": "quick.txt"}),
    )
    with aws_behind(requests, tool):
        done = tool.run(*ENTITIES, "--s3", "s3://my-bucket", "--files", "common.txt", bag)
    assert done.status == 0, done.err
    assert in_time == [True, True, True]
    assert submitted == ["quick", "slow"]
    assert job_output(tool.read("slow.out"))[0] == ["slow.txt"]


def test_an_input_that_s3_refuses_fails_its_jobs_and_no_others(tool: Tool) -> None:
    requests = Requests(lambda request, _: "403 AccessDenied" if request == "PUT /my-bucket/secret.txt" else None)
    tool.write("secret.txt", "secret")
    tool.write("data.txt", "data")
    bag = tool.bag(
        shell("one", "echo one", {"TRANSFER_INPUT_FILES": "secret.txt"}),
        shell("two", "echo two", {"TRANSFER_INPUT_FILES": "data.txt"}),
        shell("three", "echo three", {"TRANSFER_INPUT_FILES": "data.txt,secret.txt"}),
    )
    with aws_behind(requests, tool):
        done = tool.run(*ENTITIES, "--s3", "s3://my-bucket", "-m", "all", bag)
    assert done.status == 2
    jobs, summary = merged_output(tool.read("all.out"))
    assert [(record.name, lines, record.state, record.status) for lines, record in jobs] == [
        ("one", [], "failed", 1),
        ("two", ["two"], "succeeded", 0),
        ("three", [], "failed", 1),
    ]
    assert (summary.stat, summary.succeeded, summary.failed) == ("failed", 1, 2)
    assert requests.count(SUBMIT_JOB) == 1
    end = done.err[done.err.index("3 jobs: 1 succeeded, 0 failed, 2 not run") :]
    assert len(re.findall(r"^  \d+ x |\]   \d+ x ", end, re.MULTILINE)) == 1
    assert "error: input file secret.txt: PutObject failed" in end
    assert "the credentials lack a permission" in end
    assert tool.read("all.err").count("secret.txt") == 2
