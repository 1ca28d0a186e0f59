"""A run that did not reach its end is taken up by the same command, whatever instant it was cut short at."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chaos.stage import EXISTING, LATE, READING, Impatient, Stage, stage
from functional.fault_layer import Answer, Forward, Request, error
from helpers.records import assert_lifelike, job_output, jobstates, merged_output
from helpers.tool import Tool, shell
from helpers.waiting import is_alive, wait_until


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with no entities, and the command before it."""
    with stage(tmp_path) as new:
        yield new


@pytest.fixture
def ready(scene: Stage) -> Stage:
    """The same with a queue and a definition."""
    scene.aws.make_entities()
    return scene


# Requests in the order of a run, each with its number since the start of the command.
ALL_INSTANTS = [
    ("CreateComputeEnvironment", 1),
    ("CreateJobQueue", 1),
    ("RegisterJobDefinition", 1),
    ("CreateBucket", 1),
    ("PutObject", 2),
    ("SubmitJob", 1),  # others are under way with it, so there may be no second time
    ("ReadLogs", 1),
    ("UpdateJobQueue", 1),
    ("DeleteJobQueue", 1),
    ("DeleteComputeEnvironment", 1),
    ("DeregisterJobDefinition", 1),
    ("DeleteBucket", 1),
]
SOME_INSTANTS = [("RegisterJobDefinition", 1), ("SubmitJob", 2), ("ReadLogs", 1), ("DeleteJobQueue", 1)]


@pytest.mark.parametrize(
    ("instants", "after", "merged"),
    [(ALL_INSTANTS, True, False), (SOME_INSTANTS, False, True)],
    ids=["after", "before"],
)
def test_killed_at_one_request_after_the_other(
    scene: Stage, instants: list[tuple[str, int]], after: bool, merged: bool
) -> None:
    """One run with everything: it makes its entities and its bucket, and removes them."""
    names = [f"job{n}" for n in range(4)]
    for name in names:
        scene.tool.write(f"{name}.dat", name)
    words = [scene.bag(*(scene.job(name, env={"TRANSFER_INPUT_FILES": f"{name}.dat"}) for name in names))]
    words += [*scene.entity_files(), *(["-m", "all"] if merged else [])]
    for operation, number in instants:
        scene.kill_at(operation, number, after=after)
        scene.play(-signal.SIGKILL, *words)
    said = scene.play(0, *words)
    assert "taking up the run of" in said
    assert scene.times() == dict.fromkeys(names, 1)
    scene.assert_merged(names) if merged else scene.assert_outputs(names)
    scene.assert_nothing_is_left()


@pytest.mark.parametrize("words", [(), ("--delete-log-streams",)])
def test_htcondor_empties_the_merged_files_at_each_start(ready: Stage, words: tuple[str, ...]) -> None:
    names = ["first", "second", "third"]
    bag = ready.bag(*(ready.job(name, gated=name != "first") for name in names))
    line = [bag, *EXISTING, "-m", "all", *words]

    def truncate() -> None:
        for ending in ("out", "err"):
            (ready.tool.cwd / f"all.{ending}").write_bytes(b"")

    truncate()
    ready.start(*line)
    ready.wait_for_journal("Merged")
    ready.kill()
    assert ready.tool.read("all.out") == "", "merged files appear whole, or not at all"
    truncate()
    ready.open_gate()
    # All is merged and said to be done; what is left is to tidy up.
    ready.kill_at("DeleteLogStream" if words else "DeleteBucket", 2 if words else 1, after=True)
    ready.play(-signal.SIGKILL, *line)
    truncate()
    ready.play(0, *line)
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_merged(names)
    ready.assert_tidy()


def test_a_changed_bag_is_an_error_and_resume_goes_on(ready: Stage) -> None:
    first = ready.bag(ready.job("same", gated=True), ready.job("changes", gated=True))
    line = [first, *EXISTING]
    ready.start(*line)
    ready.wait_for("same", "changes")
    ready.wait_for_journal("StateChanged")
    ready.kill()
    ready.bag(ready.job("same", gated=True), ready.job("changes", "echo other", gated=True), ready.job("new"))
    said = ready.play(3, *line)
    assert 'job "changes": has changed' in said
    assert 'job "new": was not in the bag' in said
    assert '"same"' not in said
    assert "--resume" in said
    assert "--fresh" in said
    said = ready.play(3, *line, "-m", "other")
    assert "--merge-logs: was not given, and is other" in said
    assert set(ready.times()) == {"same", "changes"}

    ready.open_gate()
    ready.play(0, *line, "--resume")
    assert ready.times() == {"same": 1, "changes": 1, "new": 1}
    ready.assert_outputs(["same", "changes", "new"])


