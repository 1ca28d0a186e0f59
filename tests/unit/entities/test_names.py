"""Names that AWS accepts."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Kind, Plan, ToCreate
from jobbag.entities.names import legal_name
from jobbag.entities.plan import plan_of
from jobbag.options.settings import Mode
from jobbag.s3.place import S3Place

from ..builders import TEXT, bag, settings

OPEN = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
KINDS = {"job_definition": DEFINITION, "compute_environment": ENVIRONMENT, "job_queue": QUEUE}
CONTENTS: dict[Kind, dict[str, Any]] = {
    DEFINITION: {"type": "container", "containerProperties": {"image": "busybox", "vcpus": 1, "memory": 64}},
    ENVIRONMENT: {"type": "UNMANAGED", "serviceRole": "AWSBatchServiceRole"},
    QUEUE: {"priority": 10, "state": "ENABLED", "computeEnvironmentOrder": [{"order": 1}]},
}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(content: object, name: str = "entity.json") -> str:
    Path(name).write_text(json.dumps(content))
    return name


def planned(mode: Any = Mode.CREATE, jobs: Any = None, **values: Any) -> Plan:
    plan, problems = plan_of(settings(mode=mode, **values), jobs)
    assert problems == []
    return plan


def spec_of(plan: Plan, option: str) -> Any:
    return getattr(plan, {"job_definition": "definition", "compute_environment": "environment"}.get(option, "queue"))


# -- names


@OPEN
@given(st.lists(TEXT.filter(bool) | st.text("ab .", min_size=1, max_size=200), unique=True, max_size=20))
@example(["a b", "a_b", "a.b", "a b ", "é", "j", "jé"])
@example(["x" * 128, "x" * 129, "x" * 130])
def test_legal_names_are_legal_and_differ(names: list[str]) -> None:
    legal = [legal_name(name) for name in names]
    assert all(NAME.fullmatch(name) for name in legal)
    assert len({*legal}) == len(names)
    assert [short for name, short in zip(names, legal, strict=True) if NAME.fullmatch(name)] == [
        name for name in names if NAME.fullmatch(name)
    ]


def run_place(**values: Any) -> S3Place:
    plan, _ = plan_of(settings(**values), bag())
    assert plan.place is not None
    return plan.place


def is_bucket_name(name: str) -> bool:
    """The rules of the Amazon S3 User Guide, Bucket naming rules."""
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        pass
    else:
        return False
    return (
        re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name) is not None
        and ".." not in name
        and not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
        and not name.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"))
    )


@OPEN
@given(TEXT.filter(bool) | st.text("aA-_. 0", min_size=1, max_size=100))
@example("xn--a")
@example("amzn-s3-demo")
@example("XN--A")
@example("---")
@example("İ" * 30)
@example("a" * 55 + "-" * 10)
@example("-" * 70 + "a")
def test_the_default_bucket_has_a_legal_name(prefix: str) -> None:
    place = run_place(prefix=prefix)
    assert is_bucket_name(place.bucket)
    assert place.own
    assert place.of_run("a-run").key_prefix == "a-run/"


def test_default_names() -> None:
    place = run_place(prefix="Merge_diamond-ID1")
    assert place.of_run("a-run").url == "s3://merge-diamond-id1-bucket/a-run/"
    names = {
        option: spec_of(
            planned(**{"compute_environment": "ce", option: write(CONTENTS[kind])}, prefix="p"), option
        ).name
        for option, kind in KINDS.items()
    }
    assert names == {
        "job_definition": "p-job-definition",
        "compute_environment": "p-compute-environment",
        "job_queue": "p-job-queue",
    }


def test_a_prefix_of_pegasus_gives_a_legal_name() -> None:
    definition = planned(job_definition=write(CONTENTS[DEFINITION]), prefix="merge a@b.c").definition
    assert isinstance(definition, ToCreate)
    assert NAME.fullmatch(definition.name)


def test_a_submit_file_with_an_undecodable_name_is_no_crash() -> None:
    prefix = b"b\xff".decode(errors="surrogateescape")
    definition = planned(job_definition=write(CONTENTS[DEFINITION]), prefix=prefix).definition
    assert isinstance(definition, ToCreate)
    assert NAME.fullmatch(definition.name)
