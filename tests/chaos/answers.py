"""A run before an AWS that answers oddly at random calls. The same command completes it when AWS has come to itself."""

from __future__ import annotations

import re

from chaos.run import Run
from chaos.stage import INSPECTOR, Inspected

ODD = "*:page@0.02,*:gateway@0.02,*:cut@0.02,*:nulls@0.02,*:types@0.02"
UNNAMED = re.compile(r".*(internal error|the \w+ stopped: ).*")  # it was not expected, and so is not explained


class AnswersRun(Run):
    """A run whose first start gets odd answers: it ends well, or with an error that it names."""

    patience = 120.0

    def _until_it_ends(self, aws: Inspected) -> None:
        del aws
        status = self._to_its_end()
        said = self._said()
        unnamed = UNNAMED.search(said)
        if status not in (0, 2):
            self.outcome.wrong("status", f"it ended with {status}: {self._last_words()}")
        elif unnamed:
            self.outcome.wrong("unnamed", unnamed[0])
        elif status == 2 and not self._last_words():
            self.outcome.wrong("unnamed", f"it says nothing of why it ended: {said[-300:]}")
        if status == 0:
            return
        self._tool.env["AWS_ACCESS_KEY_ID"] = INSPECTOR
        status = self._to_its_end()
        if status != 0:
            self.outcome.wrong("status", f"the same command ended with {status}: {self._last_words()}")
