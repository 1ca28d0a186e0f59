"""What a dry run finds out: the uploads, the requests and the rights of the run that it is about."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobbag.aws.regions import BucketRegions
from jobbag.bag.job import Bag, Job
from jobbag.entities.kinds import DEFINITION, QUEUE, Existing, Plan
from jobbag.errors import AwsError
from jobbag.events.encoding import encode
from jobbag.events.events import Event, LogsWritten, Staged, StateChanged, Submitted, Submitting
from jobbag.events.journal import Header, Past
from jobbag.events.state import RunState
from jobbag.jobs.submission import token_of
from jobbag.preflight import probe
from jobbag.preflight.checks import Checked
from jobbag.preflight.permissions import Answer, Caller, Right, Uses, Verdict
from jobbag.preflight.probe import TOKEN, Findings
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import TaskOnAws
from jobbag.s3 import contents
from jobbag.s3.contents import MANY
from jobbag.s3.place import S3Place

from ..builders import bag, ended, job, settings

PLACE = S3Place("bucket", "run/", own=False)
PLAN = Plan(Existing(DEFINITION, "d"), None, Existing(QUEUE, "q"), PLACE)
CALLER = Caller("arn:aws:iam::111111111111:user/me", "eu-west-3")


class World:
    """AWS as far as a dry run asks it: `asked` is what it was asked."""

    embedded = False
    region = "eu-west-3"

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.buckets = BucketRegions(self.region)
        self.there: set[str] = set()  # keys in the bucket
        self.bucket_is_there = True
        self.denied: list[Right] = []
        self.uses: Uses | None = None
        self.caller_error: AwsError | None = None
        patch.setattr(contents, "is_there", self._is_there)
        patch.setattr(contents, "objects", self._objects)
        permissions = SimpleNamespace(caller_of=self._caller, needed=lambda *_: [], ask=self._ask)
        patch.setattr(probe, "permissions", permissions)
        self._patch = patch

    def _is_there(self, _: object, place: S3Place, item: str, key: str) -> bool:
        assert key.startswith(place.key_prefix)
        self.asked.append(f"is there {item}")
        return key in self.there

    def _objects(self, *_: object) -> list[dict[str, Any]]:
        self.asked.append("all keys")
        return [{"Key": key, "Size": 0, "ETag": '"x"'} for key in self.there]

    def _caller(self, _: object) -> Caller:
        if self.caller_error is not None:
            raise self.caller_error
        return CALLER

    def _ask(self, _: object, __: object, ___: object, uses: Uses) -> Answer:
        self.uses = uses
        return Answer(dict.fromkeys(self.denied, Verdict.DENIED))

    def probe(self, of: Bag, past: tuple[Event, ...] = (), **wanted: Any) -> Findings:
        state = RunState(of, 0)
        for event in past:
            state(event)
        header = Header("run", 0, {}, {one.name: "" for one in of.jobs})
        lines = tuple(json.dumps(encode(event)).encode() for event in past)
        earlier = Earlier(How.GO_ON if past else How.NEW, header, Past(header, lines) if past else None)
        checked = Checked(state, bucket_is_there=self.bucket_is_there)
        self._patch.setattr(probe, "check", lambda *_: checked)
        cloud: Any = self
        return probe.probe(settings(**wanted), TaskOnAws(of, PLAN, PLACE, cloud), earlier)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "common"):
        Path(name).write_text(name)
    return World(monkeypatch)


def uploads(found: Findings) -> list[tuple[str | None, bool]]:
    return [(one.item, one.there) for one in found.uploads]


def test_each_file_is_an_upload_unless_s3_holds_it(world: World) -> None:
    world.there = {"run/b"}
    found = world.probe(bag(job(1, inputs=("a",)), job(2, inputs=("b", "a")), common=("common",)))
    assert uploads(found) == [("common", False), ("a", False), ("b", True)]
    assert [(one.key, one.size) for one in found.uploads] == [("run/common", 6), ("run/a", 1), ("run/b", 1)]


def test_what_an_earlier_start_has_sent_is_no_upload(world: World) -> None:
    of = bag(job(1, inputs=("a", "b")))
    assert uploads(world.probe(of, (Staged("a", "run/a", 1, 1, True),))) == [("b", False)]


def test_a_bucket_that_is_not_there_holds_nothing_and_is_not_asked(world: World) -> None:
    world.bucket_is_there = False
    assert uploads(world.probe(bag(job(inputs=("a",))))) == [("a", False)]
    assert world.asked == []


def test_of_many_files_only_those_are_looked_at_whose_keys_are_there(world: World) -> None:
    names = [f"f{number}" for number in range(MANY)]
    for name in names:
        Path(name).write_text("")
    world.there = {"run/f3", "run/other"}
    found = world.probe(bag(job(inputs=tuple(names))))
    assert [item for item, there in uploads(found) if there] == ["f3"]
    assert world.asked == ["all keys", "is there f3"]


def test_where_the_system_allows_no_thread_each_file_is_looked_at_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    world.there = {"run/b"}
    found = world.probe(bag(job(1, inputs=("a",)), job(2, inputs=("b",)), common=("common",)))
    assert uploads(found) == [("common", False), ("a", False), ("b", True)]


def alike(count: int) -> list[Job]:
    return [job(number, f"j{number}") for number in range(1, count + 1)]


def test_the_canary_goes_alone_and_the_others_as_an_array_with_its_manifest(world: World) -> None:
    found = world.probe(bag(*alike(4)), array="always", canary=1)
    assert found.canary == 1
    assert [[one.name for one in sending.jobs] for sending in found.sendings] == [["j1"], ["j2", "j3", "j4"]]
    assert [sending.request.get("arrayProperties") for sending in found.sendings] == [None, {"size": 3}]
    assert {token_of(sending.request) for sending in found.sendings} == {TOKEN}
    assert [item for item, _ in uploads(found)] == [None], "what is made for the launcher is no file"
    assert found.uploads[0].size > 0


def test_a_canary_that_succeeded_in_an_earlier_start_is_none_any_more(world: World) -> None:
    jobs = alike(3)
    past = (Submitting(jobs[0], "t"), Submitted(jobs[0], "id"), StateChanged(jobs[0], "id", ended()))
    found = world.probe(bag(*jobs), past, canary=1)
    assert (found.canary, [sending.jobs for sending in found.sendings]) == (0, [(jobs[1],), (jobs[2],)])


def test_a_run_that_has_only_results_to_collect_sends_nothing(world: World) -> None:
    one = job(1, inputs=("a",))
    past = (
        Submitting(one, "t"),
        Submitted(one, "id"),
        StateChanged(one, "id", ended()),
        LogsWritten(one, Path("one.out"), Path("one.err"), 1),
    )
    found = world.probe(bag(one), past)
    assert (found.uploads, found.sendings, world.asked) == ([], [], [])


# -- rights


def test_the_rights_that_are_asked_for_are_those_of_this_run(world: World) -> None:
    world.there = {"run/a"}
    found = world.probe(bag(job(1, inputs=("a",)), job(2, request={"jobQueue": "own", "tags": {"x": "y"}})), keep=True)
    assert found.caller == CALLER
    assert world.uses is not None
    assert (world.uses.queues, world.uses.definitions) == (("q", "own"), ("d",))
    assert (world.uses.uploads, world.uses.keeps, world.uses.tags) == (False, True, True)
    assert found.errors == []


def test_a_vital_right_that_is_denied_is_an_error_and_another_is_not(world: World) -> None:
    world.denied = [Right("batch:SubmitJob", vital=True), Right("logs:DeleteLogStream")]
    found = world.probe(bag(job()))
    assert list(map(str, found.errors)) == [f"{CALLER.arn} may not do batch:SubmitJob"]


def test_who_may_not_ask_is_told_and_the_rest_is_found_out(world: World) -> None:
    world.caller_error = AwsError("GetCallerIdentity", "AccessDenied", "no")
    found = world.probe(bag(job()))
    assert found.warnings == ["GetCallerIdentity failed: no (AccessDenied)"]
    assert (found.caller, found.answer, len(found.sendings)) == (None, None, 1)


def test_the_embedded_aws_has_no_rights_to_ask_for(world: World) -> None:
    world.embedded = True
    found = world.probe(bag(job()))
    assert (found.caller, found.answer, world.uses) == (None, None, None)
