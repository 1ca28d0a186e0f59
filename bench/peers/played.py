"""What the jobs of a client do in S3 themselves. Nothing runs on the lab, so it is done here in their place."""

from __future__ import annotations

import json
import pickle
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

from .. import servers
from ..bags import Load
from ..measure import NAME, Failed

PAUSE = 0.5  # s between two looks at the jobs
WORKERS = 16
TIMEOUT = 60.0  # s of a request
SNAKEMAKE_JOB = re.compile(r"snakejob-(job_\d+)-")
SNAKEMAKE_PREFIX = "snakemake"  # of the keys in the bucket

Record = Mapping[str, Any]  # of a job, as the lab tells it
Read = Callable[[str], bytes]  # the object of a key
Writes = Callable[[Record, Read], Mapping[str, bytes]]  # objects by key


def printed(record: Record) -> str:
    """What a job prints to stdout."""
    array = record["array"] or {}
    name = record["name"] + (f"[{array['index']}]" if "index" in array else "")
    return "".join(f"{name} out {line}\n" for line in range(Load(1, 0).lines))


def of_snakemake(record: Record, _: Read) -> dict[str, bytes]:
    """The output file of the job's rule."""
    found = SNAKEMAKE_JOB.match(record["name"])
    return {f"{SNAKEMAKE_PREFIX}/out/{found[1]}.txt": printed(record).encode()} if found else {}


def of_redun(record: Record, read: Read) -> dict[str, bytes]:
    """The value of the job's task, where its command says; of an array job, that names a list of such places."""
    words, array = record["command"], record["array"] or {}
    place = _after(words, "--output")
    if "index" in array:
        place = json.loads(read(_key(place)))[array["index"]]
    return {_key(place): pickle.dumps(printed(record))}


def _after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def _key(url: str) -> str:
    return url.removeprefix(f"s3://{NAME}/")


class Played:
    """Writes what the jobs write, while the context lasts."""

    def __init__(self, endpoint: str, writes: Writes, pause: float = PAUSE) -> None:
        self._endpoint = endpoint
        self._writes = writes
        self._pause = pause
        self._read: dict[str, bytes] = {}
        self._written: dict[str, int] = {}  # by job id, when: ms since the epoch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self.calls = 0

    def __enter__(self) -> Played:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raises Failed if something was written later than a job would have written it."""
        if self._failure:
            raise Failed(f"what the jobs write could not be written: {self._failure}")
        stops = servers.stops(self._endpoint)
        late = sum(at > stops.get(job, at) for job, at in self._written.items())
        if late:
            raise Failed(f"what {late} jobs write was written after their end: the machine is too busy")

    def _play(self) -> None:
        try:
            with ThreadPoolExecutor(WORKERS) as pool:
                while not self._stop.wait(self._pause):
                    list(pool.map(self._write, self._started()))
        except Exception as error:  # told at the end, in the thread that measures
            self._failure = error

    def _started(self) -> list[Record]:
        return [
            record
            for record in servers.jobs(self._endpoint)
            if record["status"] in ("RUNNING", "SUCCEEDED")
            and record["jobId"] not in self._written
            and "size" not in (record["array"] or {})
        ]

    def _write(self, record: Record) -> None:
        for key, body in self._writes(record, self._object).items():
            self._request("PUT", key, body)
        self._written[record["jobId"]] = int(time.time() * 1000)

    def _object(self, key: str) -> bytes:
        if key not in self._read:
            self._read[key] = self._request("GET", key)
        return self._read[key]

    def _request(self, method: str, key: str, body: bytes | None = None) -> bytes:
        with self._lock:
            self.calls += 1
        request = urllib.request.Request(f"{self._endpoint}/{NAME}/{key}", body, method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            read: bytes = answer.read()
        return read