def test_resume_with_the_jobs_in_another_order(ready: Stage) -> None:
    names = ["a", "b", "c"]
    jobs = {name: ready.job(name, gated=name == "c") for name in names}
    line = [ready.bag(*jobs.values()), *EXISTING, "-m", "all"]
    ready.start(*line)
    wait_until(lambda: ready.journal.exists() and ready.journal.read_text().count('"Merged"') == 2, what="a and b")
    ready.kill()
    ready.bag(*(jobs[name] for name in ("b", "a", "c")))
    assert "the order of the jobs has changed" in ready.play(3, *line)
    ready.open_gate()
    ready.play(0, *line, "--resume")
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_merged(["b", "a", "c"])


def test_a_changed_input_is_an_error_and_fresh_starts_anew(ready: Stage) -> None:
    ready.tool.write("data.txt", "one")
    bag = ready.bag(ready.job("job", gated=True, env={"TRANSFER_INPUT_FILES": "data.txt"}))
    line = [bag, *EXISTING, "-s", "s3://kept/dir"]
    ready.start(*line)
    ready.wait_for("job")
    ready.wait_for_journal("StateChanged")
    ready.kill()
    ready.tool.write("data.txt", "two")
    said = ready.play(3, *line)
    assert "input file 'data.txt': has changed since it was sent" in said
    assert "--resume" in said
    assert "--fresh" in said
    assert ready.aws.content("kept", "dir/data.txt") == b"one"

    ready.start(*line, "--fresh")
    wait_until(lambda: [state for _, state in ready.aws.jobs()].count("FAILED") == 1, what="the old job's end")
    ready.open_gate()
    ready.end(0)
    assert ready.aws.jobs() == [("job", "FAILED"), ("job", "SUCCEEDED")]
    assert ready.aws.content("kept", "dir/data.txt") == b"two"
    assert ready.times() == {"job": 2}
    ready.assert_outputs(["job"])
    assert (ready.tool.cwd / "bag.journal.000").exists()
    ready.assert_tidy()


def test_fresh_removes_what_was_being_merged(ready: Stage) -> None:
    names = ["a", "b", "c"]
    bag = ready.bag(*(ready.job(name, gated=name == "b") for name in names))
    ready.start(bag, *EXISTING, "-m", "other")
    ready.wait_for_journal("Merged")
    ready.kill()
    assert (ready.tool.cwd / "other.parts").is_dir()
    ready.open_gate()
    ready.play(0, bag, *EXISTING, "-m", "all", "--fresh")
    ready.assert_merged(names)
    ready.assert_tidy()


def test_fresh_ends_a_job_whose_submission_was_not_journalled(ready: Stage) -> None:
    bag = ready.bag(ready.job("job", gated=True))
    ready.kill_at("SubmitJob", after=True)
    ready.play(-signal.SIGKILL, bag, *EXISTING)
    wait_until(lambda: "job" in ready.times(), what="the job")  # the command has left
    ready.start(bag, *EXISTING, "--fresh")
    wait_until(lambda: len(ready.aws.jobs()) == 2, what="the new job")
    states = [state for _, state in ready.aws.jobs()]
    ready.open_gate()
    ready.end(0)
    assert "FAILED" in states, "the old job still ran beside the new one"


def test_fresh_removes_an_entity_whose_creation_was_not_journalled(scene: Stage) -> None:
    line = [scene.bag(scene.job("job")), *scene.entity_files()]
    scene.kill_at("CreateComputeEnvironment", after=True)
    scene.play(-signal.SIGKILL, *line)
    scene.play(0, *line, "--fresh")
    scene.assert_outputs(["job"])
    scene.assert_nothing_is_left()


def test_fresh_that_is_killed_has_not_failed_the_jobs(ready: Stage) -> None:
    """They were ended because they were to run anew; that they failed then is no result."""
    line = [ready.bag(ready.job("job", gated=True)), *EXISTING]
    ready.start(*line)
    ready.wait_for("job")
    ready.wait_for_journal("StateChanged")
    ready.kill()
    for operation in ("TerminateJob", "terminatejobs"):
        ready.kill_at(operation, after=True)
    ready.play(-signal.SIGKILL, *line, "--fresh")
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"job": 2}
    ready.assert_outputs(["job"])


