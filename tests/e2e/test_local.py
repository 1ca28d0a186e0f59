"""Runs on the embedded AWS: where the output lands, what is in the records and the logs, the exit status."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from helpers.launcher import LAUNCH, S3
from helpers.records import LOG_LINE, SEPARATOR, Step, Task, assert_lifelike, job_output, jobstates, merged_output
from helpers.servers import Listener
from helpers.summaries import in_page
from helpers.tool import Tool, job, shell
from helpers.waiting import wait_until

BUCKET = "s3://pegasus-batch-bamboo/mybatch-bucket/run0001"
NAMES = ("findrange_ID0000002", "findrange_ID0000003")
WORKER = "pegasus-worker-4.9.0dev-x86_64_rhel_7.tar.gz"


OWN = ("bag.jobstate.log", "bag.journal")  # what a run of bag.in writes beside the jobs' output


def new_files(tool: Tool, before: set[str]) -> set[str]:
    """What is in the working directory now and was not before."""
    return {name.removeprefix("work/") for name in set(tool.files()) - before}


def files_in(tool: Tool, directory: str) -> set[str]:
    place = tool.cwd / directory
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


def test_150_jobs_with_every_line_in_place(tool: Tool) -> None:
    out, err = range(20), range(5)
    script = "; ".join(
        [
            *(f'echo "$PEGASUS_JOB_NAME says {line}"' for line in out),
            f"echo '{SEPARATOR}'",
            *(f'echo "$PEGASUS_JOB_NAME moans {line}" >&2' for line in err),
        ]
    )
    names = [f"job_{number:03}" for number in range(150)]
    done = tool.run("--local", "--merge-logs", "all", tool.bag(*(shell(name, script) for name in names)))
    assert done.status == 0, done.err
    jobs, summary = merged_output(tool.read("all.out"))
    assert [lines for lines, _ in jobs] == [[f"{name} says {line}" for line in out] for name in names]
    assert [(record.number, record.name) for _, record in jobs] == list(enumerate(names, start=1))
    assert {(record.state, record.status) for _, record in jobs} == {("succeeded", 0)}
    assert len({record.aws_id for _, record in jobs}) == 150
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("ok", 150, 150, 0)
    assert tool.read("all.err").splitlines() == [f"{name} moans {line}" for name in names for line in err]
    states = jobstates(tool.read("bag.jobstate.log"))
    assert set(states) == set(names)
    for steps in states.values():
        assert_lifelike(steps, "SUCCEEDED")
    assert {path.name for path in tool.cwd.iterdir()} == {"bag.in", "all.out", "all.err", *OWN}


# -- the job submit file of the manual


@pytest.fixture
def manual(tool: Tool) -> list[str | Path]:
    """The words of a command line that runs the manual's two findrange jobs."""
    tool.write(f"input/{WORKER}", b"\x1f\x8b worker package")
    tool.write("input/pegasus-aws-batch-launch.sh", LAUNCH)
    tool.write("input/.s3cfg", "[pegasus@aws_batch]\n")
    jobs = []
    for name in NAMES:
        tool.write(
            f"input/00/00/{name}.sh",
            'echo "$PEGASUS_JOB_NAME of $PEGASUS_AWS_BATCH_BUCKET"\n'
            f'echo "inputs $TRANSFER_INPUT_FILES"; wc -c <{WORKER} | tr -d " "\n'
            f'{S3} cp "$S3CFG_aws_batch" - \n'
            f'echo "complaint of {name}" >&2\n',
        )
        inputs = [str(tool.cwd / "input" / item) for item in (WORKER, f"00/00/{name}.sh")]
        environment = {
            "S3CFG_aws_batch": f"{BUCKET}/.s3cfg",
            "TRANSFER_INPUT_FILES": ",".join(inputs),
            "BATCH_FILE_TYPE": "script",
            "BATCH_FILE_S3_URL": f"{BUCKET}/pegasus-aws-batch-launch.sh",
        }
        one = job(name, "pegasus-aws-batch-launch.sh", env=environment)
        jobs.append({**one, "arguments": f"{name}.sh"})
    bag = tool.bag(*jobs, name="merge_diamond-findrange-4_0_PID2_ID1.in")
    files = ",".join(str(tool.cwd / "input" / name) for name in ("pegasus-aws-batch-launch.sh", ".s3cfg"))
    return ["--local", "--s3", BUCKET, "--files", files, bag]


