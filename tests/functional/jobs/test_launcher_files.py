"""What the launcher brings into the working directory and sends from there, before an S3 that looks closely."""

from __future__ import annotations

import itertools
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from jobbag.jobs import launcher
from jobbag.s3.place import Encryption

from .containers import BUCKET, FAILED, REGION, SHELLS, TIMEOUT, TOKEN, Container, Done, Store, finished, image, split

JOB = "the job'ö"
COUNT = itertools.count()
ODD = "a, quo'te\" tab\tcr\r 50%+~&=#;? back\\slash $HOME `x` é漢🙂 [a]*? "
NAMES = ["-n", ODD]
LARGEST, PART = "5368709120", "67108864"  # bytes, as they stand in the text
SMALLEST_PART = 5 * 1024 * 1024  # that S3 takes


class Bag:
    """Where the jobs of a run have their files in S3."""

    def __init__(self, container: Container, store: Store) -> None:
        self.container, self.store = container, store
        self.prefix = f"results/the run {next(COUNT)}/"
        self.url = f"s3://{BUCKET}/{self.prefix}"

    def put(self, key: str, content: bytes | str) -> str:
        return self.store.put(self.prefix + key, content.encode() if isinstance(content, str) else content)

    def variables(
        self, items: Iterable[tuple[str, str]] = (), outputs: Iterable[str] = (), text: str | None = None
    ) -> dict[str, str]:
        """Of a job with these items and outputs; `text`: the second part of the launcher."""
        files = self.put("start.files.sh", launcher.files_text(Encryption()) if text is None else text)
        return {
            launcher.LAUNCHER_VARIABLE: "1",
            launcher.FILES_VARIABLE: files,
            launcher.ITEMS_VARIABLE: "\n".join(line for item in items for line in item),
            launcher.OUTPUTS_VARIABLE: "\n".join(outputs),
            launcher.RESULTS_VARIABLE: f"{self.url}results/{JOB}/",
        }

    def results(self) -> dict[str, bytes]:
        return self.store.content(f"{self.prefix}results/{JOB}/")

    def listed(self) -> list[str]:
        return self.store.content(f"{self.prefix}lists/")[JOB].decode().split("\n")[:-1]


@pytest.fixture
def bag(posix: Container, store: Store) -> Bag:
    """With a container that has curl, or else python3."""
    return Bag(posix, store)


def told(done: Done) -> str:
    """What is on the stderr of the job."""
    return split(done.out)[1]


def files_below(directory: Path) -> dict[str, bytes]:
    return {str(one.relative_to(directory)): one.read_bytes() for one in directory.rglob("*") if one.is_file()}


def names_in(*scripts: str) -> set[str]:
    """The variables that scripts set, which a job does not see, whatever the container has by these names."""
    texts = [Path(launcher.__file__).with_name(script).read_text() for script in scripts]
    return {
        name for text in texts for name in re.findall(r"\b([a-z_]+)=|\bfor ([a-z]+)", text) for name in name if name
    }


WRITES = """#!/bin/sh
PATH=/bin
cat in/sub/x got; ls -A in/empty void/empty; env | grep -c =mine
for name in RESULTS FILES ITEMS OUTPUTS; do eval echo "\\"\\$PEGASUS_AWS_BATCH_$name\\""; done
mkdir -p plots/deep plots/void plots/.h other; ln -s nowhere plots/dangling
printf 1 >plots/1.png; printf 2 >plots/deep/2; printf h >plots/.h/.i; printf 3 >"a * b"; printf 4 >"a 4 b"
printf x >a.log; printf y >.hidden.log; : >other/o; printf out >../outside
ln -s ../../outside plots/link; ln -s .. plots/up
echo "to stderr" >&2
"""


