"""A run that is cut short at random instants and started again, before an AWS that fails at random; and its checks.

All of it follows from a seed, but for how fast things go.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chaos.server import USUAL
from chaos.shape import Shape
from chaos.stage import DEFINITION, ENVIRONMENT, EXISTING, OF_FILES, REGION, Impatient, Inspected
from helpers import processes
from helpers.processes import Process
from helpers.records import STATES, Task, job_output, jobstates, merged_output
from helpers.servers import NOTHING
from helpers.surroundings import LANG
from helpers.tool import Tool, job
from helpers.waiting import wait_until

LARGE = 9 * 1024 * 1024  # bytes; goes up in parts
STARTS = 12  # more than ever needed: each fault that ends a start is a finding


@dataclass
class Outcome:
    """What became of a run."""

    shape: Shape
    starts: list[str] = field(default_factory=list)  # how each ended: `killed 3.2s`, `exit 0`
    seconds: float = 0.0
    faults: int = 0
    problems: Counter[str] = field(default_factory=Counter)  # by kind
    told: list[str] = field(default_factory=list)

    def wrong(self, kind: str, what: str) -> None:
        """Note a broken promise."""
        self.problems[kind] += 1
        self.told.append(f"{kind}: {what}")


def lines_in(path: Path) -> int:
    """How many whole lines a file has, which may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


