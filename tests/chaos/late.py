"""The impatient command, which gets a signal when it calls a method: `late.py SIGNAL METHOD FACTOR PYTHON SCRIPT ...`.

The method is named as in `logs.outputs.MergedFiles.finish`.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

number, place = signal.Signals[sys.argv.pop(1)], sys.argv.pop(1)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos import impatient  # noqa: E402


def main() -> int:
    """Run the command."""
    module, owner, method = place.rsplit(".", 2)
    of = getattr(import_module(f"jobbag.{module}"), owner)
    called = getattr(of, method)

    def late(*arguments: Any, **others: Any) -> Any:
        signal.raise_signal(number)
        return called(*arguments, **others)

    setattr(of, method, late)
    return impatient.main()


if __name__ == "__main__":
    sys.exit(main())
