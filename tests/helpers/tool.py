"""The real command in a process of its own, and the files that it reads."""

from __future__ import annotations

import io
import json
import os
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers import processes
from helpers.processes import Process
from helpers.surroundings import LANG

REPO = Path(__file__).resolve().parents[2]
# The single file that `make zipapp` builds, where `make test-zipapp` names it, or the command of the checkout.
ZIPAPP = os.environ.get("ZIPAPP_UNDER_TEST")
COMMAND = [sys.executable, ZIPAPP or str(REPO / "pegasus_aws_batch.py")]
SCRIPTS = sysconfig.get_path("scripts")  # where `aws` is
ENDPOINT = "AWS_ENDPOINT_URL"


def restricted(kind: str) -> list[str]:
    """Words before a command line: it has no power over files that root has, or a limit of their size in bytes."""
    return [sys.executable, str(Path(__file__).with_name("restricted.py")), kind]


Files = dict[str, bytes | None]


@dataclass(frozen=True)
class Done:
    """How a run of the tool ended."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines that the tool puts on stderr under its own name, without it."""
        name = "pegasus-aws-batch: "
        return [line.removeprefix(name) for line in self.err.splitlines() if line.startswith(name)]


class Tool:
    """Runs the command in the directory `cwd`, with an environment that holds nothing of the machine's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.cwd = place / "work"
        self.home = place / "home"
        self.command = COMMAND
        temporary = place / "tmp"
        for folder in (self.cwd, self.home, temporary):
            folder.mkdir()
        self.env = {
            "PATH": os.pathsep.join([SCRIPTS, "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(self.home),
            "LANG": LANG,
            "TMPDIR": str(temporary),
            "TZ": "UTC",
            "AWS_EC2_METADATA_DISABLED": "true",  # nothing is asked of the network
        }
        if ZIPAPP:
            self.env["XDG_CACHE_HOME"] = os.environ["XDG_CACHE_HOME"]  # unpacked once for all tests

    def point_to(self, endpoint: str, region: str = "us-east-1", key: str = "test") -> None:
        """From now on, AWS is there, and there are credentials for it."""
        self.env |= {
            ENDPOINT: endpoint,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def run(self, *arguments: str | Path, before: Sequence[str] = (), timeout: float = 120, **how: Any) -> Done:
        """Run the command, behind the words of another one, to its end. `how`: another `cwd` or `env`."""
        line = [*before, *self.command, *map(str, arguments)]
        status, out, err = processes.run(line, **{"cwd": self.cwd, "env": self.env, **how}, timeout=timeout)
        return Done(status, out.decode(), err.decode())

    def run_all(self, *command_lines: Sequence[str | Path]) -> list[Done]:
        """Run several command lines at the same time, each to its end."""
        with ThreadPoolExecutor(len(command_lines)) as pool:
            return list(pool.map(lambda words: self.run(*words), command_lines))

    def start(self, *arguments: str | Path, stderr: Path, before: Sequence[str] = ()) -> Process:
        """Start the command, behind the words of another one, its stderr going to a file."""
        with stderr.open("wb") as to:
            line = [*before, *self.command, *map(str, arguments)]
            return processes.start(line, cwd=self.cwd, env=self.env, stderr=to.fileno())

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file below the working directory; its path, relative to it."""
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Path(name)

    def bag(self, *jobs: object, name: str = "bag.in") -> Path:
        """Write a job submit file; its path, relative to the working directory."""
        return self.write(name, json.dumps({"SubmitJob": jobs}))

    def json(self, name: str, content: object) -> Path:
        """Write a JSON file; its path, relative to the working directory."""
        return self.write(name, json.dumps(content))

    def read(self, name: str | Path) -> str:
        """The content of a file below the working directory."""
        return (self.cwd / name).read_text(encoding="utf-8")

    def files(self) -> Files:
        """All that is in the working directory and the home, with content; None is a directory's."""
        return {
            str(path.relative_to(self.place)): path.read_bytes() if path.is_file() else None
            for top in (self.cwd, self.home)
            for path in sorted(top.rglob("*"))
        }


class Inside(Tool):
    """Runs the command in this process, which takes a moment: for what ends before a job is sent."""

    def run(self, *arguments: str | Path, before: Sequence[str] = (), timeout: float = 120, **how: Any) -> Done:
        """Run the command; as a process of its own behind the words of another one, and as the single file."""
        if before or how or ZIPAPP:
            return super().run(*arguments, before=before, timeout=timeout, **how)
        from jobbag import cli

        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.cwd)
            for name in os.environ.keys() - self.env.keys():
                patch.delenv(name)
            for name, value in self.env.items():
                patch.setenv(name, value)
            try:
                status = cli.main(list(map(str, arguments)))
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
        return Done(int(status), out.getvalue(), err.getvalue())


def job(name: str, *command: str, env: Mapping[str, str] | None = None, **other: object) -> dict[str, object]:
    """An entry of a job submit file."""
    environment = [{"name": key, "value": value} for key, value in (env or {}).items()]
    return {
        "jobName": name,
        "executable": command[0],
        "arguments": list(command[1:]),
        "environment": environment,
        **other,
    }


def shell(name: str, script: str, env: Mapping[str, str] | None = None, **other: object) -> dict[str, object]:
    """An entry of a job submit file that runs a line of shell."""
    return job(name, "/bin/sh", "-c", script, env=env, **other)
