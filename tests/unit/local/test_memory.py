"""Jobs that use more memory than they may: real processes, looked at when the test says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from jobbag.local.jobs import STAND_IN, Job
from jobbag.local.memory import FIRST, GRACE, LEAST, MIB, Limit, OomKiller

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")

SMALL, LARGE = 16, 64  # MiB that a process allocates: within, and above the limit of each test, 32 MiB
FORKED = Path("/proc/self/smaps_rollup").exists() and "Pss_Anon" in Path("/proc/self/smaps_rollup").read_text()


class Clock:
    """A clock that goes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Sessions:
    """Jobs, each the leader of a session, and what looks at them."""

    def __init__(self, stack: ExitStack) -> None:
        self.clock = Clock()
        self.killer = OomKiller(clock=self.clock)
        self._stack = stack

    def start(self, script: str, limit: Limit) -> subprocess.Popen[str]:
        """A job of this Python script, which can `take` MiB and `start` another one, and has said that it is ready."""
        prelude = (
            "import os, signal, subprocess, sys\n"
            "def take(mib): globals()['held'] = bytearray(os.urandom(1) * (mib << 20))\n"
            "def ready(): print('ready', flush=True)\n"
            "def start(script): return subprocess.Popen([sys.executable, '-ISc', sys.argv[1] + script, sys.argv[1]])\n"
        )
        job = subprocess.Popen(
            [sys.executable, "-ISc", prelude + script, prelude],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._stack.enter_context(job)
        self._stack.callback(self._end, job)
        self._stack.enter_context(self.killer.watching(job.pid, limit))
        assert job.stdout is not None
        assert job.stdout.readline() == "ready\n"
        return job

    @staticmethod
    def _end(job: subprocess.Popen[str]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)

    def look(self, after: float = 2 * FIRST) -> None:
        self.clock.now += after
        self.killer.look()


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(stack)


def test_a_job_that_uses_more_than_it_may_is_killed(sessions: Sessions) -> None:
    limit, other = Limit(32 * MIB), Limit(128 * MIB)
    within = sessions.start(f"take({LARGE}); ready(); signal.pause()", other)
    above = sessions.start(f"take({LARGE}); ready(); signal.pause()", limit)
    sessions.look()
    assert above.wait(30) == -signal.SIGKILL
    assert (limit.exceeded, other.exceeded, within.poll()) == (True, False, None)


def test_nobody_looks_at_a_job_that_has_only_begun(sessions: Sessions) -> None:
    limit = Limit(32 * MIB)
    sessions.start(f"take({LARGE}); ready(); signal.pause()", limit)
    sessions.look(FIRST / 2)
    assert not limit.exceeded
    sessions.look()
    assert limit.exceeded


def test_what_the_processes_of_a_job_use_counts_together(sessions: Sessions) -> None:
    limit = Limit(32 * MIB)
    two = f"start('take({SMALL}); ready(); signal.pause()')"
    job = sessions.start(f"first, second = {two}, {two}; signal.pause()", limit)
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    sessions.look()
    assert limit.exceeded


@pytest.mark.skipif(not FORKED, reason="the kernel does not tell what processes have alike")
def test_what_processes_have_alike_counts_once(sessions: Sessions) -> None:
    limit = Limit(48 * MIB)
    script = f"take({SMALL})\nfor _ in range(4):\n if not os.fork(): signal.pause()\nready(); signal.pause()"
    job = sessions.start(script, limit)
    sessions.look()
    assert (limit.exceeded, job.poll()) == (False, None)


def test_who_started_the_process_that_used_too_much_can_tell_how_it_ended(sessions: Sessions) -> None:
    """As the launcher does, whose mark is then in the log."""
    limit = Limit(32 * MIB)
    job = sessions.start(f"print(start('take({LARGE}); ready(); signal.pause()').wait())", limit)
    sessions.look()
    assert job.stdout is not None
    assert (job.stdout.read(), job.wait(30), limit.exceeded) == ("-9\n", 0, True)


def test_who_does_not_end_then_is_killed_as_well(sessions: Sessions) -> None:
    limit = Limit(32 * MIB)
    job = sessions.start(f"start('take({LARGE}); ready(); signal.pause()').wait(); ready(); signal.pause()", limit)
    sessions.look()
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    sessions.look(GRACE / 2)
    assert job.poll() is None
    sessions.look(GRACE)
    assert job.wait(30) == -signal.SIGKILL


def test_little_is_never_too_much() -> None:
    assert [Limit.of(asked).size for asked in (1, 64)] == [LEAST, 64 * MIB]


def test_a_job_of_which_nobody_said_what_it_needs_has_no_limit(sessions: Sessions) -> None:
    limit = Limit.of(None)
    sessions.start(f"take({LARGE}); ready(); signal.pause()", limit)
    sessions.look()
    assert not limit.exceeded


def test_without_proc_there_is_no_limit(tmp_path: Path) -> None:
    limit = Limit(1)
    with OomKiller(str(tmp_path), lambda: 0.0) as killer, killer.watching(1, limit):
        assert not limit.exceeded


def asking(amount: int) -> dict[str, Any]:
    return {"resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": str(amount)}]}


@pytest.mark.parametrize(
    ("definition", "overrides", "memory"),
    [
        ({"image": "x", **asking(64)}, {}, 64),
        ({"image": "x", **asking(64)}, asking(128), 128),
        ({"image": "x", **asking(64)}, {"memory": 128}, 64),
        ({"image": "x", "memory": 64}, {"memory": 128}, 128),
        ({"image": "x", "memory": 64}, asking(128), 128),
        ({"image": STAND_IN, **asking(512)}, {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}, None),
        ({"image": STAND_IN, **asking(512)}, asking(128), 128),
    ],
)
def test_what_a_job_asks_for(definition: dict[str, Any], overrides: dict[str, Any], memory: float | None) -> None:
    request = {"containerOverrides": overrides}
    assert Job("id", "arn", "region", {}, {"containerProperties": definition}, request, []).memory == memory
