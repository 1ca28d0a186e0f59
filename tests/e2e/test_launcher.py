"""Jobs that the launcher starts: it does in the job what the user would have to do."""

from __future__ import annotations

import json

import pytest

from helpers.records import job_output
from helpers.tool import Tool, job

PROGRAM = """\
#!/bin/sh
echo "$0 $*"; cat input.txt; echo "$PEGASUS_JOB_NAME" >&2; env | grep LAUNCHER
exit 3
"""
INPUTS = {"TRANSFER_INPUT_FILES": "input.txt,program.sh"}
SCRIPT = {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": "s3://some-bucket/dir/program.sh"}


@pytest.mark.parametrize("packing", ["never", "always"])
def test_inputs_are_there_and_stderr_is_apart(tool: Tool, packing: str) -> None:
    (tool.cwd / "input.txt").write_text("content\n")
    (tool.cwd / "program.sh").write_text(PROGRAM)
    bag = tool.bag(
        job("one", "./program.sh", "a b", env=INPUTS),
        job("two", "./program.sh", "$c", env=INPUTS),
        job("script", "program.sh", "d", env={**INPUTS, **SCRIPT}),
        job("plain", "sh", "-c", "echo plain >&2; ls", launcher=False, env=INPUTS),
    )
    done = tool.run("--local", "--launcher", "--array", packing, "--s3", "s3://some-bucket/dir", "--summary", "it", bag)
    assert done.status == 1, done.err
    for name, words in (("one", "./program.sh a b"), ("two", "./program.sh $c")):
        lines, record = job_output(tool.read(f"{name}.out"))
        assert (lines, record.status) == ([words, "content"], 3)
        assert tool.read(f"{name}.err") == f"{name}\n"
    lines, record = job_output(tool.read("script.out"))
    assert (lines[0].split()[1:], lines[1:], record.status) == (["d"], ["content"], 3)
    assert tool.read("script.err") == "script\n"
    lines, record = job_output(tool.read("plain.out"))
    told = {one["name"]: one["memory_of"] for one in json.loads(tool.read("it"))["jobs"]}
    assert told == {**dict.fromkeys(("one", "two", "script"), "process"), "plain": None}, "of no cgroup of this machine"
    assert (lines, record.status) == (["plain"], 0), "it has to bring its inputs itself, and one stream for all"
