"""A stage for runs that are cut short: an AWS with faults in this process, the command, and jobs that leave a trace."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from functional.fault_layer import Answer, Faults, Forward, Request, dated
from helpers.embedded import embedded
from helpers.processes import Process
from helpers.records import SEPARATOR, Task, job_output, merged_output
from helpers.servers import NOTHING, Aws
from helpers.tool import Done, Tool, shell
from helpers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-west-2"
INSPECTOR = "inspector"  # who signs with this access key is spared
DEFINITION = {"type": "container", "containerProperties": {"image": "x", "vcpus": 1, "memory": 64}}
ENVIRONMENT = {"type": "UNMANAGED", "serviceRole": "arn:aws:iam::123456789012:role/service"}
OF_FILES = ("-j", "definition.json", "--ce", "environment.json")
EXISTING = ("-j", "d", "-q", "q")
READING = ("FilterLogEvents", "GetLogEvents")
_SCRIPT = Path(__file__).with_name("impatient.py")
LATE = Path(__file__).with_name("late.py")  # in its place


def sparing(application: WSGIApplication, faulty: WSGIApplication) -> WSGIApplication:
    """The faulty application, but for the inspector."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        spared = f"Credential={INSPECTOR}/" in environ.get("HTTP_AUTHORIZATION", "")
        return (application if spared else faulty)(environ, start_response)

    return answer