@pytest.mark.parametrize("place", [(), ("-s", "s3://kept/dir")], ids=["own-bucket", "named-bucket"])
def test_killed_while_a_large_file_goes_up(ready: Stage, place: tuple[str, ...]) -> None:
    """Parts of an upload that is never completed cost money for ever, and no listing of objects shows them."""
    ready.tool.write("large", b"x" * (17 << 20))
    line = [ready.bag(ready.job("job", env={"TRANSFER_INPUT_FILES": "large"})), *EXISTING, *place]
    ready.faults.lose_answer("CreateMultipartUpload", 1)
    ready.kill_at("UploadPart", 2, after=True)
    ready.play(-signal.SIGKILL, *line)
    ready.faults.lose_answer("CreateMultipartUpload", 1)
    ready.play(0, *line)
    buckets = ready.aws.buckets()
    assert buckets == (["kept"] if place else [])
    for bucket in buckets:
        assert ready.aws.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
        assert ready.aws.keys(bucket) == ["dir/large"]


def test_one_run_at_a_time(ready: Stage) -> None:
    line = [ready.bag(ready.job("job", gated=True)), *EXISTING]
    first = ready.start(*line)
    ready.wait_for("job")
    ready.wait_for_journal("StateChanged")
    before = ready.journal.read_bytes()
    said = ready.play(3, *line)
    assert re.search(rf"bag\.journal: another run holds this journal: process {first.pid} on \S+\n", said)
    assert ready.journal.read_bytes().startswith(before)
    ready.open_gate()
    ready.end(0, first)
    assert ready.times() == {"job": 1}
    ready.assert_tidy()


def test_a_run_that_another_start_has_taken_over_stops(scene: Stage) -> None:
    """It was suspended for so long that it was taken for dead: all that it has is the other's."""
    line = [scene.bag(scene.job("a", gated=True), scene.job("b", dependsOn=["a"])), *scene.entity_files()]
    scene.start(*line, "--summary", "summary.json")
    scene.wait_for("a")
    held = scene.journal.with_name("bag.journal.held")
    mark = json.dumps({**json.loads(held.read_text()), "id": "of the other", "host": "login2"})
    held.write_text(mark)
    made = scene.aws.everything()
    said = scene.end(2)
    assert "bag.journal: another start has taken this run over: process " in said
    assert "on login2; this one stops, and leaves all as it is" in said
    assert "start the same command again" not in said
    assert scene.aws.everything() == made
    assert held.read_text() == mark
    assert '"TakingDown"' not in scene.journal.read_text()
    assert not (scene.tool.cwd / "summary.json").exists()

    held.unlink()
    scene.open_gate()
    scene.play(0, *line)
    assert scene.times() == {"a": 1, "b": 1}


def test_a_killed_run_that_nobody_waited_for_holds_nothing(ready: Stage) -> None:
    """In a container the first process often waits for nobody, and a dead run stays in the table of processes."""
    line = [ready.bag(ready.job("job", gated=True)), *EXISTING]
    first = ready.tool.start(*line, stderr=ready.tool.place / "first", before=["env"])  # a child of this process
    try:
        ready.wait_for("job")
        first.kill()
        wait_until(lambda: not is_alive(first.pid), what="its end")
        ready.open_gate()
        ready.play(0, *line)
        ready.assert_outputs(["job"])
    finally:
        first.kill()
        first.wait()


def test_after_the_end_the_same_command_is_a_new_run(ready: Stage) -> None:
    line = [ready.bag(ready.job("a"), ready.job("b", "(exit 1)")), *EXISTING]
    ready.play(1, *line)
    first = ready.output("a")[2]
    said = ready.play(1, *line)
    assert "taking up" not in said
    assert ready.times() == {"a": 2, "b": 2}
    assert ready.output("a")[2].aws_id != first.aws_id
    assert (ready.tool.cwd / "bag.journal.000").exists()


