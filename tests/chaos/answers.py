"""A run before an AWS that answers oddly at random calls. The same command completes it when AWS has come to itself."""

from __future__ import annotations

import subprocess

from chaos.run import PATIENCE, Run
from chaos.stage import INSPECTOR, Inspected

ODD = "*:page@0.02,*:gateway@0.02,*:cut@0.02,*:nulls@0.02,*:types@0.02"


class AnswersRun(Run):
    """A run whose first start gets odd answers: it ends well, or with an error that it names."""

    def _until_it_ends(self, aws: Inspected) -> None:
        del aws
        status = self._start_to_end(0)
        errors = [line for line in self._said().splitlines() if line.startswith("pegasus-aws-batch: ")]
        if status not in (0, 2) or "internal error" in self._said():
            self.outcome.wrong("status", f"it ended with {status}: {self._last_words()}")
        elif status == 2 and not errors:
            self.outcome.wrong("silent", self._said()[-300:])
        if status == 0:
            return
        self._tool.env["AWS_ACCESS_KEY_ID"] = INSPECTOR
        status = self._start_to_end(1)
        if status != 0:
            self.outcome.wrong("status", f"the same command ended with {status}: {self._last_words()}")

    def _start_to_end(self, number: int) -> int:
        self._logs_before = set(self._place.glob("tool.log.*"))
        process = self._tool.start(*self._words, stderr=self._place / f"stderr.{number}")
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.outcome.wrong("hang", f"start {number} did not end in {PATIENCE:.0f} s")
            process.kill()
            status = process.wait()
        self.outcome.starts.append(f"exit {status}")
        return status