class Run:
    """One run in a directory of its own, from the first start to the checks. Some of its starts are killed."""

    most_cuts = 3  # starts that are cut short
    patience = 300.0  # s for one start

    def __init__(self, place: Path, shape: Shape, faults: str = USUAL, *, hurry: float = 1.0) -> None:
        """The waits, in AWS and in the command, are multiplied by `hurry`."""
        self.outcome = Outcome(shape)
        self._place, self._shape = place, shape
        self._faults = faults
        self._log_delay, self._list_delay = 2.0 * hurry, min(2.0, 4.0 * hurry)
        self._chance = random.Random(f"kills {shape.seed}")
        self._tool = Tool(place) if hurry == 1 else Impatient(place, hurry)
        self._longest = 8.0 if hurry == 1 else 4.0  # s before a start is cut short
        self._journal = self._tool.cwd / "bag.journal"
        self._ran = place / "ran"
        self._ran.mkdir()
        self._names = shape.names
        self._words: list[str | Path] = []
        self._stderr = place / "stderr"  # of the last start

    def play(self) -> Outcome:
        """Play the run, and check it."""
        began = time.monotonic()
        try:
            with self._server() as aws:
                self._prepare(aws)
                self._until_it_ends(aws)
                self._check(aws)
        except Exception as error:
            self.outcome.wrong("broken", f"{type(error).__name__}: {error}")  # and the other runs go on
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    @contextmanager
    def _server(self) -> Iterator[Inspected]:
        port_file, met = self._place / "port", self._place / "faults.json"
        with met.open("wb") as out:
            process = processes.start(
                [
                    *(sys.executable, str(Path(__file__).with_name("server.py")), "--port-file", str(port_file)),
                    *("--seed", str(self._shape.seed), "--faults", self._faults),
                    *("--log-delay", str(self._log_delay), "--list-delay", str(self._list_delay)),
                ],
                cwd=self._place,
                env={"PATH": os.environ.get("PATH", ""), "TMPDIR": str(self._place), "LANG": LANG},
                stdout=out.fileno(),
            )
        try:
            port = wait_until(lambda: port_file.exists() and port_file.read_text(), 60, what="the server")
            endpoint = f"http://127.0.0.1:{port}"
            self._tool.point_to(endpoint, REGION)
            yield Inspected(endpoint)
        finally:
            process.terminate()
            process.wait(60)
        self.outcome.faults = sum(json.loads(met.read_text()).values())

    def _prepare(self, aws: Inspected) -> None:
        """The bag with its files, and what is there before the run."""
        shape, tool = self._shape, self._tool
        tool.write("shared.dat", random.Random(shape.seed).randbytes(LARGE if shape.large_file else 1000))
        jobs: list[dict[str, object]] = []
        for name in self._names:
            tool.write(f"{name}.sh", shape.script(name, self._ran))
            variables = {"TRANSFER_INPUT_FILES": f"{name}.sh,shared.dat"}
            after = {"dependsOn": [jobs[-1]["jobName"]]} if shape.chained and jobs else {}
            if shape.own_bucket or shape.results:  # where its files lie there is not known before it runs
                files = shape.files(len(jobs))
                jobs.append(job(name, "sh", f"{name}.sh", env=variables, launcher=True, **after, **files))
                continue
            url = f"s3://{shape.bucket}/{shape.key_prefix}{name}.sh"
            variables |= {"BATCH_FILE_TYPE": "script", "BATCH_FILE_S3_URL": url}
            jobs.append(job(name, "fetched", env=variables, **after))
        self._words = [tool.bag(*jobs), "-L", "debug", "-l", str(self._place / "tool.log")]
        if shape.makes_entities:
            tool.json("definition.json", DEFINITION)
            tool.json("environment.json", ENVIRONMENT)
            self._words += OF_FILES
        else:
            aws.make_entities()
            self._words += EXISTING
        if shape.merged:
            self._words += ["-m", "all"]
        if shape.packed:
            self._words += ["--array", "always"]
        if not shape.own_bucket:
            self._words += ["-s", f"s3://{shape.bucket}/{shape.key_prefix}"]
        self._before = {path.name for path in tool.cwd.iterdir()}

    # -- starts

    def _until_it_ends(self, aws: Inspected) -> None:
        cuts = self._chance.randint(1, self.most_cuts)
        while len(self.outcome.starts) < STARTS:
            number = len(self.outcome.starts)
            process = self._start()
            began = time.monotonic()
            try:
                if number < cuts and self._await_an_instant(process) and (cut := self._cut_short(process, aws)):
                    self.outcome.starts.append(f"{cut} {time.monotonic() - began:.1f}s")
                    if self._has_finished:  # it came too late: a further start would be a new run
                        self._journal.with_name(f"{self._journal.name}.held").unlink(missing_ok=True)
                        return
                    continue
                status = process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self.outcome.wrong("hang", f"start {number} did not end in {self.patience:.0f} s")
                return
            finally:
                process.kill()
                process.wait()
            if status != 0:
                self.outcome.wrong("status", f"start {number} ended with {status}: {self._last_words()}")
            self.outcome.starts.append(f"exit {status}")
            if status == 0:
                return
        self.outcome.wrong("status", "it never ended well")

    @property
    def _has_finished(self) -> bool:
        return self._journal.exists() and b'"Finished"' in self._journal.read_bytes()

    def _start(self, *words: str) -> Process:
        """Start the command, with these words more."""
        self._stderr = self._place / f"stderr.{len(self.outcome.starts)}"
        self._logs_before = set(self._place.glob("tool.log.*"))
        return self._tool.start(*self._words, *words, stderr=self._stderr)

    def _to_its_end(self, *words: str) -> int:
        """Start the command, and wait for its end; its exit status."""
        process = self._start(*words)
        try:
            status = process.wait(self.patience)
        except subprocess.TimeoutExpired:
            number = len(self.outcome.starts)
            self.outcome.wrong("hang", f"start {number} did not end in {self.patience:.0f} s: {self._last_words()}")
            process.kill()
            status = process.wait()
        self.outcome.starts.append(f"exit {status}")
        return status

    def _await_an_instant(self, process: Process) -> bool:
        """Wait until a random instant; false if the start is over before."""
        has_come, pause = self._instant(), threading.Event()
        while process.poll() is None:
            if has_come():
                return True
            pause.wait(0.005)
        return False

    def _instant(self) -> Callable[[], bool]:
        """Whether a random instant has come: a time, or a number of new lines in the journal."""
        lines = lines_in(self._journal) + self._chance.randint(1, 6 * len(self._names))
        deadline = time.monotonic() + self._chance.uniform(0.3, self._chance.choice((3, self._longest)))
        if self._chance.random() < 1 / 3:
            return lambda: lines_in(self._journal) >= lines
        return lambda: time.monotonic() >= deadline

    def _cut_short(self, process: Process, aws: Inspected) -> str | None:
        """End the start, in a word or two; None if it came to its end by itself."""
        del aws
        process.kill()
        process.wait()
        return "killed"

    def _said(self) -> str:
        """What the last start has said, on stderr and in its log."""
        logs = set(self._place.glob("tool.log.*")) - self._logs_before
        return "".join(path.read_text(errors="replace") for path in (self._stderr, *logs))

    def _last_words(self) -> str:
        errors = [line for line in self._said().splitlines() if " ERROR " in line or "pegasus-aws-batch: " in line]
        return " | ".join(errors[-5:])

    # -- checks

    def _check(self, aws: Inspected) -> None:
        self._check_effects()
        self._check_outputs()
        self._check_results()
        self._check_states()
        self._check_aws(aws)
        self._check_disk()
        for path in sorted(self._place.glob("stderr.*")):
            if "Traceback" in (text := path.read_text(errors="replace")):
                self.outcome.wrong("traceback", f"{path.name}: {text[text.index('Traceback') :][-300:]!r}")

    def _check_effects(self) -> None:
        for name in self._names:
            path = self._ran / name
            count = path.stat().st_size if path.exists() else 0
            if count == 0:
                self.outcome.wrong("lost", f"{name} never ran")
            elif count > 1:
                self.outcome.wrong("twice", f"{name} ran {count} times")

    def _check_outputs(self) -> None:
        try:
            found = self._merged() if self._shape.merged else self._per_job()
        except (AssertionError, OSError) as error:
            self.outcome.wrong("records", f"{type(error).__name__}: {str(error)[:300]}")
            return
        for number, (name, (out, err, task)) in enumerate(zip(self._names, found, strict=True), 1):
            wanted_out, wanted_err = self._shape.text(name)
            if out != wanted_out:
                self.outcome.wrong("lines", f"stdout of {name} is {out}, not {wanted_out}")
            if err is not None and err != wanted_err:
                self.outcome.wrong("lines", f"stderr of {name} is {err}, not {wanted_err}")
            if (task.number, task.name, task.state, task.status) != (number, name, "succeeded", 0) or not task.aws_id:
                self.outcome.wrong("records", str(task))

    def _check_results(self) -> None:
        below = self._tool.cwd / "results"
        found = {str(path.relative_to(below)): path.read_text() for path in below.rglob("*") if path.is_file()}
        wanted = {f"{name}/{path}": text for name in self._names for path, text in self._shape.outputs(name).items()}
        if found != wanted:
            self.outcome.wrong("results", f"{found}, not {wanted}")

    def _per_job(self) -> Iterator[tuple[list[str], list[str] | None, Task]]:
        for name in self._names:
            out, task = job_output(self._tool.read(f"{name}.out"))
            yield out, self._tool.read(f"{name}.err").splitlines(), task

    def _merged(self) -> Iterator[tuple[list[str], list[str] | None, Task]]:
        jobs, summary = merged_output(self._tool.read("all.out"))
        counts = (summary.stat, summary.tasks, summary.succeeded, summary.failed)
        assert counts == ("ok", len(self._names), len(self._names), 0), summary
        assert [task.name for _, task in jobs] == self._names, [task.name for _, task in jobs]
        wanted = [line for name in self._names for line in self._shape.text(name)[1]]
        if (found := self._tool.read("all.err").splitlines()) != wanted:
            missing = list((Counter(wanted) - Counter(found)).elements())
            extra = list((Counter(found) - Counter(wanted)).elements())
            self.outcome.wrong("lines", f"merged stderr: missing {missing[:5]}, too many {extra[:5]}, or out of order")
        return iter([(lines, None, task) for lines, task in jobs])

    def _check_states(self) -> None:
        try:
            jobs = jobstates(self._tool.read("bag.jobstate.log"))
        except (AssertionError, OSError) as error:
            self.outcome.wrong("jobstate", str(error)[:300])
            return
        for name in self._names:
            states = [step.state for step in jobs.get(name, ())]
            ranks = [STATES.index(state) for state in states]
            if (
                ranks != sorted(set(ranks))
                or states[-1:] != ["SUCCEEDED"]
                or len({step.aws_id for step in jobs.get(name, ())}) != 1
            ):
                self.outcome.wrong("jobstate", f"{name}: {states}")

    def _check_aws(self, aws: Inspected) -> None:
        left, uploads = aws.everything(), []
        for bucket in left["buckets"]:
            uploads += aws.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        there = dict(NOTHING)
        if not self._shape.makes_entities:
            there |= {"queues": ["q"], "environments": ["ce"], "definitions": ["d:1"]}
            self._check_queue(aws)
        if not self._shape.own_bucket:
            there["buckets"] = [self._shape.bucket]
            wanted = {f"{self._shape.key_prefix}{name}" for name in ("shared.dat", *(f"{n}.sh" for n in self._names))}
            if not wanted <= set(aws.keys(self._shape.bucket)):
                self.outcome.wrong("uploads", "an upload is gone from the bucket that the user named")
        if left != there:
            self.outcome.wrong("left", f"{left}, not {there}")
        if uploads:
            self.outcome.wrong("left", f"{len(uploads)} unfinished multipart uploads")

    def _check_queue(self, aws: Inspected) -> None:
        count = Counter(name for name, _ in aws.jobs())
        for name, times in count.items():
            if times > 1:
                self.outcome.wrong("twice", f"{name} was submitted {times} times")

    def _check_disk(self) -> None:
        wanted = {*self._before, "bag.journal", "bag.jobstate.log"}
        stems = ["all"] if self._shape.merged else self._names
        wanted |= {f"{stem}.{ending}" for stem in stems for ending in ("out", "err")}
        wanted |= {"results"} if self._shape.results else set()
        found = {path.name for path in self._tool.cwd.iterdir()}
        if found != wanted:
            self.outcome.wrong("disk", f"too much: {sorted(found - wanted)}, missing: {sorted(wanted - found)[:5]}")
        mode = self._journal.stat().st_mode & 0o777
        if mode != 0o600:
            self.outcome.wrong("mode", f"the journal has mode {mode:o}")
