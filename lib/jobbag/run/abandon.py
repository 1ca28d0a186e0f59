"""`--fresh`: the jobs of an earlier start are terminated, and what it made is removed."""

from __future__ import annotations

import logging
from contextlib import suppress

from jobbag.aws.client import Cloud
from jobbag.bag.job import Job
from jobbag.entities.kinds import QUEUE, Existing
from jobbag.errors import PROG, Cancelled, ToolError
from jobbag.events.consumers import replay
from jobbag.events.events import Event, Terminated
from jobbag.events.journal import Journal
from jobbag.events.state import RunState
from jobbag.jobs.array_request import Requests
from jobbag.jobs.ids import by_token
from jobbag.jobs.request import Target
from jobbag.jobs.submission import LOOKS, find
from jobbag.jobs.termination import still_running, terminate
from jobbag.run.cleanup import Cleanup
from jobbag.run.takeup import folded
from jobbag.run.task import TaskOnAws
from jobbag.text import counted

log = logging.getLogger(__name__)


def abandon(
    task: TaskOnAws, run: str, events: list[Event], notes: Journal, grace: float, *, keeps: bool
) -> list[Event]:
    """Terminate the jobs of an earlier start, wait `grace` seconds for their end, and remove what it made.

    `run` is the id of that run; `keeps`: jobs of it are kept. In AWS, results that were not fetched stay, as they may
    have been dear. Returns the events by which the next one takes over what could not be removed.
    `notes` is the old journal: should this start be killed too, a later one knows what was done.
    Raises ToolError where AWS does not tell in time whether it has jobs that the earlier start may have sent.
    """
    cloud = task.cloud
    cleanup = Cleanup(task, notes.durably, run)
    replay(events, cleanup)
    running: dict[str, Job] = {}
    if not cloud.embedded:  # else they ended with the embedded AWS of that start
        state = folded(events, task.bag)
        running = {aws_id: job for job, aws_id in state.running()}
        running |= _in_doubt(task, state, cleanup, grace)
    for aws_id, job in running.items():
        notes(Terminated(job, aws_id))
    notes.sync()
    with cloud.within(grace) as hurried:
        terminate(hurried, running, f"{PROG} --fresh")
        _wait_for_end(hurried, list(running))
    if cloud.embedded and not keeps:
        cleanup.give_up_results(cloud)
    for line in cleanup.take_down(cloud):
        log.warning("%s", line)
    return cleanup.left


def _in_doubt(task: TaskOnAws, state: RunState, cleanup: Cleanup, grace: float) -> dict[str, Job]:
    """Jobs that the earlier start may have sent without knowing it, by AWS id, as far as AWS shows them."""
    made = [entity.arn for entity in cleanup.creator.made if entity.kind is QUEUE]
    queue = made[0] if made else task.plan.queue.ref if isinstance(task.plan.queue, Existing) else None
    requests = Requests(task.bag, task.place, Target(queue, None), task.cloud.region)
    doubtful = [job for job in state.in_doubt() if state.of(job).queue or job.request.get("jobQueue", queue)]
    left = by_token((job, state.of(job).token or "") for job in doubtful)
    if not left:
        return {}
    with task.cloud.within(LOOKS[-1] + grace) as hurried:
        try:
            return _found(hurried, requests, left, state)
        except Cancelled:
            doubt = counted(len(doubtful), "job")
            what = f"AWS gave no answer on {doubt} that the earlier start may have sent; start again when it does"
            raise ToolError(what) from None


def _found(cloud: Cloud, requests: Requests, left: dict[str, dict[int | None, Job]], state: RunState) -> dict[str, Job]:
    """Those of the jobs, given by token, that AWS shows, by AWS id. It may need a moment, so it is asked again."""
    found: dict[str, Job] = {}
    before = 0.0
    for look in (0.0, *LOOKS):
        if not left:
            break
        cloud.pause(look - before)
        before = look
        for token, children in list(left.items()):
            prepared = requests.sought(children, token, state.of(next(iter(children.values()))).queue)
            aws_id = find(cloud, prepared.request)
            if aws_id is not None:
                found |= {own_id: job for job, own_id in prepared.ids(tuple(children.values()), aws_id)}
                del left[token]
    return found


def _wait_for_end(cloud: Cloud, ids: list[str]) -> None:
    """Wait until all these jobs have ended, or the time of the calls is over."""
    with suppress(Cancelled):
        while ids:
            ids = still_running(cloud, ids)
            if ids:
                cloud.pause(1.0)
    if ids:
        log.warning("%d old jobs may still be ending", len(ids))