def expected_stdout(name: str) -> list[str]:
    return [
        f"{name} of {BUCKET}/",
        f"inputs {WORKER},{name}.sh,pegasus-aws-batch-launch.sh,.s3cfg",
        str(len(b"\x1f\x8b worker package")),
        "[pegasus@aws_batch]",
    ]


def assert_good_record(record: Task, number: int, began: float, states: dict[str, list[Step]]) -> None:
    name = NAMES[number - 1]
    assert (record.number, record.name, record.state, record.status) == (number, name, "succeeded", 0)
    assert record.app == "pegasus-aws-batch-launch.sh"
    assert began - 1 <= record.start.timestamp() <= record.start.timestamp() + record.duration <= time.time() + 1
    assert record.duration > 0
    assert_lifelike(states[name], "SUCCEEDED")
    assert states[name][0].aws_id == record.aws_id


def test_the_manuals_bag_with_merged_logs(tool: Tool, manual: list[str | Path]) -> None:
    began = time.time()
    before = set(tool.files())
    done = tool.run("--merge-logs", "merged", *manual)
    assert done.status == 0, done.err
    jobs, summary = merged_output(tool.read("merged.out"))
    assert [lines for lines, _ in jobs] == [expected_stdout(name) for name in NAMES]
    assert tool.read("merged.err").splitlines() == [f"complaint of {name}" for name in NAMES]
    states = jobstates(tool.read("merge_diamond-findrange-4_0_PID2_ID1.jobstate.log"))
    for number, (_, record) in enumerate(jobs, start=1):
        assert_good_record(record, number, began, states)
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("ok", 2, 2, 0)
    assert began - 1 <= summary.start.timestamp() <= summary.start.timestamp() + summary.duration <= time.time() + 1
    own = {f"merge_diamond-findrange-4_0_PID2_ID1.{ending}" for ending in ("jobstate.log", "journal")}
    assert {name for name in new_files(tool, before) if ".local" not in name} == {"merged.out", "merged.err"} | own


def test_the_manuals_bag_with_a_log_for_each_job(tool: Tool, manual: list[str | Path]) -> None:
    began = time.time()
    before = set(tool.files())
    done = tool.run("--prefix", "mine", *manual)
    assert done.status == 0, done.err
    assert "--local: the buckets are in mine.local" in done.err
    states = jobstates(tool.read("mine.jobstate.log"))
    for number, name in enumerate(NAMES, start=1):
        lines, record = job_output(tool.read(f"{name}.out"))
        assert lines == expected_stdout(name)
        assert_good_record(record, number, began, states)
        assert tool.read(f"{name}.err") == f"complaint of {name}\n"
    outputs = {f"{name}.{ending}" for name in NAMES for ending in ("out", "err")}
    place = "pegasus-batch-bamboo/mybatch-bucket/run0001"
    sent = {
        f"{place}/{name}" for name in (WORKER, "pegasus-aws-batch-launch.sh", ".s3cfg", *map("{}.sh".format, NAMES))
    }
    new = new_files(tool, before)
    assert {name for name in new if ".local" not in name} == outputs | {"mine.jobstate.log", "mine.journal"}
    assert {name for name in files_in(tool, "mine.local") if not name.startswith(".")} == sent


# -- buckets

PUT = f'printf "%s" "$PEGASUS_JOB_NAME" >result; {S3} cp result "${{PEGASUS_AWS_BATCH_BUCKET}}made/$PEGASUS_JOB_NAME"'


