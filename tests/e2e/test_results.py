"""Results of jobs come home, and inputs are lists of files, directories and results of other jobs."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.stage import EXISTING, Stage, stage


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with a queue and a definition, and the command before it."""
    with stage(tmp_path) as new:
        new.aws.make_entities()
        yield new


def three_levels(scene: Stage) -> list[dict[str, Any]]:
    """A bag of six jobs, which hand files to each other."""
    scene.tool.write("data/all, lines.txt", "1\n2\n3\n4\n")
    scene.tool.write("data/tools/count.sh", "#!/bin/sh\nexec wc -l\n")
    (scene.tool.cwd / "data/tools/count.sh").chmod(0o755)
    (scene.tool.cwd / "data/empty").mkdir()
    split = "mkdir halves && head -2 data/all*.txt >halves/1.txt && tail -2 data/all*.txt >halves/2.txt"
    return [
        scene.job("split", f"{split} && test -d data/empty && echo >x.log",
                  inputs=["data"], outputs=["halves/", "*.log"]),
        scene.job("a", "cat 1.txt >out.a", inputs=["job:split/halves/1.txt"], outputs=["out.a"]),
        scene.job("b", "cat in/* >out.b", inputs=[{"from": "job:split/halves/", "to": "in"}], outputs=["out.b"]),
        scene.job("c", "tools/count.sh <x >out.c", inputs=[
            {"from": "data/all, lines.txt", "to": "x"}, "data/tools"], outputs=["out.c"]),
        scene.job("d", "mkdir plots && cat out.a out.b c/* >plots/final.txt",
                  inputs=["job:a/out.a", "job:b/out.b", {"from": "job:c/out.c", "to": "c/"}], outputs=["plots/"]),
        scene.job("e", 'aws s3 cp - "${PEGASUS_AWS_BATCH_RESULTS}by/itself" <data.txt',
                  inputs=[{"from": "data/all, lines.txt", "to": "data.txt"}]),
    ]  # fmt: skip


RESULTS = {
    "split/halves/1.txt": "1\n2\n",
    "split/halves/2.txt": "3\n4\n",
    "split/x.log": "\n",
    "a/out.a": "1\n2\n",
    "b/out.b": "1\n2\n3\n4\n",
    "c/out.c": "4\n",
    "d/plots/final.txt": "1\n2\n1\n2\n3\n4\n4\n",
    "e/by/itself": "1\n2\n3\n4\n",
}


def results(scene: Stage, home: str = "results") -> dict[str, str]:
    below = scene.tool.cwd / home
    return {str(path.relative_to(below)): path.read_text() for path in below.rglob("*") if path.is_file()}


def fetched(scene: Stage) -> Counter[str]:
    """How often each result was fetched, by its key, as far as the journal knows."""
    lines = (scene.tool.cwd / "bag.journal").read_text().splitlines()
    return Counter(one["key"] for one in map(json.loads, lines) if one["event"] == "ResultFetched")


@pytest.mark.parametrize("packed", ["never", "always"])
def test_a_bag_in_three_levels_is_killed_and_its_results_come_home_once(ready: Stage, packed: str) -> None:
    line = [ready.bag(*three_levels(ready)), *EXISTING, "--array", packed]
    instants = [("PutObject", 2), ("SubmitJob", 2), ("GetObject", 1), ("GetObject", 4), ("DeleteObjects", 1)]
    for operation, number in instants:
        ready.kill_at(operation, number, after=True)
        ready.play(-signal.SIGKILL, *line)
    said = ready.play(0, *line)
    assert results(ready) == RESULTS
    assert set(fetched(ready).values()) == {1}
    assert "results: 8 files (45 bytes) in results/<job name>/" in said
    assert ready.times() == dict.fromkeys(["split", "a", "b", "c", "d", "e"], 1)
    assert ready.aws.client("s3").list_buckets()["Buckets"] == []
    ready.assert_tidy()


def test_what_is_in_a_bucket_that_the_user_names_stays_there(ready: Stage) -> None:
    line = [ready.bag(*three_levels(ready)), *EXISTING, "--s3", "s3://mine/some/dir", "--summary", "s.json"]
    said = ready.play(0, *line, "--no-results")
    assert "results:" not in said
    assert not (ready.tool.cwd / "results").exists()
    s3 = ready.aws.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="mine")["Contents"]]
    assert [key for key in keys if "/results/" in key] == sorted(f"some/dir/results/{name}" for name in RESULTS)
    assert "some/dir/lists/split" in keys, "where a job of a later run may look for what is below halves/"
    ready.play(0, *line, "--results", "there/below")
    assert results(ready, "there/below") == RESULTS
    told = json.loads(ready.tool.read("s.json"))
    assert (told["results"]["files"], told["results"]["directory"]) == (8, "there/below")
    assert told["jobs"][1]["results"] == ["there/below/a/out.a"]
    (ready.tool.cwd / "there/below/a/out.a").unlink()
    said = ready.play(0, *line, "--results", "there/below", "--update")
    assert "1 result that is gone from here is fetched again from S3" in said
    assert results(ready, "there/below") == RESULTS
    assert "results: 8 files (45 bytes) in there/below/<job name>/" in said


def test_a_job_without_its_output_has_failed_and_says_which(ready: Stage) -> None:
    jobs = [ready.job("bad", outputs=["there", "never", "*.csv"]), ready.job("good", "echo 1 >x", outputs=["x"])]
    said = ready.play(1, ready.bag(*jobs), *EXISTING)
    assert "1 succeeded, 1 failed" in said
    err = ready.tool.read("bad.err")
    assert "the output never is missing" in err
    assert "the output *.csv is missing" in err
    assert results(ready) == {"good/x": "1\n"}


def test_a_job_that_has_changed_takes_the_results_of_those_that_are_kept(ready: Stage) -> None:
    """Their bucket went with the earlier run; its directory of results need not be that of today."""
    jobs = three_levels(ready)
    line = [ready.bag(*jobs), *EXISTING]
    ready.play(0, *line)
    jobs[2] = ready.job("b", "cat in/2.txt in/1.txt >out.b", inputs=jobs[2]["inputs"], outputs=["out.b"])
    ready.bag(*jobs)
    ready.kill_at("SubmitJob", 1, after=True)
    ready.play(-signal.SIGKILL, *line, "--update", "--results", "new")
    said = ready.play(0, *line, "--update", "--results", "new")
    turned = "3\n4\n1\n2\n"
    assert results(ready, "new") == {"b/out.b": turned, "d/plots/final.txt": f"1\n2\n{turned}4\n"}
    assert "results: 8 files (45 bytes) in new/<job name>/; 6 of them where an earlier start put them" in said
    assert ready.times() == {**dict.fromkeys(["split", "a", "c", "e"], 1), "b": 2, "d": 2}
    assert ready.aws.client("s3").list_buckets()["Buckets"] == []