@pytest.mark.parametrize("options", [(), ("-m", "all", "--delete-log-streams")], ids=["per-job", "merged"])
def test_retry_failed_keeps_the_rest(ready: Stage, options: tuple[str, ...]) -> None:
    """The bucket of the first run is gone by then, and with it the inputs; the log streams may be too."""
    names = ["good", "bad", "fine"]
    ready.tool.write("data.txt", "data")
    checks = f"test $(wc -c <'{ready.ran}/bad') -ge 2"
    bag = ready.bag(
        ready.job("good"),
        ready.job("bad", checks, env={"TRANSFER_INPUT_FILES": "data.txt"}),
        ready.job("fine"),
    )
    line = [bag, *EXISTING, *options]
    said = ready.play(3, *line, "--retry-failed")
    assert "--retry-failed: there is no earlier run" in said
    ready.play(1, *line)
    uploads = ready.faults.count("PutObject")
    ready.play(0, *line, "--retry-failed")
    assert ready.times() == {"good": 1, "bad": 2, "fine": 1}
    ready.assert_merged(names) if options else ready.assert_outputs(names)
    assert ready.faults.count("PutObject") == 2 * uploads == 2, "the job ran without its input"
    assert (ready.tool.cwd / "bag.journal.000").exists()
    ready.assert_tidy()


def test_retry_failed_with_the_embedded_aws_keeps_what_is_in_the_merged_files(tool: Tool) -> None:
    """Their log streams ended with the run before."""
    bad = shell("bad", f"test -e '{tool.cwd}/ready' && echo now")
    bag = tool.bag(shell("good", "echo good"), bad)
    line: list[str | Path] = ["--local", "--merge-logs", "all", bag]
    assert tool.run(*line).status == 1
    tool.write("ready", "")
    done = tool.run(*line, "--retry-failed")
    assert done.status == 0, done.err
    jobs, summary = merged_output(tool.read("all.out"))
    assert [lines for lines, _ in jobs] == [["good"], ["now"]]
    assert summary.succeeded == 2


def test_retry_failed_is_taken_up_too(ready: Stage) -> None:
    bag = ready.bag(ready.job("good"), ready.job("bad", f"test $(wc -c <'{ready.ran}/bad') -ge 2", gated=True))
    line = [bag, *EXISTING]
    ready.open_gate()
    ready.play(1, *line)
    ready.gate.unlink()
    ready.start(*line, "--retry-failed")
    wait_until(lambda: ready.times()["bad"] == 2, what="the second time")
    ready.kill()
    ready.open_gate()
    ready.play(0, *line, "--retry-failed")
    assert ready.times() == {"good": 1, "bad": 2}
    ready.assert_outputs(["good", "bad"])


def test_detach_and_collect(scene: Stage) -> None:
    names = ["a", "b"]
    line = [scene.bag(*(scene.job(name, gated=True) for name in names)), *scene.entity_files()]
    scene.start(*line, "--detach", "--summary", "end.json")
    said = scene.end(0)
    assert "of 2 jobs, 2 run on in AWS; this collects them: " in said
    assert "WARNING" not in said
    end = json.loads(scene.tool.read("end.json"))
    assert (end["complete"], end["counts"]["not_run"], end["causes"]) == (False, 2, [])
    wait_until(lambda: set(names) <= set(scene.times()), what="the jobs")  # the command has left
    assert scene.aws.queues() == ["bag-job-queue"], "the jobs need it"
    scene.open_gate()
    scene.play(0, *line)
    assert scene.times() == dict.fromkeys(names, 1)
    scene.assert_outputs(names)
    for steps in jobstates(scene.tool.read("bag.jobstate.log")).values():
        assert_lifelike(steps, "SUCCEEDED")
    scene.assert_nothing_is_left()


def test_sighup_leaves_the_jobs_alone(scene: Stage) -> None:
    names = ["a", "b"]
    line = [scene.bag(*(scene.job(name, gated=True) for name in names)), *scene.entity_files(), "-m", "all"]
    process = scene.start(*line)
    scene.wait_for(*names)
    process.send_signal(signal.SIGHUP)
    said = scene.end(129)
    assert "start the same command again to collect them" in said
    assert {state for _, state in scene.aws.jobs("bag-job-queue")} == {"RUNNING"}
    scene.open_gate()
    scene.play(0, *line)
    assert scene.times() == dict.fromkeys(names, 1)
    scene.assert_merged(names)
    scene.assert_nothing_is_left()


def test_nohup_is_heeded(tmp_path: Path) -> None:
    tool = Impatient(tmp_path)
    with stage(tmp_path, tool) as scene:
        scene.aws.make_entities()
        line = [scene.bag(scene.job("job", gated=True)), *EXISTING]
        process = tool.start(*line, stderr=tmp_path / "stderr", before=["nohup"])
        try:
            scene.wait_for("job")
            process.send_signal(signal.SIGHUP)
            scene.open_gate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
        scene.assert_outputs(["job"])