def test_a_later_start_finds_what_is_in_the_buckets(tool: Tool) -> None:
    tool.write("data.txt", "data")
    inputs = {"TRANSFER_INPUT_FILES": "data.txt"}
    then = f'test -e "{tool.cwd}/ready" && {S3} cp "${{PEGASUS_AWS_BATCH_BUCKET}}made/first" -'
    bag = tool.bag(shell("first", PUT, inputs), shell("then", then, inputs, dependsOn=[{"jobId": "first"}]))
    words: list[str | Path] = ["--local=the/buckets", "--s3", "s3://bucket/dir", "--summary", "end.json", bag]
    done = tool.run(*words)
    assert done.status == 1, done.err
    assert files_in(tool, "the/buckets/bucket") == {"dir/data.txt", "dir/made/first"}
    assert tool.read("the/buckets/bucket/dir/made/first") == "first"
    tool.write("ready", "")
    done = tool.run("--retry-failed", *words)
    assert done.status == 0, done.err
    assert job_output(tool.read("then.out"))[0] == ["first"]
    assert "s3 PutObject" not in json.loads(tool.read("end.json"))["calls"]
    tool.write("the/buckets/bucket/dir/data.txt", "mine")
    assert tool.run(*words).status == 0
    assert "s3 PutObject" in json.loads(tool.read("end.json"))["calls"]
    assert tool.read("the/buckets/bucket/dir/data.txt") == "data"
    done = tool.run("--delete", "--local=the/buckets", "--s3", "s3://bucket")
    assert done.status == 0, done.err
    assert list((tool.cwd / "the").iterdir()) == []


def test_of_a_run_that_was_killed_the_next_one_leaves_nothing(tool: Tool) -> None:
    tool.write("data.txt", "data")
    put = f'touch begun && {S3} cp begun "${{PEGASUS_AWS_BATCH_RESULTS}}half" >&2'
    script = f'test -e "{tool.cwd}/ready" || {{ {put} && mv begun "{tool.cwd}"; sleep 600; }}'
    bag = tool.bag(shell("one", script, {"TRANSFER_INPUT_FILES": "data.txt"}))
    killed = tool.start("--local", bag, stderr=tool.place / "stderr")
    try:
        wait_until((tool.cwd / "begun").exists, what="the job")
        assert {Path(name).name for name in files_in(tool, "bag.local/bag-bucket")} == {"data.txt", "half"}
        done = tool.run("--local=bag.local", "-p", "other", bag)
        way_out = "wait for its end, or give another --local=directory"
        assert (done.status, done.errors) == (3, [f"--local: another run has its buckets in bag.local: {way_out}"])
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait(60)
    tool.write("ready", "")
    assert tool.run("--local", "--dry-run", bag).status == 0
    assert (tool.cwd / "bag.local").exists()
    done = tool.run("--local", bag)
    assert done.status == 0, done.err
    assert not (tool.cwd / "bag.local").exists()


# -- failures