@pytest.mark.parametrize(("name", "way"), [*itertools.product(SHELLS, ["curl", "python3"])])
def test_items_come_and_outputs_go(name: str, way: str, tmp_path: Path, store: Store) -> None:
    container = image(SHELLS[name], way, tmp_path, store)
    bag = Bag(container, store)
    own = dict.fromkeys(names_in("launcher.sh", "launcher_files.sh"), "mine")
    container.env |= own
    urls = {one: bag.put(f"inputs/0a1b2c3d/{one}", f"<{one}>") for one in NAMES}
    x = bag.put("inputs/x", "<x>")
    listing = f"f {urls[ODD]}\nsub/{ODD}\nx {x}\nsub/x\nd \nempty"  # with or without an end of the last line
    bag.put("lists/make", "program\nplots/1\nplots/b c/2\nplotsx\n")
    for path, content in {"program": WRITES, "plots/1": "1", "plots/b c/2": "2"}.items():
        bag.put(f"results/make/{path}", content)
    done = container.run(
        "./bin/run",
        **bag.variables(
            [
                *((f"f {url}", one) for one, url in urls.items()),
                (f"l {bag.put('inputs/lists/0a1b2c3d/in.list', listing)}", "in"),
                (f"l {bag.put('inputs/lists/0a1b2c3d/void.list', 'd ' + chr(10) + 'empty' + chr(10))}", "void"),
                (f"r {bag.url}results/make/program", "bin/run"),
                (f"r {bag.url}results/make/plots", "got plots"),
                (f"r {bag.put('results/by itself/it', 'it')}", "got"),
            ],
            ["plots/", "a * b", "*.log", *NAMES, "other"],
        ),
    )
    out, err, ended = split(done.out)
    assert (done.status, err, ended) == (0, "to stderr\n", True)
    assert out == f"<x>itin/empty:\n\nvoid/empty:\n{len(own)}\n{bag.url}results/{JOB}/\n\n\n\n"
    inputs = {one: f"<{one}>".encode() for one in NAMES}
    assert files_below(container.work / "in") == {f"sub/{ODD}": inputs[ODD], "sub/x": b"<x>"}
    assert [(container.work / "in/sub" / one).stat().st_mode & 0o100 for one in ("x", ODD)] == [0o100, 0]
    assert files_below(container.work / "got plots") == {"1": b"1", "b c/2": b"2"}
    sent = inputs | {
        "plots/1.png": b"1", "plots/deep/2": b"2", "plots/.h/.i": b"h", "plots/link": b"out",
        "a * b": b"3", "a.log": b"x", "other/o": b"",
    }  # fmt: skip
    assert bag.results() == sent
    assert bag.listed() == sorted(sent, key=str.encode)
    assert container.left() == []


def test_the_command_of_aws_does_it_too(tmp_path: Path, store: Store) -> None:
    container = image(SHELLS["dash"], "aws", tmp_path, store)
    bag = Bag(container, store)
    items = [(f"r {bag.put(f'results/make/{ODD}', 'x')}", f"in/{ODD}")]  # make has no list
    done = container.run("true", **bag.variables(items, [f"in/{ODD}"]))
    assert (done.status, told(done)) == (0, "")
    assert (bag.results(), bag.listed()) == ({f"in/{ODD}": b"x"}, [f"in/{ODD}"])


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_an_output_that_is_missing_fails_a_job_that_has_succeeded(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store)
    bag = Bag(container, store)
    (container.work / "there").write_text("x")
    (container.work / "two\nlines").write_text("x")
    variables = bag.variables(outputs=["no.txt", "*.png", "there/", "dir/", "../up", "/etc/passwd", "there", ".*"])
    done = container.run("sh", "-c", "exit 3", **variables)
    assert done.status == 3
    assert told(done).splitlines() == [
        f"pegasus-aws-batch: the output {one} is not in the working directory" for one in ("../up", "/etc/passwd")
    ]
    assert bag.results() == {"there": b"x"}
    done = container.run("true", **{**variables, launcher.OUTPUTS_VARIABLE: "no.txt\n*.png\nthere/\ntwo*"})
    assert (done.status, split(done.out)[2]) == (FAILED, True)
    assert told(done).splitlines() == [
        *(f"pegasus-aws-batch: the output {one} is missing" for one in ("no.txt", "*.png", "there/")),
        "pegasus-aws-batch: cannot send an output with a newline in its name: two?lines",
    ]
    assert bag.listed() == []


