"""The launcher, in each shell, before an S3 that looks at signatures: what the job sees, and what is seen of it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobbag.jobs import launcher

from .containers import BUCKET, FAILED, REGION, TOKEN, WAYS, Container, Done, Store, finished, image, peak_of, split

SCRIPT = Path(launcher.__file__).with_name("launcher.sh")
ODD = "quo'te do\"uble $HOME `ls` $(ls) \\n \\ *?[a] !x ~ # é漢🙂 \x01\x7f\x81\u00a0 tab\t cr\r newline\n\n end\n"


def shown(*more: str) -> list[str]:
    """The words of a job that prints its environment and its words."""
    return ["sh", "-c", 'cat /proc/$$/environ && printf "%s\\0" "$@"', "a-name", *more]


# -- becoming the job


def test_a_child_becomes_the_job_of_its_record(container: Container) -> None:
    variables = {
        "ODD": ODD, "EMPTY": "", "odd.name": ODD, "x-y z": "", "9": "nine", "é": "e",  # no shell can set these
        "IFS": "abc", "UID": "77", "OPTIND": "7", "LINENO": "y", "PATH": "/nowhere", "LC_ALL": "nowhere",  # nor take
        "BATCH_FILE_TYPE": "none", "TRANSFER_INPUT_FILES": ODD, "AWS_PROFILE": ODD,  # the launcher reads such ones
    }  # fmt: skip
    words = ["", ODD, "-n", "--", "'", '"', "$1", "last\n"]
    shell = str(container.path / "sh")
    cat = f'PATH={container.path}; cat /proc/$$/environ && printf "%s\\0" "$@"'
    records = [launcher.record([shell, "-c", cat, str(number), *words], variables) for number in range(3)]
    container.children(*records)
    done = container.run(AWS_BATCH_JOB_ARRAY_INDEX="1", BATCH_FILE_S3_URL="s3://of/the-launcher")
    assert (done.status, done.err) == (0, "")
    *environment, first, second = done.words[: -len(words) + 2]
    assert [first, second, *done.words[-len(words) + 2 :]] == words
    assert {f"{name}={value}" for name, value in variables.items()} <= {*environment}
    assert container.left() == []


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.just(ODD)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0="), min_size=1, max_size=8)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(TEXT, max_size=20), variables=st.dictionaries(NAMES | st.just("A"), TEXT, max_size=20))
def test_any_words_and_variables(container: Container, words: list[str], variables: dict[str, str]) -> None:
    done = container.children(launcher.record(shown(*words), variables)).run()
    assert (done.status, done.err) == (0, "")
    assert done.words[len(done.words) - len(words) :] == words
    assert {f"{name}={value}" for name, value in variables.items()} <= {*done.words}


def test_the_job_sees_nothing_of_the_launcher(container: Container) -> None:
    """Even if the container has variables with the names that the launcher uses itself."""
    names = {*re.findall(r"\b([a-z]+)=", SCRIPT.read_text()), *re.findall(r"\bfor ([a-z]+)", SCRIPT.read_text())}
    assert {"key", "status", "part"} <= names
    own = {"PEGASUS_AWS_BATCH_BUCKET": f"s3://{BUCKET}/", **dict.fromkeys(names, "mine")}
    container.env |= own
    expected = {f"{name}={value}" for name, value in container.env.items()} | {"NEW=1"}
    container.children(launcher.record(shown(), {"NEW": "1"}))
    for mode in ("", "1"):
        seen = {*split(container.run(PEGASUS_AWS_BATCH_LAUNCHER=mode).out)[0].split("\0")[:-1]}
        shells = {one for one in seen if re.match("(PWD|OLDPWD|SHLVL|_)=", one)}
        assert seen - shells - {""} == expected - shells


def test_an_array_job_of_the_users_own_keeps_its_index(posix: Container) -> None:
    done = posix.run("sh", "-c", "echo $AWS_BATCH_JOB_ARRAY_INDEX", AWS_BATCH_JOB_ARRAY_INDEX="7")
    assert done.out == b"7\n"


def test_a_child_that_does_not_know_which_one_it_is_runs_none_of_them(container: Container) -> None:
    container.children(*(launcher.record(["sh", "-c", f"echo {number}"], {}) for number in range(2)))
    for index in ({}, {"AWS_BATCH_JOB_ARRAY_INDEX": ""}):
        container.env.pop("AWS_BATCH_JOB_ARRAY_INDEX", None)
        done = container.run(**index)
        assert (done.status, done.out) == (125, b"")
        assert "the index is not set" in done.err


@pytest.mark.parametrize(
    "name", ["-x", "-", "--", "-S", "-i", "-u", "--help", "--unset", "-0", "[", "a]b", "new\nline"]
)
def test_a_variable_with_a_name_like_an_option(container: Container, name: str) -> None:
    done = container.children(launcher.record(shown("word"), {name: "its value"})).run()
    assert (done.status, done.err) == (0, "")
    assert done.words[-1] == "word"
    assert f"{name}=its value" in done.words


def test_a_job_that_is_no_child_has_the_only_record(posix: Container) -> None:
    posix.children(launcher.record(["sh", "-c", "echo $A"], {"A": "alone"}))
    del posix.env["AWS_BATCH_JOB_ARRAY_INDEX"]
    assert posix.run().out == b"alone\n"


@pytest.mark.parametrize("mode", ["", "1"])
def test_the_status_is_the_jobs(mode: str, container: Container) -> None:
    (container.work / "folder").mkdir()
    for text, status in {"exit 5": {5}, "kill -9 $$": {137, -signal.SIGKILL}}.items():
        assert container.run("sh", "-c", text, PEGASUS_AWS_BATCH_LAUNCHER=mode).status in status
    for word, code in {"./folder": 126, "no-such-program": 127}.items():
        done = container.run(word, PEGASUS_AWS_BATCH_LAUNCHER=mode)
        assert done.status == code
        assert word.strip("./") in done.err + done.out.decode()
    container.children(launcher.record(["no-such-program"], {"odd.name": "1"}))
    assert container.run(PEGASUS_AWS_BATCH_LAUNCHER=mode).status == 127


def test_the_script_file_does_the_same(posix: Container) -> None:
    posix.children(launcher.record(["sh", "-c", "echo yes"], {}))
    done = subprocess.run(["/bin/sh", SCRIPT], env=posix.env, capture_output=True, check=True)
    assert done.stdout == b"yes\n"


@pytest.mark.parametrize("mode", ["", "1"])
def test_a_script_from_s3_becomes_the_process(mode: str, container: Container, store: Store) -> None:
    """As in an image that fetches and runs: it was the launcher that was fetched, and now the job's own is."""
    url = store.put("own launch.sh", b'#!/bin/sh\nprintf "<%s>" "$BATCH_FILE_S3_URL" "$@"; exit 9\n')
    variables = {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": url}
    container.children(launcher.record(["own launch.sh", "a b", ""], variables))
    container.env |= {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": "s3://of/the-launcher"}
    done = container.run("dropped", PEGASUS_AWS_BATCH_LAUNCHER=mode)
    assert done.status == 9
    assert done.out.decode().startswith(f"<{url}><a b><>")


# -- fetching


@pytest.mark.parametrize("way", WAYS)
def test_only_the_record_of_the_child_is_fetched(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store)
    records = [launcher.record(["sh", "-c", f"echo {number}"], {}) for number in range(1, 2001)]
    done = container.children(*records, key="dir/mäni fest+%41*.x~").run(AWS_BATCH_JOB_ARRAY_INDEX="1234")
    assert (done.status, done.out, done.err) == (0, b"1235\n", "")
    size = int(container.env[launcher.RECORD_VARIABLE])
    assert store.seen == [(f"/{BUCKET}/dir/mäni fest+%41*.x~", f"bytes={1234 * size}-{1235 * size - 1}")]


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_credentials_of_the_container(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store).children(launcher.record(["sh", "-c", "echo yes"], {}))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        del container.env[name]
    asks = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{store.home.replace('127.0.0.1', 'localhost')}/asked",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me in",
        "http_proxy": "http://127.0.0.1:9",  # is not told the credentials
        "no_proxy": "127.0.0.1",
    }
    done = container.run(**asks)
    assert (done.status, done.out) == (0, b"yes\n"), done
    assert store.seen[0] == ("/asked", None)


def test_credentials_of_a_task_of_ecs(tmp_path: Path, store: Store) -> None:
    container = image(["sh"], "curl", tmp_path, store).children(launcher.record(["sh", "-c", "echo yes"], {}))
    del container.env["AWS_ACCESS_KEY_ID"]
    (tmp_path / ".curlrc").write_text(f"connect-to = 169.254.170.2:80:{store.home.removeprefix('http://')}\n")
    done = container.run(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/task")
    assert (done.status, done.out) == (0, b"yes\n"), done


@pytest.mark.parametrize("way", WAYS)
def test_a_manifest_that_is_not_there(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store).children(b"exit")
    done = container.run(PEGASUS_AWS_BATCH_MANIFEST=f"s3://{BUCKET}/no such")
    assert done.status == FAILED
    (line,) = done.err.splitlines()
    assert line.startswith(f"pegasus-aws-batch: cannot fetch s3://{BUCKET}/no such (region {REGION}): ")
    assert ("NoSuchKey" if way == "aws" else "404") in line
    assert len(store.seen) == 1


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_no_credentials(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store).children(b"exit")
    del container.env["AWS_ACCESS_KEY_ID"]
    done = container.run()
    assert done.status == FAILED
    assert "without credentials" in done.err
    assert "403" in done.err


def test_an_image_with_nothing_to_fetch_with(tmp_path: Path, store: Store) -> None:
    done = image(["sh"], None, tmp_path, store).children(b"exit").run()
    assert done.status == FAILED
    assert "neither curl nor python3 nor aws" in done.err


def test_the_next_way_is_tried(posix: Container) -> None:
    """As when the curl of the image is broken."""
    (posix.path / "python3").symlink_to(sys.executable)
    posix.program("curl", "#!/bin/sh\necho curl: broken >&2\nexit 1\n")
    assert posix.children(launcher.record(["sh", "-c", "echo yes"], {})).run().out == b"yes\n"


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_what_fails_for_a_while_is_tried_again(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store).children(launcher.record(["sh", "-c", "echo yes"], {}))
    container.program("sleep", f"#!/bin/sh\necho $1 >> {shlex.quote(str(tmp_path / 'pauses'))}\n")
    store.answers += ["503 Slow Down", "500 Internal", "301 Moved Permanently"]
    assert container.run().out == b"yes\n"
    assert (tmp_path / "pauses").read_text().split() == ["1", "2", "4"]
    store.answers += ["503 Slow Down"] * 5
    done = container.run()
    assert done.status == FAILED
    assert "503" in done.err


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_a_bucket_in_another_region_is_told_with_the_region_that_was_asked(
    way: str, tmp_path: Path, store: Store
) -> None:
    container = image(["sh"], way, tmp_path, store).children(b"exit")
    container.program("sleep", "#!/bin/sh\n")
    store.answers += ["301 Moved Permanently"] * 5
    done = container.run()
    assert done.status == FAILED
    assert f"(region {REGION}): HTTP Error 301: " in done.err


def test_what_is_no_record_is_not_run(posix: Container) -> None:
    """A server that does not know ranges gives all of the manifest, of which each child would run the last record."""
    posix.children(*(launcher.record(["echo", str(number)], {}) for number in range(3)))
    posix.env[launcher.RECORD_VARIABLE] = "1000"
    done = posix.run()
    assert (done.status, done.out) == (FAILED, b"")
    assert "not a record of s3://" in done.err


@pytest.mark.parametrize(
    ("bucket", "asked"),
    [
        ("a-bucket", "https://s3.cn-north-1.amazonaws.com.cn/a-bucket/the/manifest"),
        (
            "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-point",
            "https://my-point-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn/the/manifest",
        ),
    ],
)
def test_without_an_endpoint_it_is_the_one_that_it_is_told(
    bucket: str, asked: str, posix: Container, tmp_path: Path
) -> None:
    (posix.path / posix.way).unlink()  # type: ignore[operator]
    posix.program("curl", f'#!/bin/sh\nfor url; do :; done; echo "$url" > {shlex.quote(str(tmp_path))}/url; exit 22\n')
    posix.program("sleep", "#!/bin/sh\n")
    posix.children(b"exit")
    del posix.env["AWS_ENDPOINT_URL"]
    posix.env[launcher.MANIFEST_VARIABLE] = f"s3://{bucket}/the/manifest"
    s3 = "https://s3.cn-north-1.amazonaws.com.cn"
    posix.run(PEGASUS_AWS_BATCH_REGION="cn-north-1", PEGASUS_AWS_BATCH_ENDPOINT=s3)
    assert (tmp_path / "url").read_text() == f"{asked}\n"


# -- as a parent of the job


def test_stdout_then_stderr_then_the_end(container: Container) -> None:
    job = "echo out 1; echo err 1 >&2; echo out 2; printf 'err 2' >&2; printf 'out 3'; exit 3"
    done = container.run("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1")
    assert (done.status, done.err) == (3, "")
    assert split(done.out) == ("out 1\nout 2\nout 3\n", "err 1\nerr 2\n", True)
    assert re.search(rb"\n#{24}\[AWS BATCH\] END 0a1b2c\.17 3( memory=\d+\+?)? #{24}\n$", done.out)
    assert container.left() == []


def test_the_end_mark_of_a_child_of_an_array_is_its_own(container: Container) -> None:
    """Whatever the job has in its variables."""
    record = launcher.record(["sh", "-c", "echo out"], {"PEGASUS_AWS_BATCH_TOKEN": "mine", "AWS_BATCH_X": "$(x)"})
    container.children(record, record)
    done = container.run(PEGASUS_AWS_BATCH_LAUNCHER="1", AWS_BATCH_JOB_ARRAY_INDEX="1")
    assert split(done.out, f"{TOKEN}:1") == ("out\n", "", True), done
    assert not split(done.out, f"{TOKEN}:0")[2]


def test_the_end_mark_where_there_is_no_token(container: Container) -> None:
    done = container.run("true", PEGASUS_AWS_BATCH_LAUNCHER="1", PEGASUS_AWS_BATCH_TOKEN="")
    assert re.search(rb"\n#{24}\[AWS BATCH\] END 0( memory=\d+\+?)? #{24}\n$", done.out)


# -- the memory that the job has used

V1 = "11:pids:/ecs/1/2\n4:memory:/ecs/1/2\n"
MOUNT = "24 1 0:22 / /proc rw - proc proc rw\n1523 1518 0:30 {root} {here}/memory ro,nosuid - cgroup cgroup rw,memory\n"
ON_ECS = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/1"}


def memory_in(
    container: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cgroup: str, root: str, **env: str
) -> int | None:
    """What the end mark says (bytes), where the kernel shows this: the cgroup, and what of the hierarchy is mounted."""
    for path, content in {
        "proc/cgroup": cgroup,
        "proc/mountinfo": MOUNT.format(root=root, here=tmp_path),
        "memory.peak": "123456\n",
        "memory/memory.max_usage_in_bytes": "654321\n",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    real = launcher.text()
    text = real.replace("/sys/fs/cgroup", str(tmp_path)).replace("/proc/self", str(tmp_path / "proc"))
    monkeypatch.setattr(launcher, "text", lambda: text)
    done = container.run("true", PEGASUS_AWS_BATCH_LAUNCHER="1", **env)
    assert done.status == 0
    peak = peak_of(done.out)
    assert peak is None or peak.whole
    return peak and peak.size


@pytest.mark.parametrize(
    ("cgroup", "root", "found"),
    [
        ("0::/\n", "/", 123456),  # version 2, in a namespace of its own
        (V1, "/ecs/1/2", 654321),  # version 1, of which the container has its own part
        ("0::/user.slice/session-1.scope\n", "/", None),
        ("11:pids:/\n4:memory:/ecs/1/2\n0::/\n", "/", None),  # that of the machine
        (V1, "/..", None),
    ],
)
def test_the_memory_is_that_of_the_containers_own_cgroup(
    cgroup: str, root: str, found: int | None, shell: list[str], tmp_path: Path, store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    container = image(shell, None, tmp_path, store)
    assert memory_in(container, tmp_path, monkeypatch, cgroup, root, **ON_ECS) == found


def test_where_ecs_does_not_run_the_job_a_cgroup_is_not_its_own(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with --local, in a container: the cgroup is that of the tool and of all its jobs."""
    assert memory_in(image(["sh"], None, tmp_path, store), tmp_path, monkeypatch, "0::/\n", "/") is None


def test_else_the_memory_is_that_of_the_largest_process(shell: list[str], tmp_path: Path, store: Store) -> None:
    job = f"{shlex.quote(sys.executable)} -ISc 'b = b\"x\" * (64 << 20)'; exit 7"
    done = image(shell, "python3", tmp_path, store).run("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1")
    peak = peak_of(done.out)
    assert done.status == 7
    assert peak is not None
    assert not peak.whole
    assert 64 <= peak.mib < 128


def test_a_python_that_does_not_work_changes_nothing(container: Container) -> None:
    container.program("python3", "#!/bin/sh\nexit 1\n")
    done = container.run("sh", "-c", "exit 7", PEGASUS_AWS_BATCH_LAUNCHER="1")
    assert done.status == 7
    assert done.out.endswith(b"\n########################[AWS BATCH] END 0a1b2c.17 7 ########################\n")


def test_empty_lines_and_empty_output_stay_as_they_are(container: Container) -> None:
    for job, expected in {":": ("", ""), "echo; echo; echo >&2": ("\n\n", "\n")}.items():
        out, err, ended = split(container.run("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1").out)
        assert (out, err, ended) == (*expected, True)


def test_a_large_stderr(container: Container) -> None:
    job = "i=0; while [ $i -lt 1000 ]; do printf '%01000d\\n' $i >&2; i=$((i + 1)); done; echo out"
    out, err, ended = split(container.run("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1").out)
    assert (out, ended) == ("out\n", True)
    assert err == "".join(f"{number:01000}\n" for number in range(1000))


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_inputs_are_in_the_working_directory(way: str, shell: list[str], tmp_path: Path, store: Store) -> None:
    container = image(shell, way, tmp_path, store)
    contents = {"a b.txt": b"1\0\n", "häß+%20'x*.dat": b"2" * 100_000, "-n": b"", "run.sh": b"#!/bin/sh\nls\nexit 4\n"}
    for name, content in contents.items():
        store.put(f"/pre// fix/{name}", content)
    elsewhere = store.put("elsewhere/c d", b"3")
    done = container.run(
        "./run.sh",
        PEGASUS_AWS_BATCH_LAUNCHER="1",
        PEGASUS_AWS_BATCH_BUCKET=f"s3://{BUCKET}//pre// fix/",
        TRANSFER_INPUT_FILES=f",{','.join(contents)},{elsewhere},",
        PATH=f"{container.path}:/bin",
    )
    assert done.status == 4, done
    assert {one.name: one.read_bytes() for one in container.work.iterdir()} == contents | {"c d": b"3"}
    assert len(split(done.out)[0].splitlines()) == 5


def test_an_input_that_is_not_there(container: Container) -> None:
    done = container.run("echo", "started", PEGASUS_AWS_BATCH_LAUNCHER="1", TRANSFER_INPUT_FILES=f"s3://{BUCKET}/none")
    out, err, ended = split(done.out)
    assert (done.status, out, ended) == (FAILED, "", True)
    assert f"cannot fetch s3://{BUCKET}/none" in err


# -- signals

TRAPPING = """
trap 'echo got TERM; exit 31' TERM; trap 'echo got INT; exit 32' INT; trap 'echo got HUP; exit 33' HUP
echo ready
n=0; while [ $((n += 1)) -lt 3000 ]; do sleep 0.02; done
"""


def interrupted(process: subprocess.Popen[bytes], *signals: signal.Signals) -> Done:
    """Send the signals to a process that has said `ready`."""
    assert process.stdout
    head = process.stdout.readline()
    assert head == b"ready\n"
    for one in signals:
        process.send_signal(one)
    return finished(process)


@pytest.mark.parametrize("mode", ["", "1"])
@pytest.mark.parametrize(("sent", "status"), [("TERM", 31), ("INT", 32), ("HUP", 33)])
def test_a_signal_reaches_the_job(mode: str, sent: str, status: int, container: Container) -> None:
    if mode and sent == "INT" and container.shell[0] == "busybox":
        pytest.skip("busybox has its children ignore SIGINT, and its env has no way back")
    process = container.start("sh", "-c", TRAPPING, PEGASUS_AWS_BATCH_LAUNCHER=mode)
    done = interrupted(process, signal.Signals[f"SIG{sent}"])
    assert done.status == status, done
    assert split(done.out)[0] == f"got {sent}\n"
    assert split(done.out)[2] == bool(mode)


@pytest.mark.parametrize("shell", [["dash"], ["bash"]])
def test_the_job_inherits_neither_ignored_signals_nor_open_files(
    shell: list[str], tmp_path: Path, store: Store
) -> None:
    """For the signals, bash needs no help of env, which only new coreutils give."""
    container = image(shell, None, tmp_path, store)
    if shell == ["bash"]:
        container.program("env", "#!/bin/sh\necho unknown option >&2\nexit 125\n")
    job = (
        "while read name mask; do [ $name = SigIgn: ] && echo $mask; done </proc/self/status; ! [ -e /proc/self/fd/3 ]"
    )
    done = container.run("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1")
    mask, err, ended = split(done.out)
    standard = int(mask, 16) & 0x7FFF_FFFF  # the test itself may have been started with another one ignored
    assert (done.status, standard, err, ended) == (0, 0, "", True)


@pytest.mark.parametrize("mode", ["", "1"])
def test_a_job_that_heeds_no_signal_is_ended_by_it(mode: str, container: Container) -> None:
    done = interrupted(
        container.start("sh", "-c", "echo ready; exec sleep 50", PEGASUS_AWS_BATCH_LAUNCHER=mode), signal.SIGTERM
    )
    assert done.status in (-signal.SIGTERM, 128 + signal.SIGTERM)
    if mode:
        assert b"END 0a1b2c.17 143 " in done.out.splitlines()[-1]


def test_a_job_may_go_on_after_signals(container: Container) -> None:
    job = (
        "n=0; trap 'n=$((n + 1)); [ $n -lt 2 ] || exit 44; echo ready' TERM; echo ready; "
        "i=0; while [ $((i += 1)) -lt 3000 ]; do sleep 0.02; done"
    )
    process = container.start("sh", "-c", job, PEGASUS_AWS_BATCH_LAUNCHER="1")
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    done = interrupted(process, signal.SIGTERM)
    assert done.status == 44
    assert b"END 0a1b2c.17 44 " in done.out.splitlines()[-1]


# -- the text in a command


def test_the_text_leaves_room_in_a_command() -> None:
    """ECS takes 8192 characters of JSON; and neither AWS Batch nor Kubernetes finds anything in it to replace."""
    assert len(json.dumps(launcher.text())) <= 6700
    assert "Ref::" not in launcher.text()
    assert "$$" not in launcher.text()