class Inspected(Aws):
    """The AWS at an endpoint, seen without faults."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint, REGION)

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        keys = {"aws_access_key_id": INSPECTOR, "aws_secret_access_key": INSPECTOR}
        return make(service, endpoint_url=self.endpoint, region_name=self.region, **keys)

    def make_entities(self) -> None:
        """A compute environment `ce`, a queue `q` and a definition `d`."""
        self.batch.create_compute_environment(computeEnvironmentName="ce", **ENVIRONMENT)
        order = [{"order": 1, "computeEnvironment": "ce"}]
        self.batch.create_job_queue(jobQueueName="q", priority=1, computeEnvironmentOrder=order)
        self.batch.register_job_definition(jobDefinitionName="d", **DEFINITION)

    def jobs(self, queue: str = "q") -> list[tuple[str, str]]:
        """Names and states of all jobs of a queue, in their order."""
        return sorted((one["jobName"], one["status"]) for one in self.summaries(queue))

    def details(self, queue: str = "q") -> list[dict[str, Any]]:
        """What DescribeJobs says of all jobs of a queue."""
        ids = [one["jobId"] for one in self.summaries(queue)]
        found: list[dict[str, Any]] = self.batch.describe_jobs(jobs=ids)["jobs"]
        return found

    def summaries(self, queue: str) -> list[dict[str, Any]]:
        """What ListJobs says of all jobs of a queue."""
        pages = self.batch.get_paginator("list_jobs").paginate(
            jobQueue=queue, filters=[{"name": "JOB_NAME", "values": ["*"]}]
        )
        return [one for page in pages for one in page["jobSummaryList"]]


class Impatient(Tool):
    """The command with short waits."""

    def __init__(self, place: Path, factor: float = 0.04) -> None:
        super().__init__(place)
        self.before = [sys.executable, str(_SCRIPT), str(factor)]

    def run(self, *arguments: str | Path, before: Sequence[str] = (), timeout: float = 60, **how: Any) -> Done:
        return super().run(*arguments, before=[*before, *self.before], timeout=timeout, **how)

    def start(self, *arguments: str | Path, stderr: Path, before: Sequence[str] = ()) -> Process:
        return super().start(*arguments, stderr=stderr, before=[*before, *self.before])


class Stage:
    """An AWS, the command before it, and what it has left so far."""

    def __init__(self, tool: Tool, faults: Faults, endpoint: str) -> None:
        self.tool, self.faults = tool, faults
        self.aws = Inspected(endpoint)
        self.ran = tool.place / "ran"
        self.ran.mkdir()
        self.gate = tool.place / "gate"
        self.journal = tool.cwd / "bag.journal"
        self._processes: list[Process] = []
        tool.point_to(endpoint, REGION)

    # -- what is run

    def job(self, name: str, then: str = "true", *, gated: bool = False, **other: Any) -> dict[str, object]:
        """A job that leaves a byte in `ran`, and writes a line to stdout and one to stderr.

        A gated one waits in between, after the first line, until `open_gate`; then it does something.
        """
        wait = f"while ! test -e '{self.gate}'; do sleep 0.02; done" if gated else "true"
        script = f"printf x >>'{self.ran / name}'; echo {name} begins; {wait}; {then}; status=$?"
        return shell(name, f"{script}; echo '{SEPARATOR}'; echo {name} ends; exit $status", **other)

    def bag(self, *jobs: dict[str, object], name: str = "bag.in") -> str:
        """The name of a submit file with these jobs."""
        return str(self.tool.bag(*jobs, name=name))

    def open_gate(self) -> None:
        """Let the gated jobs go on."""
        self.gate.touch()

    def entity_files(self) -> tuple[str, ...]:
        """JSON files of entities; the words that name them."""
        self.tool.json("definition.json", DEFINITION)
        self.tool.json("environment.json", ENVIRONMENT)
        return OF_FILES

    # -- starts

    def start(self, *words: str | Path) -> Process:
        """Start the command."""
        process = self.tool.start(*words, stderr=self._stderr(len(self._processes)))
        self._processes.append(process)
        return process

    def end(self, status: int, process: Process | None = None, seconds: float = 60) -> str:
        """Wait for the end of the last start, which must have this status; what it said."""
        process = process or self._processes[-1]
        found = process.wait(seconds)
        said = self._stderr(self._processes.index(process)).read_text()
        assert found == status, said
        assert "Traceback" not in said
        assert "internal error" not in said
        return said

    def play(self, status: int, *words: str | Path) -> str:
        """Start the command and wait for its end; what it said."""
        self.start(*words)
        return self.end(status)

    def said(self) -> str:
        """What the last start has said so far."""
        return self._stderr(len(self._processes) - 1).read_text()

    def kill(self) -> None:
        """Kill the last start with SIGKILL."""
        self._processes[-1].kill()
        self._processes[-1].wait()

    def kill_at(self, operation: str, number: int = 1, *, after: bool) -> None:
        """Kill the next start at this request: before, or after it has taken effect. ReadLogs is any of a log."""
        requests, starts = itertools.count(1), len(self._processes)

        def act(request: Request, forward: Forward) -> Answer:
            if len(self._processes) == starts:  # a job asks, which an earlier start has sent
                self.faults.on(request.operation, act, 1)
                return forward()
            if next(requests) != number:
                return forward()
            if after:
                forward()
            self._processes[-1].kill()
            raise ConnectionResetError

        for each in READING if operation == "ReadLogs" else (operation,):
            self.faults.on(each, act, number)

    def _stderr(self, number: int) -> Path:
        return self.tool.place / f"stderr.{number}"

    def close(self) -> None:
        """Leave no process."""
        self.open_gate()
        for process in self._processes:
            process.kill()
            process.wait()

    # -- what is there

    def times(self) -> dict[str, int]:
        """How often each job ran."""
        return {path.name: path.stat().st_size for path in sorted(self.ran.iterdir())}

    def stream_of(self, name: str) -> str:
        """The log stream of a job of the queue `q` that runs."""
        ids = {one["jobName"]: one["jobId"] for one in self.aws.summaries("q")}
        (detail,) = self.aws.batch.describe_jobs(jobs=[ids[name]])["jobs"]
        return str(detail["container"]["logStreamName"])

    def wait_for(self, *names: str) -> None:
        """Wait until these jobs run, or have run."""
        self._wait(lambda: set(names) <= set(self.times()), f"the jobs {', '.join(names)}")

    def wait_for_journal(self, *events: str) -> None:
        """Wait until the journal has such an event, each."""
        self._wait(
            lambda: self.journal.exists() and all(f'"event":"{one}"' in self.journal.read_text() for one in events),
            f"{', '.join(events)} in the journal",
        )

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for it as long as there is a start that can bring it about."""
        processes = self._processes
        wait_until(lambda: condition() or (processes and processes[-1].poll() is not None), what=what)
        assert condition(), f"the command ended before {what}: {self.said()}"

    def output(self, name: str) -> tuple[list[str], list[str], Task]:
        """The lines of a job with files of its own, and its record."""
        lines, task = job_output(self.tool.read(f"{name}.out"))
        return lines, self.tool.read(f"{name}.err").splitlines(), task

    def assert_outputs(self, names: Sequence[str]) -> None:
        """All jobs succeeded, and the files of each hold its lines."""
        for number, name in enumerate(names, 1):
            out, err, task = self.output(name)
            assert (out, err) == ([f"{name} begins"], [f"{name} ends"])
            assert (task.number, task.name, task.state, task.status) == (number, name, "succeeded", 0)

    def assert_merged(self, names: Sequence[str]) -> None:
        """All jobs succeeded, and the merged files hold the lines of each once, in order."""
        jobs, summary = merged_output(self.tool.read("all.out"))
        assert [(lines, task.number, task.name, task.state) for lines, task in jobs] == [
            ([f"{name} begins"], number, name, "succeeded") for number, name in enumerate(names, 1)
        ]
        assert self.tool.read("all.err").splitlines() == [f"{name} ends" for name in names]
        assert (summary.stat, summary.tasks, summary.succeeded, summary.failed) == ("ok", len(names), len(names), 0)

    def assert_nothing_is_left(self) -> None:
        """Nothing in AWS, and no file that was to be temporary."""
        assert self.aws.everything() == NOTHING
        self.assert_tidy()

    def assert_tidy(self) -> None:
        """No file is left that was to be temporary, and the journal is the user's own."""
        left = {path.name for path in self.tool.cwd.rglob("*")}
        assert not [name for name in left if ".part" in name or ".held" in name]
        assert self.journal.stat().st_mode & 0o777 == 0o600


@contextmanager
def stage(
    place: Path, tool: Tool | None = None, before: Callable[[WSGIApplication], WSGIApplication] | None = None
) -> Iterator[Stage]:
    """A stage below a directory. `before` is one more layer before all requests but the inspector's."""
    faults = Faults()

    def wrap(application: WSGIApplication) -> WSGIApplication:
        application = dated(application)
        faulty = faults.wrap(application)
        return sparing(application, before(faulty) if before else faulty)

    with embedded(slots=4, wrap=wrap) as aws:
        new = Stage(tool or Impatient(place), faults, aws.endpoint)
        try:
            yield new
        finally:
            new.close()
