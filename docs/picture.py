#!/usr/bin/env python3
"""Makes the picture of a report that the README shows: a run on this machine, and a Chromium that looks at its page.

make picture
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = Path(__file__).resolve().parents[1] / "pegasus_aws_batch.py"
PICTURE = Path(__file__).resolve().parent / "report.png"
WIDTH, HEIGHT = 1180, 1400  # CSS pixels
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def job(name: str, seconds: float, then: str = "true", **more: object) -> dict[str, object]:
    return {"jobName": name, "executable": "sh", "arguments": ["-c", f"sleep {seconds}; {then}"], **more}


def bag() -> dict[str, object]:
    """Tiles of a map, made of some data, and put together; one of them fails."""
    jobs = [job("prepare", 1.5)]
    for number, seconds in enumerate((2.5, 1.5, 1, 2), start=1):
        then = "echo 'ValueError: no data in tile 3' >&2; exit 1" if number == 3 else "true"
        jobs.append(job(f"tile-{number}", seconds, then, dependsOn=["prepare"]))
    jobs += [
        job("north", 1.5, dependsOn=["tile-1", "tile-2"]),
        job("south", 1, dependsOn=["tile-3", "tile-4"]),
        job("map", 1, dependsOn=["north"]),
    ]
    return {"SubmitJob": jobs}


def main() -> int:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"{sys.argv[0]}: needs one of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "tiles.in").write_text(json.dumps(bag()), encoding="utf-8")
        words = ["--local", "--report", "report.html", "tiles.in"]
        done = subprocess.run([sys.executable, COMMAND, *words], cwd=place, check=False)
        assert done.returncode == 1, "one job fails"
        page = (Path(place) / "report.html").as_uri()
        look = [browser, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"]
        subprocess.run([*look, f"--screenshot={PICTURE}", page], cwd=place, check=True, capture_output=True)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