@pytest.mark.parametrize("way", ["curl", "python3"])
def test_what_s3_says_of_an_upload(way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store)
    bag = Bag(container, store)
    for name in ("a", "b", "c"):
        (container.work / name).write_text(name)
    variables = bag.variables(outputs=["a", "b", "c"])
    path = f"/{BUCKET}/{bag.prefix}results/{JOB}/"
    store.refusals = {f"{path}a": ["400 KeyTooLongError Your key is too long"]}
    done = container.run("true", **variables)
    assert done.status == FAILED
    (line,) = told(done).splitlines()
    where = f"s3://{path[1:]}a (region {REGION})"
    assert line.startswith(f"pegasus-aws-batch: cannot send {where}: ")
    assert line.lower().endswith("error 400: keytoolongerror: your key is too long") or line.endswith(
        "error: 400 KeyTooLongError: Your key is too long"
    )
    assert bag.listed() == ["b", "c"]
    store.refusals = {f"{path}{name}": ["403 AccessDenied not for you"] for name in ("a", "b", "c")}
    done = container.run("sh", "-c", "exit 7", **variables)
    assert done.status == 7
    (line,) = told(done).splitlines()
    assert line.endswith("AccessDenied: not for you")


def test_an_upload_that_fails_for_a_while_is_tried_again(bag: Bag, store: Store, tmp_path: Path) -> None:
    bag.container.program("sleep", f"#!/bin/sh\necho $1 >> {shlex.quote(str(tmp_path / 'pauses'))}\n")
    (bag.container.work / "a").write_text("a")
    path = f"/{BUCKET}/{bag.prefix}results/{JOB}/a"
    store.refusals = {path: ["500 InternalError try again", "503 SlowDown"]}
    done = bag.container.run("true", **bag.variables(outputs=["a"]))
    assert (done.status, told(done), bag.results()) == (0, "", {"a": b"a"})
    assert (tmp_path / "pauses").read_text().split() == ["1", "2"]


def test_nothing_is_written_outside_of_the_working_directory(bag: Bag, tmp_path: Path) -> None:
    url = bag.put("inputs/x", "x")
    bag.put("lists/evil", "dir/../../outside\n")
    bag.put("results/evil/dir/../../outside", "x")
    hostile = bag.put("inputs/lists/hostile.list", f"f {url}\n../outside\n")
    for source, target in [
        (f"f {url}", f"{tmp_path}/outside"), (f"l {hostile}", "dir"), (f"r {bag.url}results/evil/dir/", "dir"),
    ]:  # fmt: skip
        done = bag.container.run("echo", "started", **bag.variables([(source, target)]))
        assert (done.status, split(done.out)[0]) == (FAILED, "")
        (line,) = told(done).splitlines()
        assert line.startswith("pegasus-aws-batch: not in the working directory: ")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(("kind", "way"), [("f", "curl"), ("r", "curl"), ("l", "python3")])
def test_an_item_that_is_not_there(kind: str, way: str, tmp_path: Path, store: Store) -> None:
    container = image(["sh"], way, tmp_path, store)
    bag = Bag(container, store)
    done = container.run("echo", "started", **bag.variables([(f"{kind} {bag.url}results/job/none", "x")]))
    out, err, ended = split(done.out)
    assert (done.status, out, ended) == (FAILED, "", True)
    (line,) = err.splitlines()
    assert line.startswith(f"pegasus-aws-batch: cannot fetch {bag.url}results/job/none (region {REGION}): ")
    assert "404" in line


def test_a_directory_that_no_job_has_sent(bag: Bag) -> None:
    done = bag.container.run("echo", "started", **bag.variables([(f"r {bag.url}results/job/none/", "x")]))
    assert (done.status, split(done.out)[0]) == (FAILED, "")
    assert told(done) == f"pegasus-aws-batch: the job has sent nothing below {bag.url}results/job/none/\n"


def test_a_second_part_that_is_not_there(bag: Bag) -> None:
    variables = {**bag.variables(), launcher.FILES_VARIABLE: f"{bag.url}none"}
    done = bag.container.run("echo", "started", **variables)
    out, err, ended = split(done.out)
    assert (done.status, out, ended) == (FAILED, "", True)
    assert err.startswith(f"pegasus-aws-batch: cannot fetch {bag.url}none (region {REGION}): ")


def test_a_list_that_is_longer_than_a_variable_can_be(tmp_path: Path, store: Store) -> None:
    """And that stands in the record of a child, as do the outputs."""
    container = image(["sh"], "python3", tmp_path, store)
    bag = Bag(container, store)
    url = bag.put("inputs/x", "x")
    items = "".join(f"f {url}\n{'./' * 2000}{number}\n" for number in range(34))
    assert len(items) > 128 * 1024
    own = {launcher.ITEMS_VARIABLE: items, launcher.OUTPUTS_VARIABLE: "7\n8"}
    container.children(launcher.record(["sh", "-c", "echo *"], {**bag.variables(), **own}))
    done = container.run(PEGASUS_AWS_BATCH_LAUNCHER="1")
    out, err, ended = split(done.out, f"{TOKEN}:0")
    assert (done.status, err, ended) == (0, "", True)
    assert sorted(out.split(), key=int) == [str(number) for number in range(34)]
    assert bag.listed() == ["7", "8"]