def test_after_sigint_a_new_start_finishes_what_is_left(scene: Stage) -> None:
    """The first start took down its bucket, so the inputs are sent again."""
    names = ["done", "cut", "late"]
    scene.tool.write("data.txt", "data")
    inputs = {"TRANSFER_INPUT_FILES": "data.txt"}
    bag = scene.bag(*(scene.job(name, gated=name != "done", env=inputs) for name in names))
    line = [bag, *scene.entity_files(), "-m", "all"]
    process = scene.start(*line)
    scene.wait_for(*names)
    scene.wait_for_journal("LogsWritten")
    process.send_signal(signal.SIGINT)
    said = scene.end(130)
    assert "SIGINT" in said
    assert "a second" in said
    assert "terminating 2 jobs" in said
    scene.assert_nothing_is_left()

    uploads = scene.faults.count("PutObject")
    scene.faults.fail("PutObject", 503, "SlowDown")
    process = scene.start(*line)
    wait_until(lambda: scene.faults.count("PutObject") > uploads, what="the second start")
    process.send_signal(signal.SIGINT)
    scene.end(130, seconds=20)  # not the 30 of --grace: of the jobs that were ended before, nothing comes any more
    scene.assert_nothing_is_left()

    scene.faults.forget()
    scene.open_gate()
    refused = scene.faults.count("PutObject") - uploads
    scene.play(0, *line)
    assert scene.times() == {"done": 1, "cut": 2, "late": 2}
    scene.assert_merged(names)
    assert scene.faults.count("PutObject") - refused == 2 * uploads == 2, "the jobs ran without their input"
    scene.assert_nothing_is_left()


def test_sigint_while_jobs_are_throttled(scene: Stage) -> None:
    """It is known of each that AWS does not have it: nothing has to stay for them, and nothing is looked for."""
    names = ["a", "b", "c", "waits"]
    scene.tool.write("data.txt", "data")
    waits = scene.job("waits", env={"TRANSFER_INPUT_FILES": "data.txt"})
    line = [scene.bag(*map(scene.job, names[:3]), waits), *scene.entity_files()]
    scene.faults.throttle("SubmitJob", 1000)
    scene.faults.lose_answer("PutObject", 1000)  # it is there, and nobody knows
    process = scene.start(*line)
    wait_until(lambda: scene.faults.count("SubmitJob") >= 3, what="the throttled jobs")
    wait_until(lambda: scene.faults.count("PutObject") >= 1, what="the upload")
    process.send_signal(signal.SIGINT)
    scene.end(130)
    scene.assert_nothing_is_left()
    scene.faults.forget()
    scene.play(0, *line)
    assert scene.faults.count("ListJobs") == 0
    scene.assert_outputs(names)
    scene.assert_nothing_is_left()


def test_sigint_looks_for_a_job_whose_answer_was_lost(scene: Stage) -> None:
    line = [scene.bag(scene.job("job", gated=True)), *scene.entity_files()]
    scene.faults.lose_answer("SubmitJob", 1)
    scene.faults.edit("ListJobs", lambda content: content.update(jobSummaryList=[]), times=3)
    process = scene.start(*line)
    scene.wait_for("job")
    process.send_signal(signal.SIGINT)
    scene.end(130)
    scene.assert_nothing_is_left()
    scene.open_gate()
    scene.play(0, *line)
    assert scene.times() == {"job": 2}
    scene.assert_outputs(["job"])


def test_a_signal_while_something_is_being_made(scene: Stage) -> None:
    """The request has arrived, and nobody waits for the answer any more."""
    line = [scene.bag(scene.job("job")), *scene.entity_files()]

    def act(_: Request, forward: Forward) -> Answer:
        forward()
        process.send_signal(number)
        process.wait(60)
        raise ConnectionResetError

    for operation, number in (
        ("CreateComputeEnvironment", signal.SIGINT),
        ("RegisterJobDefinition", signal.SIGHUP),
        ("CreateBucket", signal.SIGTERM),
    ):
        scene.faults.on(operation, act, times=1)
        process = scene.start(*line)
        said = scene.end(128 + number)
        assert "a second signal leaves at once" in said
        scene.assert_nothing_is_left()
    scene.play(0, *line)
    scene.assert_nothing_is_left()


