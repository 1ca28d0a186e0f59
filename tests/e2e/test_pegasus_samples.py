"""The command lines with which Pegasus 5.1 really starts the tool, and Pegasus's own readers on what it writes.

pegasus-samples holds what the planner of Pegasus wrote: bags, properties, and for each bag the arguments, the
environment and the working directory with which HTCondor starts the tool. Paths begin with /home/pegasus there.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from Pegasus.tools.kickstart_parser import YAMLParser

from helpers import processes
from helpers.launcher import LAUNCH
from helpers.records import assert_lifelike, jobstates, merged_output
from helpers.tool import COMMAND, Tool, shell

SAMPLES = Path(__file__).parent / "pegasus-samples"
HOME = "/home/pegasus"
VARIABLES = ("MSG", "EMPTY", "UNI")
HOSTILE = {"MSG": 'hello, "world" it\'s 100% $HOME = a=b', "EMPTY": " ", "UNI": "zażółć ☃"}

TASK = """\
echo "task $PEGASUS_JOB_NAME"
echo "bucket $PEGASUS_AWS_BATCH_BUCKET"
echo "inputs $TRANSFER_INPUT_FILES"
echo "region $AWS_REGION"
test "$PEGASUS_CREDENTIALS" = "${PEGASUS_AWS_BATCH_BUCKET}credentials.conf" && cat credentials.conf
echo "PATH ${PATH:+is set}, HOME ${HOME:+is set}"
printf 'MSG=%s\\nEMPTY=%s\\nUNI=%s\\n' "${MSG-unset}" "${EMPTY-unset}" "${UNI-unset}"
echo "stderr of $PEGASUS_JOB_NAME" >&2
"""


@dataclass(frozen=True)
class Invocation:
    """How HTCondor starts the tool for one clustered job."""

    case: str
    job: str
    argv: list[str]
    env: Mapping[str, str]
    cwd: Path
    stdout: Path
    stderr: Path
    post_script: list[str]
    bag_jobs: list[str]

    @property
    def bag(self) -> Path:
        return Path(self.argv[-1])


def names() -> list[tuple[str, str]]:
    """Each case and clustered job of the samples."""
    return [
        (path.parent.name, one["job"])
        for path in sorted(SAMPLES.glob("*/invocations.json"))
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def unpack(case: str, name: str, home: Path) -> Invocation:
    """Lay out the files of a case below `home`, in the place of /home/pegasus; the invocation of that job."""

    def moved(text: str) -> str:
        return text.replace(HOME, str(home))

    invocations = json.loads(moved((SAMPLES / case / "invocations.json").read_text(encoding="utf-8")))
    (one,) = [each for each in invocations if each["job"] == name]
    cwd = Path(one["cwd"])
    for path in (SAMPLES / case).rglob("*"):
        if path.is_file() and path.name != "invocations.json":
            target = cwd / path.relative_to(SAMPLES / case)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(moved(path.read_text(encoding="utf-8")), encoding="utf-8")
    return Invocation(
        case,
        name,
        one["argv"],
        one["env"],
        cwd,
        Path(one["stdout"]),
        Path(one["stderr"]),
        shlex.split(one["post_script"]),
        one["bag_jobs"],
    )


def make_stand_ins(invocation: Invocation, tasks: Mapping[str, str]) -> None:
    """Make the files that the command line and the bag name: task scripts, worker package, launcher."""
    jobs = json.loads(invocation.bag.read_text(encoding="utf-8"))["SubmitJob"]
    inputs = [
        item
        for job in jobs
        for variable in job["environment"]
        if variable["name"] == "TRANSFER_INPUT_FILES"
        for item in variable["value"].split(",")
    ]
    common = invocation.argv[invocation.argv.index("--files") + 1].split(",")
    for item in {*inputs, *common}:
        path = invocation.cwd / item
        path.parent.mkdir(parents=True, exist_ok=True)
        content = f"content of {path.name}\n"
        if path.name == "pegasus-aws-batch-launch.sh":
            content = LAUNCH
        elif path.parent == invocation.bag.parent:
            content = tasks.get(path.stem, TASK)
        path.write_text(content, encoding="utf-8")


def start(invocation: Invocation) -> int:
    """Start the tool as HTCondor does, its stdout and stderr being the very files that --merge-logs names."""
    with invocation.stdout.open("wb") as out, invocation.stderr.open("wb") as err:
        return processes.start(
            [*COMMAND, *invocation.argv, "--local"],
            env=invocation.env,
            cwd=invocation.cwd,
            stdout=out.fileno(),
            stderr=err.fileno(),
        ).wait(120)


def pegasus_exitcode(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Pegasus's own verdict on a job."""
    package = importlib.util.find_spec("Pegasus")
    assert package is not None
    assert package.submodule_search_locations is not None
    program = Path(next(iter(package.submodule_search_locations))) / "cli" / "pegasus-exitcode.py"
    return subprocess.run(
        [sys.executable, program, *arguments],
        cwd=cwd,
        env={"LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


def stampede(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The cluster-task records that Pegasus's parser finds, and the cluster-summary record."""
    *tasks, summary = YAMLParser(str(path)).parse_stampede()
    assert all(task.pop("task") for task in tasks)
    assert summary.pop("clustered")
    return tasks, summary


def expected(invocation: Invocation, name: str, region: str) -> list[str]:
    """The stdout of a stand-in task."""
    worker = "pegasus-worker-5.1.3-dev.0-x86_64_deb_12.tar.gz"
    bucket = invocation.argv[invocation.argv.index("--s3") + 1]
    common = ["credentials.conf", "pegasus-lite-common.sh", "pegasus-aws-batch-launch.sh"]
    own = [worker, f"{name}.sh"]
    if invocation.case == "odd":
        common[1:1] = ["extra.dat", "rel.txt", "abs.dat"]
        if name.endswith("3 space"):
            own[:0] = ["extra.dat", "rel.txt", "abs.dat"]
    variables = HOSTILE if name.endswith("dots-1") else dict.fromkeys(VARIABLES, "unset")
    return [
        f"task {name}",
        f"bucket {bucket}/",
        f"inputs {','.join(dict.fromkeys([*own, *common]))}",
        f"region {region}",
        "content of credentials.conf",
        "PATH is set, HOME is set",
        *(f"{key}={value}" for key, value in variables.items()),
    ]


@pytest.mark.parametrize(("case", "name"), names())
def test_a_command_line_of_pegasus(case: str, name: str, tmp_path: Path) -> None:
    invocation = unpack(case, name, tmp_path)
    make_stand_ins(invocation, {})
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    status = start(invocation)
    log = invocation.bag.with_suffix(".log.000").read_text(encoding="utf-8")
    assert status == 0, log

    # The merged files hold what the jobs wrote, and nothing that the tool printed.
    region = "us-east-1" if case == "v-dupopt" else "us-west-2"
    jobs, summary = merged_output(invocation.stdout.read_text(encoding="utf-8"))
    assert [lines for lines, _ in jobs] == [expected(invocation, job, region) for job in invocation.bag_jobs]
    assert [(record.number, record.name) for _, record in jobs] == list(enumerate(invocation.bag_jobs, start=1))
    assert (summary.stat, summary.tasks) == ("ok", len(jobs))
    assert invocation.stderr.read_text(encoding="utf-8").splitlines() == [
        f"stderr of {job}" for job in invocation.bag_jobs
    ]
    states = jobstates((invocation.cwd / f"{name}.jobstate.log").read_text(encoding="utf-8"))
    assert set(states) == set(invocation.bag_jobs)
    for steps in states.values():
        assert_lifelike(steps, "SUCCEEDED")
    assert (" DEBUG [" in log) == (case != "v-dupopt")  # where --log-level comes again, as info
    buckets = invocation.cwd / f"{name}.local"
    new = {path for path in tmp_path.rglob("*") if path.is_file() and buckets not in path.parents} - before
    assert new == {
        invocation.stdout,
        invocation.stderr,
        invocation.bag.with_suffix(".log.000"),
        invocation.cwd / f"{name}.jobstate.log",
        invocation.cwd / f"{name}.journal",
    }

    # Pegasus is content. Its script renames the files.
    _, *arguments = invocation.post_script
    verdict = pegasus_exitcode(invocation.cwd, *("0" if word in ("$RETURN", "$RETRY") else word for word in arguments))
    assert verdict.returncode == 0, verdict.stdout
    renamed = invocation.stdout.with_name(f"{invocation.stdout.name}.000")
    tasks, whole = stampede(renamed)
    assert tasks == [
        {
            "id": str(record.number),
            "name": record.name,
            "aws-job-id": record.aws_id,
            "state": "succeeded",
            "status": "0",
            "start": record.start.isoformat(timespec="milliseconds"),
            "duration": f"{record.duration:.3f}",
            "app": "pegasus-aws-batch-launch.sh",
        }
        for _, record in jobs
    ]
    assert whole == {
        "stat": "ok",
        "tasks": str(len(jobs)),
        "succeeded": str(len(jobs)),
        "failed": "0",
        "duration": f"{summary.duration:.3f}",
        "start": summary.start.isoformat(timespec="milliseconds"),
        "app": "pegasus-aws-batch",
    }


def test_a_failed_task_and_the_retry_of_pegasus(tmp_path: Path) -> None:
    # One of two tasks fails; Pegasus then starts the same command line in the same directory once more.
    invocation = unpack("diamond", "merge_diamond-findrange-4_0_PID2_ID1", tmp_path)
    make_stand_ins(invocation, {"findrange_ID0000003": "echo trying; echo failing >&2; exit 42\n"})
    assert start(invocation) == 1
    ((_, good), (bad_lines, bad)), summary = merged_output(invocation.stdout.read_text(encoding="utf-8"))
    assert (good.state, good.status, bad_lines, bad.state, bad.status) == ("succeeded", 0, ["trying"], "failed", 42)
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("failed", 2, 1, 1)
    assert invocation.stderr.read_text(encoding="utf-8").splitlines()[-1] == "failing"
    # Even without the exit status of the tool, the records alone tell.
    for status in ("0", "1"):
        verdict = pegasus_exitcode(invocation.cwd, "-n", "-r", status, "-N", str(invocation.stdout))
        assert verdict.returncode != 0, verdict.stdout
    verdict = pegasus_exitcode(invocation.cwd, "-r", "1", "-N", str(invocation.stdout))
    assert verdict.returncode != 0, verdict.stdout
    tasks, whole = stampede(invocation.stdout.with_name(f"{invocation.stdout.name}.000"))
    assert [(task["name"], task["state"], task["status"]) for task in tasks] == [
        ("findrange_ID0000002", "succeeded", "0"),
        ("findrange_ID0000003", "failed", "42"),
    ]
    assert (whole["stat"], whole["succeeded"], whole["failed"]) == ("failed", "1", "1")
    first_log = invocation.bag.with_suffix(".log.000").read_text(encoding="utf-8")
    assert re.search(r"1 x exit code 42: failing\n.*as job findrange_ID0000003 ", first_log)

    make_stand_ins(invocation, {})
    assert start(invocation) == 0
    assert merged_output(invocation.stdout.read_text(encoding="utf-8"))[1].stat == "ok"
    assert pegasus_exitcode(invocation.cwd, "-r", "0", "-R", "1", "-N", str(invocation.stdout)).returncode == 0
    assert sorted(path.name for path in invocation.stdout.parent.glob("*.out.*")) == [
        f"{invocation.stdout.name}.000",
        f"{invocation.stdout.name}.001",
    ]
    assert invocation.bag.with_suffix(".log.000").read_text(encoding="utf-8") == first_log
    assert invocation.bag.with_suffix(".log.001").is_file()


def test_pegasus_reads_names_that_hold_its_own_marks(tool: Tool) -> None:
    strange = ("a [b] c", 'say "x"', "k=v, w=z", "tab\u00a0é", "[cluster-task id=9, status=5]")
    done = tool.run("--local", "--merge-logs", "all", tool.bag(*(shell(name, "true") for name in strange)))
    assert done.status == 0, done.err
    verdict = pegasus_exitcode(tool.cwd, "-n", "-r", "0", "-N", "all.out")
    assert verdict.returncode == 0, verdict.stdout
    tasks, whole = stampede(tool.cwd / "all.out")
    assert [(task["id"], task["status"], task["state"]) for task in tasks] == [
        (str(number), "0", "succeeded") for number in range(1, len(strange) + 1)
    ]
    assert (whole["stat"], whole["tasks"], whole["succeeded"]) == ("ok", "5", "5")


def test_a_job_does_not_speak_for_the_run(tool: Tool) -> None:
    lie = '[cluster-summary stat="ok", tasks=1, succeeded=1, failed=0]'
    liar = shell("liar", f"""printf '%s\\n' '{lie}' 'x [cluster-task id=7, name="none", status=0]'; exit 3""")
    done = tool.run("--local", "--merge-logs", "all", tool.bag(liar))
    assert done.status == 1, done.err
    assert (tool.cwd / "all.out").read_text(encoding="utf-8").startswith(lie.replace("[", "[ "))
    verdict = pegasus_exitcode(tool.cwd, "-n", "-r", "0", "-N", "all.out")
    assert verdict.returncode != 0, verdict.stdout
    tasks, whole = stampede(tool.cwd / "all.out")
    assert ([task["name"] for task in tasks], whole["stat"]) == (["liar"], "failed")


def test_a_job_that_aws_refuses_has_a_record_too(tool: Tool) -> None:
    # The embedded AWS refuses a job that waits for one that it does not know.
    bag = tool.bag(shell("good", "true"), shell("refused", "true", dependsOn=["12345678-1234-1234-1234-123456789abc"]))
    done = tool.run("--local", "--merge-logs", "all", bag)
    assert done.status == 2, done.err
    tasks, whole = stampede(tool.cwd / "all.out")
    assert [(task["name"], task["state"], task["status"]) for task in tasks] == [
        ("good", "succeeded", "0"),
        ("refused", "failed", "1"),
    ]
    assert whole["stat"] == "failed"
    assert "refused" in (tool.cwd / "all.err").read_text(encoding="utf-8")
    assert pegasus_exitcode(tool.cwd, "-n", "-r", "0", "-N", "all.out").returncode != 0
