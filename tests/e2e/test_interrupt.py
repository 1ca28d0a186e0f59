"""SIGINT and SIGTERM in the middle of a run: what is left, and what is not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.processes import Process
from helpers.records import jobstates, merged_output
from helpers.servers import NOTHING, LocalServer, SilentServer
from helpers.summaries import in_page
from helpers.terminal import Terminal
from helpers.tool import COMMAND, Tool, shell
from helpers.waiting import is_alive, wait_until

# A job that ends when it may, with a child that never ends; their ids are in the directory PIDS.
ENDLESS = """\
echo "$PEGASUS_JOB_NAME begins"
sleep 1000 &
echo $! >"$PIDS/$PEGASUS_JOB_NAME.child"
echo $$ >"$PIDS/$PEGASUS_JOB_NAME.self"
until test -e "$PIDS/$PEGASUS_JOB_NAME.may-end"; do sleep 0.1; done
"""


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    """A directory for the ids of the jobs' processes."""
    directory = tmp_path / "pids"
    directory.mkdir()
    return directory


def running(pids: Path) -> set[int]:
    """The processes of the jobs that still run."""
    found = {int(text) for path in pids.iterdir() if (text := path.read_text().strip())}  # .may-end is empty
    return {pid for pid in found if is_alive(pid)}


@pytest.fixture
def started(pids: Path) -> Iterator[list[Process]]:
    """Holds the tool's process, so that none is left after a test that fails."""
    processes: list[Process] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
    for pid in running(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
FILES = ["--summary", "end.json", "--report", "end.html"]


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_local_run(tool: Tool, pids: Path, started: list[Process], number: signal.Signals, code: int) -> None:
    tool.env["TMPDIR"] = str(tool.home)
    names = [f"job{n}" for n in range(40)]  # more than any machine's processors
    bag = tool.bag(*(shell(name, ENDLESS, {"PIDS": str(pids)}) for name in names))
    told = ["--on-end", 'cp "$PEGASUS_AWS_BATCH_SUMMARY" told; echo "it was $PEGASUS_AWS_BATCH_EXIT_STATUS"']
    started.append(tool.start("--local", "-m", "all", *FILES, *told, bag, stderr=tool.place / "stderr"))
    # One of them ends well, and another takes its place. Then the signal comes.
    done = wait_until(lambda: next((path.stem for path in pids.glob("*.self")), None), what="the first job")
    assert done is not None
    (pids / f"{done}.may-end").touch()
    log = tool.cwd / "bag.jobstate.log"
    wait_until(lambda: log.exists() and f" {done} SUCCEEDED " in log.read_text(), what="the end of a job")
    wait_until(lambda: any(path.stem != done for path in pids.glob("*.self")), what="another job")
    started[0].send_signal(number)
    assert started[0].wait(60) == code
    wait_until(lambda: not running(pids), 10, what="the jobs' end")
    assert list(tool.home.iterdir()) == []

    jobs, summary = merged_output(tool.read("all.out"))
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("failed", 40, 1, 39)
    assert [record.name for _, record in jobs] == names
    for lines, record in jobs:
        assert (record.state, record.status > 0) == (("succeeded", False) if record.name == done else ("failed", True))
        assert lines in ([], [f"{record.name} begins"])
    assert {record.name for lines, record in jobs if lines} >= {path.stem for path in pids.glob("*.self")}
    for name, steps in jobstates(log.read_text()).items():
        assert steps[-1].state == ("SUCCEEDED" if name == done else "FAILED")
    stderr = (tool.place / "stderr").read_text()
    end = json.loads(tool.read("end.json"))
    assert in_page(tool.read("end.html")) == json.loads(tool.read("told")) == end
    assert f"on-end: it was {code}" in stderr
    assert (end["signal"], end["exit_code"], end["complete"]) == (number.name, code, True)
    counts = end["counts"]
    assert (counts["jobs"], counts["succeeded"], counts["failed"]) == (40, 1, 0)
    assert counts["stopped"] + counts["not_run"] == 39
    assert [cause["cause"] for cause in end["causes"]] == ["stopped with the run"]
    assert f"40 jobs: 1 succeeded, 0 failed, {counts['stopped']} stopped, {counts['not_run']} not run" in stderr
    assert "next: start the same command again" in stderr
    assert "Traceback" not in stderr
    assert not list(tool.cwd.glob("all.*part*"))


def test_a_run_on_a_server_that_stays(
    tool: Tool, local_server: LocalServer, pids: Path, started: list[Process]
) -> None:
    # HTCondor removes a job with SIGTERM. The run made its own entities and bucket.
    tool.point_to(local_server.endpoint, key=local_server.key)
    tool.json("definition.json", {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 1}})
    tool.json("environment.json", {"type": "UNMANAGED", "serviceRole": local_server.role()})
    tool.write("data.txt", "data")
    environment = {"PIDS": str(pids), "TRANSFER_INPUT_FILES": "data.txt"}
    bag = tool.bag(*(shell(name, ENDLESS, environment) for name in ("a", "b", "c")))
    words: list[str | Path] = ["-j", "definition.json", "--ce", "environment.json", "-m", "all", bag]
    started.append(tool.start(*words, stderr=tool.place / "stderr"))
    log = tool.cwd / "bag.jobstate.log"

    def all_under_way() -> bool:
        steps = jobstates(log.read_text()) if log.exists() else {}
        return len(steps) == 3 and len(running(pids)) == 4

    wait_until(all_under_way, what="the jobs")
    ids = {name: steps[0].aws_id for name, steps in jobstates(log.read_text()).items()}
    started[0].send_signal(signal.SIGTERM)
    assert started[0].wait(60) == 143
    assert running(pids) == set()
    found = {one["jobId"]: one for one in local_server.batch.describe_jobs(jobs=list(ids.values()))["jobs"]}
    assert {name: found[aws_id]["status"] for name, aws_id in ids.items()} == dict.fromkeys(ids, "FAILED")
    assert {found[aws_id]["statusReason"] for aws_id in ids.values()} == {"pegasus-aws-batch was stopped"}
    assert local_server.everything() == NOTHING
    jobs, summary = merged_output(tool.read("all.out"))
    assert (summary.stat, summary.succeeded, summary.failed) == ("failed", 0, 3)
    said = {record.name: lines for lines, record in jobs}
    (waiting,) = [name for name, lines in said.items() if not lines]  # of jobs sent together, the one that came last
    assert said == {name: [] if name == waiting else [f"{name} begins"] for name in ids}
    stderr = (tool.place / "stderr").read_text()
    assert "terminating 3 jobs" in stderr
    assert " is FAILED" not in stderr  # one line tells it of all
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("number", "code"), CODES)
def test_before_anything_was_made(tool: Tool, started: list[Process], number: signal.Signals, code: int) -> None:
    with SilentServer() as server:
        tool.point_to(server.endpoint)
        bag = tool.bag(shell("a", "true"))
        before = tool.files()
        stderr = tool.place / "stderr"
        started.append(tool.start("-j", "some", "-q", "some", "-l", "tool.log", bag, stderr=stderr))
        with server.wait_for_a_connection():
            started[0].send_signal(number)
            assert started[0].wait(20) == code
    assert stderr.read_text() == "pegasus-aws-batch: stopped by a signal\n"
    assert tool.files() == before