def test_a_signal_during_the_clean_up_does_not_cut_it_short(scene: Stage) -> None:
    line = [scene.bag(scene.job("job")), *scene.entity_files()]
    words = "SIGINT: only the clean-up is left"

    def act(_: Request, forward: Forward) -> Answer:
        process.send_signal(signal.SIGINT)
        wait_until(lambda: words in scene.said(), what="an answer to the signal")
        return forward()

    scene.faults.on("DeleteJobQueue", act, times=1)
    process = scene.start(*line)
    scene.end(0)
    scene.assert_outputs(["job"])
    scene.assert_nothing_is_left()


def test_a_signal_before_a_run_is_taken_up(ready: Stage) -> None:
    """The jobs go on, and who wanted to end them is told."""
    line = [ready.bag(ready.job("job", gated=True)), *EXISTING]
    ready.kill_at("SubmitJob", after=True)
    ready.start(*line)
    ready.end(-signal.SIGKILL)
    wait_until(lambda: ready.times() == {"job": 1}, what="the job")

    def act(_: Request, forward: Forward) -> Answer:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        return forward()

    ready.faults.on("DescribeJobQueues", act, times=1)
    process = ready.start(*line)
    assert "stopped by a signal before it went on with the run, whose jobs are left as they were" in ready.end(130)
    assert ready.aws.jobs() == [("job", "RUNNING")]
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"job": 1}


def test_a_signal_as_the_first_job_is_sent(scene: Stage) -> None:
    assert isinstance(scene.tool, Impatient)
    impatient, line = scene.tool.before, [scene.bag(scene.job("job")), *scene.entity_files(), "-m", "all"]
    scene.tool.before = [impatient[0], str(LATE), "SIGTERM", "run.pipeline.Pipeline.run", impatient[2]]
    scene.play(143, *line)
    scene.assert_nothing_is_left()
    assert not {path.name for path in scene.tool.cwd.glob("all.*")} - {"all.out", "all.err"}
    scene.tool.before = impatient
    scene.play(0, *line)
    scene.assert_merged(["job"])


