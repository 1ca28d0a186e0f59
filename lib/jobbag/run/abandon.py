"""`--fresh`: the jobs of an earlier start are terminated, and what it made is removed."""

from __future__ import annotations

import logging
import time

from jobbag.aws.client import IDS_PER_CALL, Cloud
from jobbag.bag.job import Job
from jobbag.entities.kinds import QUEUE, Existing
from jobbag.events.events import Event, Terminated, replay
from jobbag.events.journal import Journal
from jobbag.events.observation import ENDED
from jobbag.events.state import RunState
from jobbag.jobs.array_request import Requests
from jobbag.jobs.ids import by_token
from jobbag.jobs.request import Target
from jobbag.jobs.submission import LOOKS, find
from jobbag.jobs.termination import terminate
from jobbag.run.cleanup import Cleanup
from jobbag.run.takeup import folded
from jobbag.run.task import TaskOnAws

log = logging.getLogger(__name__)


def abandon(task: TaskOnAws, events: list[Event], notes: Journal, grace: float) -> None:
    """Terminate the jobs of an earlier start, wait a while for their end, and remove what it made.

    `notes` is the old journal: should this start be killed too, a later one knows what was done.
    """
    cloud = task.cloud
    cleanup = Cleanup(task, notes.durably)
    replay(events, cleanup)
    state = folded(events, task.bag)
    running = {aws_id: job for job, aws_id in state.running()}
    running |= _in_doubt(task, state, cleanup)
    for aws_id, job in running.items():
        notes(Terminated(job, aws_id))
    notes.sync()
    with cloud.within(grace) as hurried:
        terminate(hurried, {aws_id: job.name for aws_id, job in running.items()}, "pegasus-aws-batch --fresh")
    _wait_for_end(cloud, list(running), grace)
    for line in cleanup.take_down(cloud):
        log.warning("%s", line)


def _in_doubt(task: TaskOnAws, state: RunState, cleanup: Cleanup) -> dict[str, Job]:
    """Jobs that the earlier start may have sent without knowing it, by AWS id, as far as AWS shows them."""
    made = [entity.arn for entity in cleanup.creator.made if entity.kind is QUEUE]
    queue = made[0] if made else task.plan.queue.ref if isinstance(task.plan.queue, Existing) else None
    requests = Requests(task.bag, task.place, Target(queue, None), task.cloud.region)
    doubtful = [job for job in state.in_doubt() if job.request.get("jobQueue", queue)]
    left = by_token((job, state.of(job).token or "") for job in doubtful)
    found: dict[str, Job] = {}
    before = 0.0
    for look in (0.0, *LOOKS):
        if not left:
            break
        task.cloud.pause(look - before)
        before = look
        for token, children in list(left.items()):
            prepared = requests.sought(children, token)
            aws_id = find(task.cloud, prepared.request)
            if aws_id is not None:
                found |= {own_id: job for job, own_id in prepared.ids(tuple(children.values()), aws_id)}
                del left[token]
    return found


def _wait_for_end(cloud: Cloud, ids: list[str], grace: float) -> None:
    deadline = time.monotonic() + grace
    while ids and time.monotonic() < deadline:
        shown = cloud.call("batch", "DescribeJobs", jobs=ids[:IDS_PER_CALL])["jobs"]
        ended = {detail["jobId"] for detail in shown if detail["status"] in ENDED}
        ids = [aws_id for aws_id in ids if aws_id not in ended]
        if ids and not ended:
            cloud.pause(1.0)
    if ids:
        log.warning("%d old jobs are still ending", len(ids))