def test_s3_encrypts_as_it_is_told(bag: Bag, store: Store) -> None:
    (bag.container.work / "a").write_text("a")
    text = launcher.files_text(Encryption("aws:kms", "arn:aws:kms:eu-west-3:123456789012:key/1-2"))
    done = bag.container.run("true", **bag.variables(outputs=["a"], text=text))
    assert (done.status, told(done)) == (0, "")
    for headers in store.headers.values():
        assert headers["X_AMZ_SERVER_SIDE_ENCRYPTION"] == "aws:kms"
        assert headers["X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"].endswith(":key/1-2")


def test_curl_alone_sends_no_large_files(bag: Bag) -> None:
    text = launcher.files_text(Encryption())
    assert text.count(LARGEST) == 1
    (bag.container.work / "large").write_text("12345678")
    (bag.container.work / "small").write_text("1234567")
    done = bag.container.run("true", **bag.variables(outputs=["large", "small"], text=text.replace(LARGEST, "7")))
    assert done.status == FAILED
    what = "for more than 7 bytes, python3 or aws must be in the image"
    assert told(done) == f"pegasus-aws-batch: cannot send large: {what}\n"
    assert bag.results() == {"small": b"1234567"}


def test_python3_sends_large_files_in_parts(tmp_path: Path, store: Store) -> None:
    container = image(["sh"], "python3", tmp_path, store)
    bag = Bag(container, store)
    content = b"x" * SMALLEST_PART + b"the rest"
    (container.work / "large").write_bytes(content)
    text = launcher.files_text(Encryption("AES256")).replace(LARGEST, "7").replace(PART, str(SMALLEST_PART))
    done = container.run("true", **bag.variables(outputs=["large"], text=text))
    assert (done.status, told(done)) == (0, "")
    assert bag.results() == {"large": content}
    assert store.seen.count((f"/{BUCKET}/{bag.prefix}results/{JOB}/large", None)) == 4


def test_python3_that_cannot_do_it_is_no_matter_if_curl_is_there(bag: Bag) -> None:
    bag.container.program("python3", "#!/bin/sh\necho no module ssl >&2\nexit 1\n")
    items = [(f"f {bag.put('inputs/x', 'x')}", "x")]
    done = bag.container.run("true", **bag.variables(items, ["x"]))
    assert (done.status, told(done), bag.results()) == (0, "", {"x": b"x"})


# -- signals


def sending(container: Container, store: Store, outputs: str) -> subprocess.Popen[bytes]:
    """A job that a signal has ended, and whose first upload waits for the server."""
    variables = Bag(container, store).variables(outputs=[outputs])
    store.held = threading.Event()
    process = container.start("sh", "-c", "echo done >out; echo ready; exec sleep 50", **variables)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert store.under_way.wait(TIMEOUT)
    return process


@pytest.mark.parametrize("name", SHELLS)
def test_the_outputs_of_a_job_that_a_signal_has_ended(name: str, tmp_path: Path, store: Store) -> None:
    process = sending(image(SHELLS[name], "curl", tmp_path, store), store, "out")
    assert store.held
    store.held.set()
    done = finished(process)
    out, err, ended = split(done.out)
    assert (done.status, out, ended) == (128 + signal.SIGTERM, "", True)
    assert "pegasus-aws-batch" not in err
    assert [path.rpartition("/")[2] for path in store.headers] == ["out", JOB]


@pytest.mark.parametrize("name", SHELLS)
def test_a_second_signal_is_the_end(name: str, tmp_path: Path, store: Store) -> None:
    process = sending(image(SHELLS[name], "curl", tmp_path, store), store, "out")
    process.send_signal(signal.SIGTERM)
    done = finished(process)
    assert store.held
    store.held.set()
    assert (done.status, split(done.out)[2]) == (128 + signal.SIGTERM, True)
    assert "pegasus-aws-batch: not all outputs were sent" in told(done)
