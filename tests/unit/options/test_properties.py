"""Properties that look like some of this command are told; those of others are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobbag.errors import InputError
from jobbag.options.parser import load
from jobbag.options.properties import strangers
from jobbag.options.table import PROPERTIES


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pegasus.aws.regoin", "pegasus.aws.region"),
        ("pegasus.aws.batch.jobQueue", "pegasus.aws.batch.job_queue"),
        ("pegasus.aws.batch.job-definition", "pegasus.aws.batch.job_definition"),
        ("Pegasus.AWS.Region", "pegasus.aws.region"),
        ("pegasus.aws.job_queue", "pegasus.aws.batch.job_queue"),
        ("aws.region", "pegasus.aws.region"),
        ("region", "pegasus.aws.region"),
        ("job_queue", "pegasus.aws.batch.job_queue"),
        ("job-queue", "pegasus.aws.batch.job_queue"),
    ],
)
def test_a_property_that_is_like_one_of_this_command(name: str, meant: str) -> None:
    assert list(strangers({name: "x"})) == [f"{name} is no property of pegasus-aws-batch; did you mean {meant}?"]


def test_one_of_this_command_that_is_like_none() -> None:
    assert list(strangers({"pegasus.aws.shape": "x"})) == ["pegasus.aws.shape is no property of pegasus-aws-batch"]


@pytest.mark.parametrize(
    "name",
    [
        *PROPERTIES,
        "pegasus.home.bindir",
        "pegasus.catalog.site.file",
        "pegasus.clusterer.job.aggregator",
        "pegasus.data.configuration",
        "dagman.retry",
        "condor.request_cpus",
        "env.AWS_PROFILE",
        "files",
        "name",
    ],
)
def test_of_all_others_nothing_is_said(name: str) -> None:
    assert list(strangers({name: "x"})) == []
    assert list(strangers({"pegasus.aws.base": "x", name: "${pegasus.aws.base}/y"})) == []


def test_they_are_told_with_the_file_and_those_of_the_command_line_too(tmp_path: Path) -> None:
    conf = tmp_path / "a.properties"
    conf.write_text("pegasus.home = /x\npegasus.aws.regoin = us-west-2\n")
    told = load(["-Dpegasus.aws.acount=1", "-Dpegasus.x=1", "--conf", str(conf), "bag.in"]).warnings
    assert [one.partition(" is no property")[0] for one in told] == [
        f"{conf}: pegasus.aws.regoin",
        "pegasus.aws.acount",
    ]


def test_a_wrong_value_is_told_where_it_stands(tmp_path: Path) -> None:
    conf = tmp_path / "a.properties"
    conf.write_text("pegasus.aws.account = 12\npegasus.aws.batch.array = allways\npegasus.aws.batch.grace = soon\n")
    with pytest.raises(InputError) as raised:
        load(["--conf", str(conf), "--grace", "later", "bag.in"])
    assert raised.value.lines == [
        f"{conf}: pegasus.aws.batch.array: 'allways' is none of auto, never, always; did you mean always?",
        f"{conf}: pegasus.aws.account: '12' is no AWS account: it has 12 digits",
        "--grace: 'later' is no number of seconds",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"pegasus.aws.region": "x"}', "is JSON, and not lines of key=value"),
        ("pegasus.aws.region = x".encode("utf-16"), "it is UTF-16, or no text: save it as UTF-8"),
    ],
)
def test_a_file_of_another_kind(content: bytes, said: str, tmp_path: Path) -> None:
    conf = tmp_path / "a.properties"
    conf.write_bytes(content)
    with pytest.raises(InputError, match=said):
        load(["--conf", str(conf), "bag.in"])
