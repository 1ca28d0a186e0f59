"""--create and --delete: what is printed, and what is told when something fails in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.commands import manage
from jobbag.commands.result import Result
from jobbag.entities.entity import Entity
from jobbag.entities.kinds import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, ToCreate
from jobbag.errors import AwsError, CleanupError, ExitCode, InputError, ToolError
from jobbag.options.settings import Mode
from jobbag.s3.place import S3Place

from ..builders import heard, settings

PLACE = S3Place("bucket", "dir/", own=False)
REFUSED = AwsError("CreateJobQueue", "ClientException", "no")


class World:
    """AWS and what works on it, as fakes; `done` is what they were told to do, `fails` their errors by name."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.bucket_is_there = False
        self.account = "111111111111"
        self.ready: dict[Kind, Entity] = {}
        self.made: list[Entity] = []
        patch.setattr(manage, "connected", self._connected)
        patch.setattr(manage, "EntityCreator", lambda *_, **__: self)
        patch.setattr(manage, "lookup", SimpleNamespace(look_up_all=lambda *_: self.do("look up", {})))
        patch.setattr(manage, "deletion", SimpleNamespace(delete=self._delete))
        bucket = SimpleNamespace(
            exists=lambda *_: self._bucket_exists(),
            create=lambda _, name: self.do(f"create {name}"),
            remove=lambda _, place: self.do(f"remove {place.url}"),
        )
        patch.setattr(manage, "bucket", bucket)

    def _bucket_exists(self) -> bool:
        if (error := self.fails.get("bucket")) is not None:
            raise error
        return self.bucket_is_there

    def do(self, what: str, result: Any = None) -> Any:
        self.done.append(what)
        if (error := self.fails.get(what.split()[0])) is not None:
            raise error
        return result

    @contextmanager
    def _connected(self, _: object) -> Iterator[tuple[Any, None]]:
        yield SimpleNamespace(account=lambda: self.account), None

    def prepare(self, *_: object) -> dict[Kind, Entity]:
        self.do("prepare")
        return self.ready

    def _delete(self, _: object, doomed: list[tuple[Kind, str]]) -> None:
        self.do("delete " + ", ".join(ref for _, ref in doomed))

    def open(self) -> None:
        """The log file."""
        self.done.append("log")

    def manage(self, mode: Mode, plan: Plan, **wanted: Any) -> Result:
        log: Any = self
        return manage.manage(settings(mode=mode, **wanted), plan, log)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def entity(kind: Kind) -> Entity:
    return Entity(kind, "x", f"arn:{kind.arn_type}", {})


ALL = Plan(
    Existing(DEFINITION, "d"),
    ToCreate(ENVIRONMENT, {"computeEnvironmentName": "ce"}, None),
    Existing(QUEUE, "q"),
    PLACE,
)


def test_what_there_is_now_is_printed_as_properties(world: World) -> None:
    world.ready = {kind: entity(kind) for kind in (QUEUE, DEFINITION)}
    result = world.manage(Mode.CREATE, ALL)
    assert result.exit_code is ExitCode.OK
    assert sorted(result.lines) == [
        "pegasus.aws.batch.job_definition=arn:job-definition",
        "pegasus.aws.batch.job_queue=arn:job-queue",
        "pegasus.aws.batch.s3_bucket=s3://bucket/dir/",
    ]
    assert world.done == ["look up", "log", "prepare", "create bucket"]


def test_a_bucket_that_is_there_is_not_made(world: World) -> None:
    world.bucket_is_there = True
    assert world.manage(Mode.CREATE, ALL).lines == ("pegasus.aws.batch.s3_bucket=s3://bucket/dir/",)
    assert "create bucket" not in world.done


def test_what_was_made_before_an_error_is_told_as_it_stays(world: World) -> None:
    world.made, world.fails = [entity(ENVIRONMENT)], {"prepare": REFUSED}
    with heard("jobbag.commands.manage") as said, pytest.raises(AwsError):
        world.manage(Mode.CREATE, ALL)
    assert said == ["ERROR the compute environment arn:compute-environment was made before the error, and stays"]


def test_the_queue_goes_before_its_environment_and_then_the_bucket(world: World) -> None:
    assert world.manage(Mode.DELETE, ALL).exit_code is ExitCode.OK
    assert world.done == ["log", "delete q, ce, d", "remove s3://bucket/dir/"]


def test_all_that_cannot_be_deleted_is_told_together(world: World) -> None:
    world.fails = {"delete": CleanupError(["the queue stays", "the environment stays"]), "remove": ToolError("no")}
    with pytest.raises(CleanupError) as failed:
        world.manage(Mode.DELETE, ALL)
    assert failed.value.lines == ["the queue stays", "the environment stays", "no"]


@pytest.mark.parametrize("mode", [Mode.CREATE, Mode.DELETE])
def test_nothing_is_touched_in_another_account(world: World, mode: Mode) -> None:
    with pytest.raises(InputError, match="222222222222 is given, but the credentials are of 111111111111"):
        world.manage(mode, ALL, account="222222222222")
    assert world.done == []


def test_without_a_bucket_none_is_touched(world: World) -> None:
    plan = Plan(None, None, Existing(QUEUE, "q"), None)
    assert world.manage(Mode.CREATE, plan).lines == ()
    world.manage(Mode.DELETE, plan)
    assert world.done == ["look up", "log", "prepare", "log", "delete q"]


def test_a_bucket_of_somebody_else_is_told_before_anything_is_made(world: World) -> None:
    world.fails = {"bucket": REFUSED}
    with pytest.raises(AwsError):
        world.manage(Mode.CREATE, ALL)
    assert world.done == ["look up", "log"]
