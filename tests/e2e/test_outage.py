"""What a long run meets: AWS out of reach for a while, credentials that expire, a disk that is full."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaos.stage import EXISTING, REGION, Stage, stage
from functional.fault_layer import Answer, Forward, Request
from helpers.tool import ENDPOINT, restricted
from helpers.waiting import wait_until
from helpers.wire import Wire

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """An AWS with no entities, and the command before it."""
    with stage(tmp_path) as new:
        yield new


# -- out of reach


@pytest.fixture
def wire(scene: Stage) -> Iterator[Wire]:
    """The command's way to AWS."""
    wire = Wire(scene.aws.endpoint)
    scene.tool.env[ENDPOINT] = wire.endpoint
    yield wire
    wire.close()


OUTAGE = 4.0  # s; it is told of after 3


def test_an_outage_in_the_middle_of_a_run(scene: Stage, wire: Wire) -> None:
    """It comes while jobs are sent: some run, of one it is not known, the others are still to come."""
    names = [f"job{n}" for n in range(6)]
    scene.tool.write("data.txt", "data")
    cut = threading.Event()
    asked = itertools.count(1)

    def act(_: Request, forward: Forward) -> Answer:
        if next(asked) <= 2:
            return forward()
        wait_until(lambda: len(scene.times()) >= 2)
        answer = forward()
        if not cut.is_set():
            cut.set()
            wire.cut()
            threading.Timer(OUTAGE, wire.mend).start()
        return answer

    scene.faults.on("SubmitJob", act)
    scene.open_gate()
    jobs = [scene.job(name, gated=True, env={"TRANSFER_INPUT_FILES": "data.txt"}) for name in names]
    said = scene.play(0, scene.bag(*jobs), *scene.entity_files())
    assert cut.is_set()
    assert "next in" in said, "the wait is visible"
    assert scene.times() == dict.fromkeys(names, 1)
    scene.assert_outputs(names)
    scene.assert_nothing_is_left()


# -- credentials


class Expiry:
    """From some moment on, AWS takes no request with the old key."""

    def __init__(self) -> None:
        self.came = threading.Event()

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            authorization = environ.get("HTTP_AUTHORIZATION", "")
            if not self.came.is_set() or "Credential=old/" not in authorization:
                return application(environ, start_response)
            if "/s3/" in authorization:
                body = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
                start_response("400 Bad Request", [("Content-Type", "application/xml")])
                return [body]
            start_response("403 Forbidden", [("x-amzn-ErrorType", "ExpiredTokenException")])
            return [b'{"__type": "ExpiredTokenException", "message": "The security token is expired"}']

        return answer


@pytest.mark.parametrize("operation", ["PutObject", "SubmitJob"])
def test_credentials_that_expire_are_waited_for(tmp_path: Path, operation: str) -> None:
    expiry = Expiry()
    with stage(tmp_path, before=expiry.wrap) as scene:
        credentials = tmp_path / "credentials"
        keys = "[default]\naws_access_key_id = {}\naws_secret_access_key = x\naws_session_token = x\n"
        credentials.write_text(keys.format("old"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del scene.tool.env[name]
        scene.tool.env |= {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_DEFAULT_REGION": REGION}

        def act(_: Request, forward: Forward) -> Answer:
            expiry.came.set()
            return forward()

        scene.faults.on(operation, act)
        names = ["a", "b", "c"]
        for name in names:
            scene.tool.write(f"{name}.txt", name)
        jobs = [scene.job(name, env={"TRANSFER_INPUT_FILES": f"{name}.txt"}) for name in names]
        scene.start(scene.bag(*jobs), *scene.entity_files())
        wait_until(lambda: "credentials have expired" in scene.said(), what="the expiry")
        beside = credentials.with_name("new")
        beside.write_text(keys.format("new"))
        beside.rename(credentials)
        scene.end(0)
        assert scene.times() == dict.fromkeys(names, 1)
        scene.assert_outputs(names)
        scene.assert_nothing_is_left()


# -- the disk

FULL = "File too large"  # what a limit of the size of files says; a full disk says it in other words


@pytest.mark.parametrize(
    ("size", "lines", "options"),
    [(0, 1, ()), (4_096, 1, ("-m", "all")), (20_480, 1000, ())],
)
def test_a_full_disk(scene: Stage, size: int, lines: int, options: tuple[str, ...]) -> None:
    """It stops the run in one line, and a new start with space ends it well."""
    scene.aws.make_entities()
    names = [f"job{n}" for n in range(5)]
    much = f"n=0; while test $n -lt {lines}; do n=$((n+1)); echo line $n of a long output; done"
    line = [scene.bag(*(scene.job(name, much) for name in names)), *EXISTING, *options, "--summary", "end.json"]
    done = scene.tool.run(*line, before=restricted(str(size)))
    assert done.status == 2, done.err
    assert FULL in done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err
    assert "internal error" not in done.err
    scene.play(0, *line)
    assert scene.times() == dict.fromkeys(names, 1)
    many = [f"line {n} of a long output" for n in range(1, lines + 1)]
    wanted = [[f"{name} begins", *many] for name in names]
    if options:
        text = scene.tool.read("all.out").splitlines()
        assert [row for row in text if not row.startswith("[cluster-")] == [row for rows in wanted for row in rows]
    else:
        assert [scene.output(name)[0] for name in names] == wanted
    scene.assert_tidy()
