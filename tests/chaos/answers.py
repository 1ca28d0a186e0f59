"""A run before an AWS that answers oddly at random calls. The same command completes it when AWS has come to itself."""

from __future__ import annotations

from chaos.run import Run
from chaos.stage import INSPECTOR, Inspected

ODD = "*:page@0.02,*:gateway@0.02,*:cut@0.02,*:nulls@0.02,*:types@0.02"


class AnswersRun(Run):
    """A run whose first start gets odd answers: it ends well, or with an error that it names."""

    patience = 120.0

    def _until_it_ends(self, aws: Inspected) -> None:
        del aws
        status = self._to_its_end()
        errors = [line for line in self._said().splitlines() if line.startswith("pegasus-aws-batch: ")]
        if status not in (0, 2) or "internal error" in self._said():
            self.outcome.wrong("status", f"it ended with {status}: {self._last_words()}")
        elif status == 2 and not errors:
            self.outcome.wrong("silent", self._said()[-300:])
        if status == 0:
            return
        self._tool.env["AWS_ACCESS_KEY_ID"] = INSPECTOR
        status = self._to_its_end()
        if status != 0:
            self.outcome.wrong("status", f"the same command ended with {status}: {self._last_words()}")
