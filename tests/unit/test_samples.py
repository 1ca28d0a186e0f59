"""The samples of conf/: accepted as they are, and the launch script keeps its promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobbag.bag import reader
from jobbag.entities import kinds
from jobbag.entities.plan import plan_of
from jobbag.options import parser

CONF = Path(__file__).resolve().parents[2] / "conf"
SEPARATOR = "########################[AWS BATCH] TASK STDERR ########################\n"


# A boto3 whose clients copy out of a folder.
BOTO3 = """
import os, shutil

class client:
    def __init__(self, service, endpoint_url):
        print(f"{service} from {endpoint_url}", flush=True)

    def download_file(self, bucket, key, name):
        assert bucket == "bucket" and key.startswith("dir/"), (bucket, key)
        shutil.copy(os.path.join(os.environ["PLACE"], key[len("dir/"):]), name)
"""


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """A stand-in for S3: a folder, an `aws` command whose `s3 cp` copies out of it, and a Python that has no boto3."""
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (tmp_path / "bin").mkdir()
    told = '[ "$1" != --endpoint-url ] || { echo "from $2"; shift 2; }'
    command(tmp_path / "bin/aws", f'{told}\ncp "$PLACE/${{4#s3://bucket/dir/}}" "$5"')
    command(tmp_path / "bin/python3", "exit 1")
    return bucket


def command(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def launch(bucket: Path, *words: str, inputs: str, **more: str) -> subprocess.CompletedProcess[str]:
    (bucket.parent / "tmp").mkdir(exist_ok=True)
    environment = {
        "PATH": f"{bucket.parent / 'bin'}:{os.environ['PATH']}",
        "PLACE": str(bucket),
        "TMPDIR": str(bucket.parent / "tmp"),
        "PEGASUS_AWS_BATCH_BUCKET": "s3://bucket/dir/",
        "TRANSFER_INPUT_FILES": inputs,
        **more,
    }
    return subprocess.run(
        [CONF / "sample-launch.sh", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def script(bucket: Path, text: str) -> None:
    (bucket / "task.sh").write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")


def test_the_samples_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONF)  # their paths are relative to a folder beside conf
    settings = parser.load(
        ["--conf", "sample.properties", "--files", "sample-launch.sh,sample/analyse.sh", "sample-job-submit.in"]
    )
    bag, problems = reader.load(settings.submit_files, settings.files)
    plan, more = plan_of(settings, bag)
    assert [*problems, *more] == []
    assert len(bag.jobs) == 6
    for spec in (plan.definition, plan.environment, plan.queue):
        assert isinstance(spec, kinds.ToCreate)


def test_launch_parts_stdout_and_stderr_and_keeps_the_exit_code(bucket: Path) -> None:
    script(bucket, 'echo "to stderr" >&2; cat input.txt; echo "$# $2"; exit 7')
    (bucket / "input.txt").write_text("from the input\n", encoding="utf-8")
    done = launch(bucket, "task.sh", "one", "two words", inputs="task.sh,input.txt")
    assert done.stdout == f"from the input\n2 two words\n{SEPARATOR}to stderr\n"
    assert (done.returncode, done.stderr) == (7, "")
    assert list((bucket.parent / "tmp").iterdir()) == []


def test_launch_fetches_from_the_endpoint_of_s3(bucket: Path) -> None:
    script(bucket, "echo done")
    everywhere, of_s3 = {"AWS_ENDPOINT_URL": "http://aws"}, {"AWS_ENDPOINT_URL_S3": "http://s3"}
    for given, used in (({}, ""), (everywhere, "from http://aws\n"), ({**everywhere, **of_s3}, "from http://s3\n")):
        assert launch(bucket, "task.sh", inputs="task.sh", **given).stdout == f"{used}done\n{SEPARATOR}"


def test_launch_fetches_all_inputs_by_one_python_that_has_boto3(bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text(BOTO3, encoding="utf-8")
    command(tmp_path / "bin/python3", f'PYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"')
    script(bucket, "cat one.txt two.txt")
    for name in ("one", "two"):
        (bucket / f"{name}.txt").write_text(f"{name}\n", encoding="utf-8")
    everywhere, of_s3 = {"AWS_ENDPOINT_URL": "http://aws"}, {"AWS_ENDPOINT_URL_S3": "http://s3"}
    for given, used in (({}, "None"), (everywhere, "http://aws"), ({**everywhere, **of_s3}, "http://s3")):
        done = launch(bucket, "task.sh", inputs="task.sh,one.txt,two.txt", **given)
        assert (done.stdout, done.stderr) == (f"s3 from {used}\none\ntwo\n{SEPARATOR}", "")
    (bucket / "two.txt").unlink()
    done = launch(bucket, "task.sh", inputs="task.sh,one.txt,two.txt")
    assert done.returncode == 1
    assert "could not fetch the inputs from s3://bucket/dir/" in done.stderr


def test_launch_says_which_inputs_it_could_not_fetch(bucket: Path) -> None:
    done = launch(bucket, "task.sh", inputs="task.sh")
    assert done.returncode == 1
    assert "could not fetch the inputs from s3://bucket/dir/" in done.stderr


def test_analyse_tells_the_days_without_a_value(tmp_path: Path) -> None:
    (tmp_path / "stations.csv").write_text("station,metres,place\nhill,12,a hill\n", encoding="utf-8")
    (tmp_path / "hill.csv").write_text(
        "date,celsius\n2025-01-01,1.0\n2025-01-02,\n2025-02-01,-3.0\n2025-02-02,-99.9\n", encoding="utf-8"
    )
    done = subprocess.run(
        [CONF / "sample/analyse.sh", "hill.csv"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == "hill: no value on 2025-01-02\nhill: no value on 2025-02-02\n"
    head, *_, last = done.stdout.splitlines()
    assert head == "hill: a hill, 12 m above the sea"
    assert last == ("4 days, 2 without a value. Mean -1.0 C, coldest -3.0 C (2025-02-01), warmest 1.0 C (2025-01-01)")