@pytest.mark.parametrize(
    ("number", "place"),
    [
        (signal.SIGTERM, "jobs.monitor.Monitor.close"),
        (signal.SIGINT, "logs.merged_files.MergedFiles.finish"),
        (signal.SIGHUP, "commands.ending.Ending.tell"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_signal_after_the_last_job_comes_too_late(scene: Stage, number: signal.Signals, place: str) -> None:
    """All that is left to do is done, and the exit status says so: the same command would be a new run."""
    assert isinstance(scene.tool, Impatient)
    scene.tool.before[1:2] = [str(LATE), number.name, place]
    scene.play(0, scene.bag(scene.job("job")), *scene.entity_files(), "-m", "all")
    scene.assert_merged(["job"])
    scene.assert_nothing_is_left()
    assert {path.name for path in scene.tool.cwd.glob("all.*")} == {"all.out", "all.err"}
    assert '"event":"Finished"' in scene.journal.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_service_that_never_answers_does_not_keep_it_from_stopping(ready: Stage, number: signal.Signals) -> None:
    """S3 does not keep the jobs alive; with SIGTERM, nothing keeps the command."""
    names = ["runs", "small", "large"]
    ready.tool.write("small.dat", "x")
    ready.tool.write("large.dat", b"x" * (9 << 20))
    sent = (ready.job(name, gated=True, env={"TRANSFER_INPUT_FILES": f"{name}.dat"}) for name in names[1:])
    line = [ready.bag(ready.job("runs", gated=True), *sent), *EXISTING, "-s", "s3://kept/dir", "--grace", "2"]
    hung, over = set[str](), threading.Event()

    def act(request: Request, _: Forward) -> Answer:
        hung.add(request.operation)
        over.wait()
        raise ConnectionResetError

    with ExitStack() as stack:
        stack.callback(over.set)
        for operation in ("PutObject", "UploadPart", *(READING if number is signal.SIGTERM else ())):
            ready.faults.on(operation, act)
        process = ready.start(*line)
        ready.wait_for("runs")
        ready.wait_for_journal("StateChanged")
        wait_until(lambda: hung >= {"PutObject", "UploadPart"}, what="the uploads")
        process.send_signal(number)
        ready.end({signal.SIGINT: 130, signal.SIGTERM: 143}[number], seconds=40)  # a request lasts 60
        assert ready.aws.jobs() == [("runs", "FAILED")]
    ready.faults.forget()
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"runs": 2, "small": 1, "large": 1}
    ready.assert_outputs(names)
    assert ready.aws.s3.list_multipart_uploads(Bucket="kept").get("Uploads", []) == []


def test_killed_while_it_ends_its_jobs(ready: Stage) -> None:
    """HTCondor removes with SIGTERM and then SIGKILL: what a job wrote before it was ended is not its output."""
    names = ["cut", "done", "last"]
    line = [ready.bag(*(ready.job(name, gated=name != "done") for name in names)), *EXISTING, "-m", "all"]
    process = ready.start(*line)
    ready.wait_for(*names)
    ready.wait_for_journal("LogsWritten")
    ended = {ready.stream_of(name) for name in ("cut", "last")}
    first: set[str] = set()

    def act(request: Request, forward: Forward) -> Answer:
        streams = request.body.get("logStreamNames") or [request.body["logStreamName"]]
        if len(streams) > 1:
            return error("logs", 400, "ResourceNotFoundException", "one of them does not exist")
        if not first:
            first.update(ended.intersection(streams))
        if ended.isdisjoint(streams) or first.issuperset(streams):
            return forward()
        wait_until(lambda: ready.journal.read_text().count('"LogsWritten"') == 2, what="the log of an ended job")
        process.kill()
        raise ConnectionResetError

    for operation in READING:
        ready.faults.on(operation, act)
    process.send_signal(signal.SIGTERM)
    ready.end(-signal.SIGKILL)
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"cut": 2, "done": 1, "last": 2}
    ready.assert_merged(names)
    ready.assert_tidy()


def test_a_second_signal_leaves_at_once(ready: Stage) -> None:
    line = [ready.bag(ready.job("job", gated=True)), *EXISTING]
    for operation in ("TerminateJob", "terminatejobs"):
        ready.faults.fail(operation, 500, "ServerException")
    process = ready.start(*line)
    ready.wait_for("job")
    ready.wait_for_journal("Submitted")
    process.send_signal(signal.SIGINT)
    wait_until(lambda: "terminating" in ready.said(), what="the first one")
    process.send_signal(signal.SIGINT)
    said = ready.end(130, seconds=10)
    assert "start the same command again" in said
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == {"job": 1}
    ready.assert_outputs(["job"])


def test_a_torn_last_line_of_the_journal(ready: Stage) -> None:
    names = ["a", "b"]
    line = [ready.bag(*(ready.job(name, gated=True) for name in names)), *EXISTING]
    ready.start(*line)
    ready.wait_for(*names)
    ready.wait_for_journal("StateChanged")
    ready.kill()
    ready.journal.write_bytes(ready.journal.read_bytes()[:-9])
    ready.open_gate()
    ready.play(0, *line)
    assert ready.times() == dict.fromkeys(names, 1)
    ready.assert_outputs(names)


def test_a_failed_log_call_is_made_good_by_a_new_start(ready: Stage) -> None:
    line = [ready.bag(ready.job("job"), ready.job("bad", "(exit 4)")), *EXISTING]
    allowed = threading.Event()

    def act(_: Request, forward: Forward) -> Answer:
        return forward() if allowed.is_set() else error("logs", 400, "AccessDeniedException", "not allowed")

    for operation in READING:
        ready.faults.on(operation, act)
    said = ready.play(1, *line)
    assert "not allowed" in said
    lines, task = job_output(ready.tool.read("bad.out"))
    assert (lines, task.status) == ([], 4), "the task's own failure is told all the same"
    allowed.set()
    ready.play(1, *line)
    assert ready.times() == {"bad": 1, "job": 1}
    assert ready.output("job")[:2] == (["job begins"], ["job ends"])
    assert ready.output("bad")[:2] == (["bad begins"], ["bad ends"])


def test_two_bags_in_one_directory(ready: Stage) -> None:
    """Each has a journal of its own, named after it."""
    lines = []
    for name in ("one", "two"):
        bag = ready.bag(ready.job(name, gated=True), name=f"{name}.in")
        lines.append([bag, *EXISTING, "-m", name])
    first = ready.start(*lines[0])
    second = ready.start(*lines[1])
    ready.wait_for("one", "two")
    ready.open_gate()
    ready.end(0, first)
    ready.end(0, second)
    for name in ("one", "two"):
        assert [task.name for _, task in merged_output(ready.tool.read(f"{name}.out"))[0]] == [name]