QUESTION = "2 jobs run. t: terminate, {}Enter: go on"


def test_ctrl_c_on_a_terminal_asks_and_a_second_one_terminates(tool: Tool, pids: Path) -> None:
    bag = tool.bag(*(shell(name, ENDLESS, {"PIDS": str(pids)}) for name in ("a", "b")))
    command = [*COMMAND, "--local", str(bag)]
    with Terminal(command, env=tool.env, cwd=tool.cwd, typing=True) as terminal:
        terminal.shows("2 RUNNING")
        terminal.type("\x03")
        terminal.shows(QUESTION.format(""))
        assert len(running(pids)) == 4  # they are no affair of Ctrl-C
        terminal.type("\n")
        terminal.shows("2 RUNNING")
        terminal.type("\x03")
        terminal.until(lambda lines: sum(QUESTION.format("") in line for line in lines) == 2)
        terminal.type("\x03")
        assert terminal.end() == 130
        lines = terminal.all_lines
    assert running(pids) == set()
    assert not any(line[9:].startswith(("✗ a", "✗ b")) for line in lines)
    assert any("terminating 2 jobs" in line for line in lines)
    assert any(line.startswith("2 jobs: 0 succeeded, 0 failed, 2 stopped, in ") for line in lines)


def test_who_is_asked_can_leave_and_collect_later(tool: Tool, local_server: LocalServer, pids: Path) -> None:
    tool.point_to(local_server.endpoint, key=local_server.key)
    tool.json("definition.json", {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 1}})
    tool.json("environment.json", {"type": "UNMANAGED", "serviceRole": local_server.role()})
    bag = tool.bag(*(shell(name, ENDLESS, {"PIDS": str(pids)}) for name in ("a", "b")))
    words = ["-j", "definition.json", "--ce", "environment.json", str(bag)]
    with Terminal([*COMMAND, *words], env=tool.env, cwd=tool.cwd, typing=True, columns=160) as terminal:
        terminal.shows("2 RUNNING")
        terminal.type("\x03")
        terminal.shows(QUESTION.format("d: detach, "))
        terminal.type("d\n")
        assert terminal.end() == 130
        assert any(line.startswith("of 2 jobs, 2 run on in AWS; this collects them: ") for line in terminal.all_lines)
    for name in "ab":
        (pids / f"{name}.may-end").touch()
    assert tool.run(*words).status == 0