def test_failing_jobs_and_the_reasons(tool: Tool) -> None:
    attempt = 'echo "try $AWS_BATCH_JOB_ATTEMPT"'
    bag = tool.bag(
        shell("fine", "echo fine"),
        shell("seven", "echo working; echo oh no >&2; exit 7"),
        shell("killed", "kill -9 $$"),
        job("absent", "/no/such/program"),
        shell("second", f"{attempt}; test $AWS_BATCH_JOB_ATTEMPT = 2", retryStrategy={"attempts": 2}),
        shell("never", f"{attempt}; exit 4", retryStrategy={"attempts": 2}),
    )
    done = tool.run("--local", "--summary", "end.json", "--report", "end.html", bag)
    assert done.status == 1
    records = {}
    for number, name in enumerate(("fine", "seven", "killed", "absent", "second", "never"), start=1):
        lines, records[name] = job_output(tool.read(f"{name}.out"))
        assert records[name].number == number
        if name in ("second", "never"):
            assert lines == ["try 2"]  # the log of the last attempt
    assert {name: (record.state, record.status) for name, record in records.items()} == {
        "fine": ("succeeded", 0),
        "seven": ("failed", 7),
        "killed": ("failed", 137),
        "absent": ("failed", 127),
        "second": ("succeeded", 0),
        "never": ("failed", 4),
    }
    states = jobstates(tool.read("bag.jobstate.log"))
    for name, record in records.items():
        assert_lifelike(states[name], "SUCCEEDED" if record.state == "succeeded" else "FAILED")
    log = [LOG_LINE.fullmatch(line) for line in done.err.splitlines()]
    assert None not in log, done.err
    said = [match["message"] for match in log if match]
    assert f"job seven ({records['seven'].aws_id}) is FAILED: exit code 7; Essential container in task exited" in said
    # The last lines of the log tell how many failed, and why; the summary the whole.
    end = said[next(place for place, line in enumerate(said) if line.startswith("6 jobs: 2 succeeded, 4 failed, in")) :]
    assert "  1 x exit code 7: oh no" in end
    assert "      as job seven (seven.out and .err):" in end
    assert "      | oh no" in end
    assert "  and 1 more cause, of 1 job" in end
    assert end[-2:] == ["report: end.html", "summary: end.json"]
    summary = json.loads(tool.read("end.json"))
    assert in_page(tool.read("end.html")) == summary
    assert {cause["example"]["job"]: cause["cause"] for cause in summary["causes"]} == {
        "seven": "exit code 7: oh no",
        "killed": "exit code 137, killed",
        "absent": "Task failed to start; CannotStartContainerError: exec: '<path>': executable file not found in $PATH",
        "never": "exit code 4: try <n>",
    }
    assert {one["name"]: (one["aws_id"], one["exit_code"], len(one["attempts"])) for one in summary["jobs"]} == {
        name: (record.aws_id, record.status, {"second": 2, "never": 2, "absent": 3}.get(name, 1))
        for name, record in records.items()
    }
    assert summary["retried"] == {"jobs": 3, "attempts": 4, "spot": 0, "starts": 3}
    assert summary["calls"]["batch SubmitJob"] == {"calls": 6, "throttled": 0, "failed": 0}


def test_a_job_that_runs_out_of_memory_is_sent_again_with_more(tool: Tool) -> None:
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "x", "resourceRequirements": needs}
    definition = tool.json("definition.json", {"type": "container", "containerProperties": container})
    script = (
        "import time; print('begins', flush=True); held = bytearray(b'x') * (80 << 20); time.sleep(1); print('whole')"
    )
    words = {"executable": sys.executable, "arguments": ["-Ic", script], "launcher": True}
    bag = tool.bag({"jobName": "hungry", **words, "onOutOfMemory": {"factor": 2}}, shell("small", "echo small"))
    done = tool.run("--local", "-j", definition, "--summary", "end.json", bag)
    assert done.status == 0, done.err
    assert job_output(tool.read("hungry.out"))[0] == ["begins", "whole"]
    assert tool.read("hungry.out.1") == "begins\n"
    assert "Killed" in tool.read("hungry.err.1")  # as the shell says that started it
    said = [match["message"] for line in done.err.splitlines() if (match := LOG_LINE.fullmatch(line))]
    assert "job hungry: it ran out of memory, and is sent again with 128 MiB" in said
    assert "  sent again: 1 job, 1 time with more memory" in said
    assert any(line.startswith("  note: 1 job needed more than 64 MiB; 128 MiB did: write") for line in said)
    summary = json.loads(tool.read("end.json"))
    assert summary["sent_again"] == {"jobs": 1, "memory": 1, "machine": 0}
    reasons = "Essential container in task exited; OutOfMemoryError: Container killed due to memory usage"
    first, second = summary["jobs"][0]["attempts"]
    assert (first["exit_code"], first["reason"], first["memory"]) == (137, reasons, 64)
    assert (second["exit_code"], second["memory"]) == (0, 128)
    assert 80 < summary["jobs"][0]["memory_used"] < 128


