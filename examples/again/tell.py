"""What a run has come to, in a few lines: for --on-end, which names the summary."""

import json
import os
from pathlib import Path

summary = json.loads(Path(os.environ["PEGASUS_AWS_BATCH_SUMMARY"]).read_text(encoding="utf-8"))
print(f"{summary['counts']['succeeded']} of {summary['counts']['jobs']} jobs succeeded")
for job in summary["jobs"]:
    if len(job["attempts"]) > 1:
        tried = ", ".join(f"{one['memory']} MiB in {one['queue'].rpartition('/')[2]}" for one in job["attempts"])
        print(f"{job['name']} was tried with {tried}")
if summary["cost"]:
    wasted = sum(summary["cost"]["wasted"].values())
    print(f"all of it cost {summary['cost']['total']:.4f}, of which {wasted:.4f} were wasted")
