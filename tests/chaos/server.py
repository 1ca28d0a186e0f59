"""The embedded AWS behind faults that come at random, as a process of its own: `python tests/chaos/server.py`.

Whoever signs with the access key `inspector` is spared, so that a test can look at what there is.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    _TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "lib")]

from chaos import odd_answers
from chaos.stage import sparing
from functional.fault_layer import Answer, Faults, Forward, Request, dated, error
from jobbag.local import LocalAws

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# operation:kind@probability; an operation may be a service, or * for all. The first that happens is it.
USUAL = (
    "submitjob:lost@0.05,submitjob:500@0.05,submitjob:reset@0.05,describejobs:omit@0.05,"
    "s3:503@0.03,s3:reset@0.02,s3:lost@0.02,"
    "*:throttle@0.05,*:500@0.03,*:reset@0.02,*:lost@0.03"
)
OPERATIONS = (
    "SubmitJob", "DescribeJobs", "ListJobs", "TerminateJob", "RegisterJobDefinition", "DescribeJobDefinitions",
    "DeregisterJobDefinition", "CreateComputeEnvironment", "DescribeComputeEnvironments", "UpdateComputeEnvironment",
    "DeleteComputeEnvironment", "CreateJobQueue", "DescribeJobQueues", "UpdateJobQueue", "DeleteJobQueue",
    "GetLogEvents", "FilterLogEvents", "DeleteLogStream", "GetCallerIdentity",
    "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload", "PutObject", "HeadObject", "GetObject",
    "PutPublicAccessBlock", "ListObjectsV2", "ListObjectVersions", "DeleteObjects", "CreateBucket", "HeadBucket",
    "DeleteBucket", "GET", "DELETE", "POST",
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A kind of fault that requests of an operation meet with a probability."""

    operation: str
    kind: str
    probability: float

    @classmethod
    def read(cls, text: str) -> Rule:
        """The rule in `submitjob:lost@0.05`."""
        operation, _, rest = text.partition(":")
        kind, _, probability = rest.partition("@")
        if kind not in ("throttle", "500", "503", "reset", "lost", "omit", *odd_answers.KINDS):
            raise ValueError(f"{text!r}: no such fault")
        return cls(operation, kind, float(probability))

    def is_for(self, request: Request) -> bool:
        """Whether a request may meet it. What a job fetches is its own: no client of Batch could mend it."""
        if self.kind in odd_answers.KINDS and request.operation == "GetObject":
            return False
        return self.operation in ("*", request.service, request.operation.lower())


class Chaos:
    """Meets requests with faults. The seed, the operation and its number decide, not the order of the requests."""

    def __init__(self, rules: Iterable[Rule], seed: int, log_delay: float, list_delay: float) -> None:
        """Log lines and ListJobs show what happened so many seconds ago, and not what came after."""
        self._rules = tuple(rules)
        self._seed = seed
        self._log_delay, self._list_delay = log_delay, list_delay
        self._count: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.met: Counter[str] = Counter()  # faults, as `SubmitJob lost`
        self._ways: dict[str, Callable[[Any], None]] = {
            "GetLogEvents": self._late, "FilterLogEvents": self._late, "ListJobs": self._unlisted,
            "DescribeJobs": out_of_memory,
        }  # fmt: skip
        self._layer = Faults()
        for operation in OPERATIONS:
            self._layer.on(operation, self._act, 10_000)

    def wrap(self, application: WSGIApplication) -> WSGIApplication:
        """The application behind the faults."""
        application = dated(application)
        return sparing(application, self._layer.wrap(application))

    def _act(self, request: Request, forward: Forward) -> Answer:
        kind = self._draw(request)
        if kind == "throttle":
            return _throttled(request.service)
        if kind in ("500", "503"):
            return error(request.service, int(kind), "SlowDown" if kind == "503" else "InternalError", "chaos")
        if kind == "reset":
            raise ConnectionResetError
        answer = forward()
        if kind == "lost":
            raise ConnectionResetError
        if kind in odd_answers.KINDS:
            return odd_answers.KINDS[kind](answer)
        if kind == "omit":
            return _edited(answer, _without_one)
        way = self._ways.get(request.operation)
        return _edited(answer, way) if way else answer

    def _draw(self, request: Request) -> str | None:
        with self._lock:
            number = self._count[request.operation]
            self._count[request.operation] += 1
        chance = random.Random(f"{self._seed}:{request.operation}:{number}")
        for rule in self._rules:
            if rule.is_for(request) and chance.random() < rule.probability:
                self.met[f"{request.operation} {rule.kind}"] += 1
                return rule.kind
        return None

    def _late(self, content: Any) -> None:
        delay = int(self._log_delay * 1000)
        now = int(time.time() * 1000)
        content["events"] = [
            {**event, "ingestionTime": event["timestamp"] + delay}
            for event in content["events"]
            if event["timestamp"] + delay <= now
        ]

    def _unlisted(self, content: Any) -> None:
        newest = (time.time() - self._list_delay) * 1000
        content["jobSummaryList"] = [one for one in content["jobSummaryList"] if one["createdAt"] <= newest]


def _throttled(service: str) -> Answer:
    if service == "s3":
        return error(service, 503, "SlowDown", "Please reduce your request rate.")
    if service == "batch":
        return error(service, 429, "TooManyRequestsException", "Too Many Requests")
    return error(service, 400, "ThrottlingException", "Rate exceeded")


def _edited(answer: Answer, change: Callable[[Any], object]) -> Answer:
    if not answer.status.startswith("200"):
        return answer
    content = answer.content
    change(content)
    return Answer.of(content)


def out_of_memory(content: Any) -> None:
    """What was killed in its container, and not by a request, has run out of memory; nothing here measures that."""
    for job in content["jobs"]:
        if job["status"] == "FAILED" and job.get("statusReason") == "Essential container in task exited":
            ended = [job["container"], *(one["container"] for one in job.get("attempts", ()))]
            for one in (one for one in ended if one.get("exitCode") == 137):
                one["reason"] = "OutOfMemoryError: Container killed due to memory usage"


def _without_one(content: Any) -> None:
    """DescribeJobs is eventually consistent."""
    del content["jobs"][:1]


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="The embedded AWS behind faults that come at random.")
    parser.add_argument("--port-file", type=Path, required=True, help="write the port to this file once it is served")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", default=USUAL, help="operation:kind@probability, comma separated")
    parser.add_argument("--log-delay", type=float, default=2.0, help="seconds until a log line shows")
    parser.add_argument("--list-delay", type=float, default=2.0, help="seconds until ListJobs shows a job")
    parser.add_argument("--slots", type=int, default=6, help="jobs at once")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    rules = [Rule.read(text) for text in options.faults.split(",") if text]
    chaos = Chaos(rules, options.seed, options.log_delay, options.list_delay)
    with LocalAws(slots=options.slots, wrap=chaos.wrap) as aws:
        beside = options.port_file.with_name(f"{options.port_file.name}.new")
        beside.write_text(aws.endpoint.rpartition(":")[2])
        beside.rename(options.port_file)
        stop.wait()
    print(json.dumps(chaos.met, sort_keys=True), flush=True)


if __name__ == "__main__":
    main()