def test_merged_files_of_a_bag_with_a_failed_task(tool: Tool) -> None:
    tool.write("both.out", "what an earlier try left\n")
    bag = tool.bag(shell("bad", "echo one; exit 3"), shell("good", "echo two"))
    done = tool.run("--local", "--merge-logs", "both", bag)
    assert done.status == 1
    ((bad, bad_record), (good, good_record)), summary = merged_output(tool.read("both.out"))
    assert (bad, bad_record.state, bad_record.status) == (["one"], "failed", 3)
    assert (good, good_record.state, good_record.status) == (["two"], "succeeded", 0)
    assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("failed", 2, 1, 1)


# -- output


def test_stdout_and_stderr_to_the_byte(tool: Tool) -> None:
    bag = tool.bag(
        shell("silent", "true"),
        shell("no-newline", "printf 'no newline'"),
        shell("blank-lines", "printf '\\n\\na\\n\\n'"),
        shell("accents", "printf 'za\\305\\274\\303\\263\\305\\202\\304\\207 \\342\\230\\203\\tx\\n'"),
        shell("only-stderr", f"echo '{SEPARATOR}'; echo err"),
        shell("looks-alike", f"echo ' {SEPARATOR}'; echo out; echo '{SEPARATOR} and more'; echo err; echo '[x]'"),
        shell("like-a-record", "echo '[cluster-summary stat=\"failed\"'"),
    )
    done = tool.run("--local", bag)
    assert done.status == 0, done.err
    expected = {
        "silent": ([], ""),
        "no-newline": (["no newline"], ""),
        "blank-lines": (["", "", "a", ""], ""),
        "accents": (["zażółć ☃\tx"], ""),
        "only-stderr": ([], "err\n"),
        "looks-alike": ([f" {SEPARATOR}", "out"], "err\n[x]\n"),
        "like-a-record": (['[ cluster-summary stat="failed"'], ""),  # no record for Pegasus
    }
    found = {name: (job_output(tool.read(f"{name}.out"))[0], tool.read(f"{name}.err")) for name in expected}
    assert found == expected


def test_several_submit_files_are_one_bag(tool: Tool) -> None:
    first = tool.bag(shell("b", "echo b"), shell("a", "sleep 0.3; echo a"), name="one.in")
    second = tool.bag(name="none.in")
    third = tool.bag(shell("c", "echo c"), name="three.in")
    done = tool.run(first, "--local", "-m", "sub/merged", second, third, cwd=_with_directory(tool, "sub"))
    assert done.status == 0, done.err
    jobs, summary = merged_output(tool.read("sub/merged.out"))
    assert [(record.number, record.name, lines) for lines, record in jobs] == [
        (1, "b", ["b"]),
        (2, "a", ["a"]),
        (3, "c", ["c"]),
    ]
    assert summary.tasks == 3
    assert set(jobstates(tool.read("one.jobstate.log"))) == {"a", "b", "c"}
    assert not list(tool.cwd.glob("sub/*.parts"))


def _with_directory(tool: Tool, name: str) -> Path:
    (tool.cwd / name).mkdir()
    return tool.cwd


ODD_NAMES = (
    "find_range_v2@site_ID 3 space",
    "a b",
    "a_b",
    "a@b",
    "-dash",
    "dots.and-1",
    "zażółć ☃",
    "x" * 200,
    "x" * 199 + "y",
    "ż" * 100,
    "quote\"d 'and' [brackets]",
    "$HOME `id` \\ * ~",
)


def test_odd_names_are_kept_everywhere(tool: Tool) -> None:
    bag = tool.bag(*(shell(name, 'printf "%s\\n" "$PEGASUS_JOB_NAME"') for name in ODD_NAMES))
    done = tool.run("--local", bag)
    assert done.status == 0, done.err
    states = jobstates(tool.read("bag.jobstate.log"))
    assert set(states) == set(ODD_NAMES)
    for number, name in enumerate(ODD_NAMES, start=1):
        lines, record = job_output(tool.read(f"{name}.out"))
        assert lines == [name]
        assert record.number == number
        # No reader of records may stumble: they stop at the first quote or bracket.
        assert record.name == name.replace('"', "'").replace("[", "(").replace("]", ")")
        assert tool.read(f"{name}.err") == ""
        assert states[name][0].aws_id == record.aws_id
        assert f"job {name} ({record.aws_id}) is SUCCEEDED" in done.err


