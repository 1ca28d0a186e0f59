"""Which AWS a command is connected to, and what stands in the embedded one for entities of the real one."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.aws.connection import Access
from jobbag.commands import cloud
from jobbag.commands.cloud import Embedded, connected, connected_task, embedded_aws
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Plan, ToCreate
from jobbag.errors import InputError
from jobbag.local import Buckets, InUse
from jobbag.options import version
from jobbag.run.task import Task
from jobbag.s3.place import S3Place

from ..builders import bag, heard, job, settings

PLACE = S3Place("bucket", "", own=True)
BUCKETS = {"Buckets": Buckets, "InUse": InUse}


class FakeLocal:
    """The embedded AWS: gives each entity that it is asked for a name of its own."""

    endpoint = "http://127.0.0.1:1"

    def __init__(self, **_: object) -> None:
        self.asked: list[tuple[str, str]] = []
        self.running = False

    def __enter__(self) -> FakeLocal:
        self.running = True
        return self

    def __exit__(self, *_: object) -> None:
        self.running = False

    def stand_in(self, region: str, **names: str | None) -> Any:
        given = {kind: name for kind, name in names.items() if name is not None}
        self.asked += [(region, name) for name in given.values()]
        return SimpleNamespace(**{kind: f"local-{name}" for kind, name in given.items()})


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    """How AWS is reached, in the place of clients of it."""
    made: list[Access] = []

    def connect(access: Access) -> Any:
        made.append(access)
        return SimpleNamespace(region=access.region or "configured", account=lambda: "111111111111")

    monkeypatch.setattr(cloud, "Cloud", connect)
    return made


# -- stand-ins


def test_every_existing_entity_that_is_named_has_a_stand_in_and_each_only_one() -> None:
    local: Any = FakeLocal()
    plan = Plan(Existing(DEFINITION, "d"), None, Existing(QUEUE, "q"), PLACE)
    jobs = [job(1), job(2, request={"jobQueue": "q", "timeout": {}}), job(3, request={"jobDefinition": "other"})]
    of_jobs, changed = Embedded(local).with_stand_ins("eu-west-3", bag(*jobs), plan)
    assert changed == Plan(Existing(DEFINITION, "local-d"), None, Existing(QUEUE, "local-q"), PLACE)
    assert [dict(one.request) for one in of_jobs.jobs] == [
        {},
        {"jobQueue": "local-q", "timeout": {}},
        {"jobDefinition": "local-other"},
    ]
    assert sorted(local.asked) == [("eu-west-3", "d"), ("eu-west-3", "other"), ("eu-west-3", "q")]


def test_a_run_that_names_no_entity_has_stand_ins_for_what_it_needs() -> None:
    local: Any = FakeLocal()
    _, changed = Embedded(local).with_stand_ins("r", bag(job()), Plan(None, None, None, PLACE))
    assert (changed.definition, changed.queue) == (Existing(DEFINITION, "local-local"), Existing(QUEUE, "local-local"))
    assert changed.environment is None


def test_what_is_to_be_created_is_created() -> None:
    local: Any = FakeLocal()
    plan = Plan(
        ToCreate(DEFINITION, {"jobDefinitionName": "d"}, None),
        ToCreate(ENVIRONMENT, {"computeEnvironmentName": "ce"}, None),
        ToCreate(QUEUE, {"jobQueueName": "q"}, None),
        PLACE,
    )
    assert Embedded(local).with_stand_ins("r", bag(job()), plan)[1] == plan
    assert local.asked == []


# -- connecting


def test_the_real_aws_is_the_one_that_the_options_name(clouds: list[Access]) -> None:
    with connected(settings(endpoint="https://x", region="eu-west-3")) as (_, embedded):
        assert embedded is None
    assert [(one.endpoint, one.region, one.embedded) for one in clouds] == [("https://x", "eu-west-3", False)]


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[FakeLocal]:
    """The embedded ones that were started."""
    monkeypatch.chdir(tmp_path)
    started: list[FakeLocal] = []

    def start(**options: object) -> FakeLocal:
        started.append(FakeLocal(**options))
        return started[-1]

    monkeypatch.setitem(sys.modules, "jobbag.local", SimpleNamespace(LocalAws=start, CREDENTIALS={"a": "b"}, **BUCKETS))
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "mine")
    return started


def test_with_local_nothing_of_the_users_aws_is_used(clouds: list[Access], local: list[FakeLocal]) -> None:
    with heard("jobbag.commands.cloud") as said, connected(settings(local=True, endpoint="https://x")) as (_, embedded):
        assert embedded is not None
        assert local[0].running
    assert not local[0].running
    assert [(one.endpoint, one.region, one.embedded) for one in clouds] == [(FakeLocal.endpoint, "us-east-1", True)]
    assert said == ["WARNING --local: the endpoint https://x is not used"]


def test_there_is_one_embedded_aws_at_a_time_in_a_process(local: list[FakeLocal]) -> None:
    def another() -> None:
        with embedded_aws(None):
            assert [one.running for one in local] == [False, True]

    with embedded_aws(None):
        with pytest.raises(InputError, match="this is begun within a run with it"), embedded_aws(None):
            pass
        thread = threading.Thread(target=another)
        thread.start()
        assert len(local) == 1
    thread.join()
    assert [one.running for one in local] == [False, False]


def test_the_embedded_aws_can_be_ended_at_once(local: list[FakeLocal]) -> None:
    with embedded_aws(None) as embedded:
        embedded.close()
        assert not local[0].running


@pytest.mark.usefixtures("local")
def test_a_directory_that_another_run_uses_or_that_is_none_is_told() -> None:
    directory = Path("bag.local")
    with Buckets(directory, write=True):
        with (
            pytest.raises(InputError, match="--local: another run has its buckets in bag"),
            embedded_aws(directory),
        ):
            raise AssertionError("two have it")
        with pytest.raises(InputError, match="--local"), embedded_aws(directory, looks=True):
            raise AssertionError("two have it")
    assert not directory.exists()
    directory.write_text("a file")
    with pytest.raises(InputError, match="--local: cannot use the directory bag"), embedded_aws(directory):
        raise AssertionError("it is a file")


@pytest.mark.parametrize("embedded", [False, True])
def test_a_task_has_stand_ins_only_in_the_embedded_aws(
    clouds: list[Access], local: list[FakeLocal], embedded: bool
) -> None:
    task = Task(bag(job()), Plan(Existing(DEFINITION, "d"), None, Existing(QUEUE, "q"), PLACE), PLACE)
    with connected_task(settings(local=embedded), task) as (on_aws, _):
        assert on_aws.plan.queue == Existing(QUEUE, "local-q" if embedded else "q")
        assert on_aws.place == PLACE
    assert (len(clouds), len(local)) == (1, int(embedded))


@pytest.mark.parametrize(("single_file", "remedy"), [(False, "pip install"), (True, "not in the single file")])
def test_a_package_that_is_missing_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, single_file: bool, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, "jobbag.local", None)  # so its import fails
    monkeypatch.setattr(version, "archive", lambda: "tool.pyz" if single_file else None)
    with pytest.raises(InputError, match=f"--local: needs .*{remedy}"), embedded_aws(None):
        raise AssertionError("nothing goes on without it")