# -- the environment of jobs, and of the tool


PRINT = 'env -0 | tr "\\n" " " | tr "\\0" "\\n"'


def environment_of(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_the_environment_of_a_job_without_inputs(tool: Tool) -> None:
    tool.env |= {"PEGASUS_JOB_NAME": "not mine", "BATCH_FILE_TYPE": "zip", "SECRET": "of the shell"}
    done = tool.run(
        "--local", "--prefix", "My.Own_prefix", tool.bag(shell("bare", PRINT, {"MINE": "a=b 'c' \"d\" $e"}))
    )
    assert done.status == 0, done.err
    found = environment_of(job_output(tool.read("bare.out"))[0])
    assert re.fullmatch(r"s3://my-own-prefix-bucket/[0-9a-f]{12}/", found["PEGASUS_AWS_BATCH_BUCKET"])
    assert found["PEGASUS_JOB_NAME"] == "bare"
    assert found["MINE"] == "a=b 'c' \"d\" $e"
    assert found["AWS_BATCH_JOB_ATTEMPT"] == "1"
    assert found["AWS_BATCH_JOB_ID"] == job_output(tool.read("bare.out"))[1].aws_id
    assert found["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert found.keys().isdisjoint({"TRANSFER_INPUT_FILES", "BATCH_FILE_TYPE", "SECRET"})


def test_the_environment_of_jobs_with_inputs(tool: Tool) -> None:
    for name in ("one/own.txt", "two/more.txt", "common.txt"):
        tool.write(name, name)
    url = "s3://elsewhere/x/remote.txt"
    bag = tool.bag(
        shell("both", PRINT, {"TRANSFER_INPUT_FILES": ",one/own.txt,, two/more.txt ,", "PEGASUS_JOB_NAME": "user-set"}),
        shell("common", f'{PRINT}; {S3} cp "${{PEGASUS_AWS_BATCH_BUCKET}}common.txt" -'),
        shell("user", PRINT, {"PEGASUS_AWS_BATCH_BUCKET": "s3://user/set", "TRANSFER_INPUT_FILES": url}),
    )
    done = tool.run("--local", "--s3", "s3://my-bucket//deep//down", "--files", ",common.txt,,", bag)
    assert done.status == 0, done.err
    found = {name: environment_of(job_output(tool.read(f"{name}.out"))[0]) for name in ("both", "common", "user")}
    assert found["both"]["TRANSFER_INPUT_FILES"] == "own.txt,more.txt,common.txt"
    assert found["common"]["TRANSFER_INPUT_FILES"] == "common.txt"
    assert found["user"]["TRANSFER_INPUT_FILES"] == f"{url},common.txt"  # what is in S3 already stays as it is
    assert {env["PEGASUS_AWS_BATCH_BUCKET"] for env in found.values()} == {"s3://my-bucket//deep//down/"}
    assert {name: env["PEGASUS_JOB_NAME"] for name, env in found.items()} == {name: name for name in found}
    assert job_output(tool.read("common.out"))[0][-1] == "common.txt"


def test_nothing_leaves_the_machine(tool: Tool, listener: Listener) -> None:
    tool.point_to(listener.endpoint)
    tool.env |= {"AWS_PROFILE": "nobody", "HTTP_PROXY": listener.endpoint, "HTTPS_PROXY": listener.endpoint}
    tool.write("my.properties", f"endpoint = {listener.endpoint}\npegasus.aws.account = 999999999999\n")
    tool.write("data.txt", "data")
    bag = tool.bag(
        shell("a", 'aws s3 cp "${PEGASUS_AWS_BATCH_BUCKET}data.txt" -', {"TRANSFER_INPUT_FILES": "data.txt"})
    )
    done = tool.run("-C", "my.properties", "--local", bag)
    assert done.status == 0, done.err
    assert job_output(tool.read("a.out"))[0] == ["data"]
    assert listener.connections == 0


def test_nothing_of_a_run_is_left_on_the_machine(tool: Tool) -> None:
    tool.env["TMPDIR"] = str(tool.home)
    assert tool.run("--local", tool.bag(shell("a", "mkdir -p x; touch x/y; chmod 555 x"))).status == 0
    assert list(tool.home.iterdir()) == []


def test_without_stdin_stdout_and_stderr_nothing_gets_into_the_files(tool: Tool) -> None:
    """Files that are opened later must not become stdout and stderr."""
    bag = tool.bag(shell("a", "echo out"))
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    done = tool.run("--local", "--follow", "--summary", "summary.json", "-L", "debug", bag, before=closed)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert job_output(tool.read("a.out"))[0] == ["out"]
    assert tool.read("a.err") == ""
    assert json.loads(tool.read("summary.json"))["exit_code"] == 0
    assert all(json.loads(line)["event"] for line in tool.read("bag.journal").splitlines())
    assert len(tool.read("bag.jobstate.log").splitlines()) == len(set(tool.read("bag.jobstate.log").splitlines()))


# -- a locale without the letters of the bag

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_names_and_words_that_the_locale_has_no_letters_for(tool: Tool) -> None:
    script = 'echo "$0 $WORD"; [ "$AWS_BATCH_JOB_ATTEMPT" = 2 ]'
    entry = job("tälje", "/bin/sh", "-c", script, "日本", env={"WORD": "größe"}, retryStrategy={"attempts": 2})
    done = tool.run("--local", "--summary", "summary.json", tool.bag(entry), env={**tool.env, **ASCII})
    assert done.status == 0, done.err
    assert "job t\\xe4lje (" in done.err
    for name in ("tälje.out", "tälje.out.1"):
        assert tool.read(name).splitlines()[0] == "日本 größe"
    (summary,) = json.loads(tool.read("summary.json"))["jobs"]
    assert (summary["name"], summary["out"]) == ("tälje", "tälje.out")


# -- the log of the tool


def test_log_files_are_numbered_and_never_overwritten(tool: Tool) -> None:
    good = tool.bag(shell("good", "true"), name="good.in")
    bad = tool.bag(shell("bad", "printf 'za\\305\\274\\303\\263\\n'; exit 5"), name="bad.in")
    done = tool.run("--local", "-l", "tool.log", "-log-level", "DEBUG", good)
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("1 job: 1 succeeded, 0 failed")
    assert done.err.endswith("log: tool.log.000\n")
    first = tool.read("tool.log.000")
    assert all(LOG_LINE.fullmatch(line) for line in first.splitlines()), first
    assert " DEBUG [" in first
    done = tool.run("--local", "--log-file", "tool.log", bad, env={**tool.env, "PYTHONIOENCODING": "ascii"})
    assert (done.status, done.out) == (1, "")
    assert tool.read("tool.log.000") == first
    second = tool.read("tool.log.001").splitlines()
    assert any(" ERROR [ending]   1 x exit code 5" in line for line in second)
    assert "1 x exit code 5: za\\u017c\\xf3" in done.err
    assert not any(" DEBUG [" in line for line in second)
    assert sorted(path.name for path in tool.cwd.glob("tool.log*")) == ["tool.log.000", "tool.log.001"]


@pytest.mark.parametrize(
    ("level", "shown"),
    [("Error", {"ERROR"}), ("trace", {"ERROR", "INFO ", "DEBUG", "TRACE"})],
)
def test_log_levels(tool: Tool, level: str, shown: set[str]) -> None:
    done = tool.run("--local", "--log-level", "debug", "--log-level", level, tool.bag(shell("bad", "exit 5")))
    assert done.status == 1
    found = [LOG_LINE.fullmatch(line) for line in done.err.splitlines()]
    assert {match[1] for match in found if match} == shown
    assert None not in found
    messages = [match["message"] for match in found if match]
    assert any("SubmitJob {" in message for message in messages) == (level == "trace")
    assert "secret_access_key" not in done.err.lower()


# -- the properties file


def test_the_command_line_beats_the_properties_file(tool: Tool) -> None:
    tool.write("data.txt", "data")
    tool.write(
        "my.properties",
        "# of Pegasus\npegasus.catalog.site = XML\npegasus.aws.batch.prefix : from-\\\n  file\n"
        "pegasus.aws.batch.s3_bucket = s3\\://from-file/x\npegasus.aws.region   eu-west-3\n",
    )
    for number, (options, bucket, region, log) in enumerate(
        [
            ((), "s3://from-file/x/", "eu-west-3", "from-file"),
            (("--s3", "s3://from-line", "-r", "eu-west-1", "-p", "line"), "s3://from-line/", "eu-west-1", "line"),
        ]
    ):
        bag = tool.bag(shell(f"job{number}", PRINT))
        done = tool.run("-C", "my.properties", "--local", *options, bag)
        assert done.status == 0, done.err
        found = environment_of(job_output(tool.read(f"job{number}.out"))[0])
        assert (found["PEGASUS_AWS_BATCH_BUCKET"], found["AWS_REGION"]) == (bucket, region)
        assert (tool.cwd / f"{log}.jobstate.log").is_file()


def test_arguments_are_words_of_a_shell_or_a_list(tool: Tool) -> None:
    show = 'for word; do echo "<$word>"; done'
    script = str(tool.cwd / tool.write("show.sh", show))
    jobs = [
        {"jobName": "string", "executable": "/bin/sh", "arguments": f"{script} one 'two words' \"$HOME\" \\*"},
        {"jobName": "list", "executable": "/bin/sh", "arguments": [script, "one", "'two words'", "$HOME", "*"]},
    ]
    tool.write("bag.in", json.dumps({"SubmitJob": jobs}))
    done = tool.run("--local", "bag.in")
    assert done.status == 0, done.err
    assert job_output(tool.read("string.out"))[0] == ["<one>", "<two words>", "<$HOME>", "<*>"]
    assert job_output(tool.read("list.out"))[0] == ["<one>", "<'two words'>", "<$HOME>", "<*>"]


# -- bags without JSON


def test_a_row_of_a_table_is_a_job_and_a_changed_table_a_changed_bag(tool: Tool) -> None:
    tool.write("fit.csv", "alpha,data\n0.1,a.txt\n0.2,b.txt\n")
    for name in ("a.txt", "b.txt"):
        tool.write(name, f"of {name}\n")
    words = (
        "--local", "--no-records", "--sweep", "fit.csv", "--name", "fit-{alpha}", "--input", "{data}",
        "--output", "{alpha}.json", "--", "sh", "-c", "echo 'x,{alpha}'; cat {data} >{alpha}.json",
    )  # fmt: skip
    done = tool.run(*words)
    assert done.status == 0, done.err
    assert (tool.read("fit-0.1.out"), tool.read("fit-0.2.out")) == ("x,0.1\n", "x,0.2\n")
    assert tool.read("results/fit-0.2/0.2.json") == "of b.txt\n"
    tool.write("fit.csv", "alpha,data\n0.1,a.txt\n0.2,a.txt\n0.3,b.txt\n")
    done = tool.run("--update", *words)
    assert done.status == 0, done.err
    assert tool.read("results/fit-0.2/0.2.json") == "of a.txt\n"
    assert tool.read("results/fit-0.3/0.3.json") == "of b.txt\n"
    states = jobstates(tool.read("fit.jobstate.log"))
    sent = {name: len({step.aws_id for step in steps}) for name, steps in states.items()}
    assert sent == {"fit-0.1": 1, "fit-0.2": 2, "fit-0.3": 1}
