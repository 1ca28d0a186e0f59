"""A run of a bag, from preflight to clean-up; taken up again where an earlier start of it left."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Job
from jobbag.commands.cloud import check_account, connected
from jobbag.commands.ending import Ending
from jobbag.commands.preflight import Task
from jobbag.commands.result import Result
from jobbag.display.event_lines import EventLines
from jobbag.display.job_lines import JobLines, lines_on
from jobbag.display.progress import Progress
from jobbag.display.views import shown
from jobbag.entities import capacity, lookup
from jobbag.entities.entity import Entity
from jobbag.entities.kinds import DEFINITION, QUEUE, Kind, Plan, ToCreate
from jobbag.errors import PROG, AwsError, ExitCode, InputError, Interrupted, ToolError
from jobbag.events.events import Consumer, Event, Finished, Staged, TakenDown
from jobbag.events.jobstate_log import JobStateLog
from jobbag.events.journal import Journal, begin_anew
from jobbag.events.observation import now_ms
from jobbag.events.state import RunState
from jobbag.jobs.array_request import Requests
from jobbag.jobs.request import Target, target_of
from jobbag.logs.fetcher import delete_stream
from jobbag.logs.outputs import JobFiles, MergedFiles, Outputs
from jobbag.logs.records import summary_record
from jobbag.options.settings import Settings
from jobbag.run import abandon, takeup
from jobbag.run.cleanup import Cleanup
from jobbag.run.lock import JournalLock
from jobbag.run.packing import Packing
from jobbag.run.pipeline import Pipeline
from jobbag.run.safeguards import Safeguards, safeguards_of
from jobbag.run.takeup import Earlier, How
from jobbag.s3.place import S3Place
from jobbag.signals import Signals, StopPolicy
from jobbag.text import iso
from jobbag.threads import LEAVING
from jobbag.tool_log import ToolLog

log = logging.getLogger(__name__)


def run_bag(settings: Settings, task: Task, tool_log: ToolLog, signals: Signals) -> Result:
    """Run the bag that the settings name. Raises ToolError."""
    bag, plan, place = task.bag, task.plan, task.place
    path = settings.journal
    signals.last_words = f"{PROG}: left before all was done; {path} is intact: start the same command again to go on\n"
    signals.patience = settings.grace + LEAVING
    with JournalLock(path):
        earlier = takeup.earlier(settings, path, takeup.header_of(settings, bag, plan))
        with connected(settings) as (cloud, embedded):
            if embedded is not None:
                bag, plan = embedded.play(cloud.region, bag, plan)
                signals.last_words, signals.last_act = f"{PROG}: left at once\n", embedded.close
            start = _Start(settings, cloud, bag, plan, place, path, earlier, signals, tool_log)
            try:
                check_account(settings, cloud)
                known = start.preflight()
            except Interrupted as interrupted:
                if earlier.how is How.GO_ON:
                    interrupted.told += " before it went on with the run, whose jobs are left as they were"
                raise
            start.log_file = tool_log.open()
            result = start.run(known)
    return replace(result, lines=(*result.lines, f"log: {start.log_file}")) if start.log_file else result


# -- one start


@dataclass
class _Start:
    """One start of the command: a new run, or one that goes on with an earlier one."""

    settings: Settings
    cloud: Cloud
    bag: Bag
    plan: Plan
    place: S3Place
    journal_path: Path
    earlier: Earlier
    signals: Signals
    tool_log: ToolLog
    log_file: Path | None = None

    @property
    def stop_policy(self) -> StopPolicy:
        """What a signal leads to."""
        return StopPolicy(self.settings.on_interrupt == "detach", self.settings.grace)

    def preflight(self) -> Mapping[Kind, Entity]:
        """Look at what AWS has. Raises InputError before anything is changed."""
        events = self.earlier.events(self.bag)
        if self.earlier.how is How.GO_ON and not self.settings.resume:
            takeup.check_inputs(self.cloud, self.place, self.bag, events, self.journal_path)
        if self.earlier.how is How.GO_ON and not takeup.folded(events, self.bag).has_to_send:
            return {}  # there are only results to collect
        known = lookup.look_up_all(self.cloud, self.plan)
        others = lookup.look_up_of_jobs(self.cloud, self.bag)
        ours = known.get(DEFINITION)

        def definition_of(ref: str | None) -> Mapping[str, Any]:
            entity = ours if ref is None else others.get((DEFINITION, ref))
            return entity.detail if entity else {}

        unfit = list(capacity.unfit(self.bag.jobs, definition_of))
        if unfit:
            raise InputError(unfit)
        return known

    def run(self, known: Mapping[Kind, Entity]) -> Result:
        """Run the bag to its end, or as far as it goes."""
        events = self.earlier.events(self.bag)
        if self.earlier.how is How.FRESH:
            with Journal(self.journal_path) as old_notes:
                grace = self.settings.grace
                abandon.abandon(self.cloud, self.plan, self.place, self.bag, events, old_notes, grace)
            events = []
        header = self.earlier.header
        if self.earlier.how is not How.GO_ON and (aside := begin_anew(self.journal_path, header, events)) is not None:
            log.debug("the journal of the earlier run is now %s", aside)
        with Journal(self.journal_path) as notes:
            state, outputs = RunState(self.bag, header.started), self._outputs(notes)
            ending = Ending(
                self.settings, header.run, self.cloud.region, state, outputs, self.log_file, lambda: self.cloud.calls
            )
            try:
                return self._run(known, notes, events, ending)
            except (Interrupted, ToolError, OSError) as error:
                ending.write_after(error)
                raise

    def _run(self, known: Mapping[Kind, Entity], notes: Journal, events: list[Event], ending: Ending) -> Result:
        state, outputs = ending.state, ending.outputs
        bounds = self.settings.canary, self.settings.max_failures
        safeguards = safeguards_of(*bounds, len(self.bag.jobs), events, self.earlier.header.started)
        progress = Progress(self.bag, state.start, self.cloud.troubles.what, safeguards.awaits)

        def note(event: Event) -> None:
            notes.durably(event)
            progress(event)

        cleanup = Cleanup(self.cloud, self.place, self.bag.local_files(), note)
        for event in outputs.restore(events):
            state(event)
            progress.restore(event)
            cleanup.restore(event)
        if events:
            log.info("taking up the run of %s: %s", iso(state.start), state.progress())
        with showing(self.settings, progress, self.tool_log) as shows:
            stopped, failures = self._work(known, notes, events, state, safeguards, outputs, cleanup, shows)
        finished = state.complete and state.all_logs_whole and stopped is None and not failures
        if finished:
            if self.settings.delete_log_streams:
                self._delete_log_streams(state)
            self.signals.ignore()  # the same command would be a new run
            notes.durably(Finished(state.exit_code))
            outputs.close()
        return self._result(ending, stopped, failures, finished=finished)

    def _work(
        self,
        known: Mapping[Kind, Entity],
        notes: Journal,
        events: list[Event],
        state: RunState,
        safeguards: Safeguards,
        outputs: Outputs,
        cleanup: Cleanup,
        shows: Sequence[Consumer],
    ) -> tuple[Interrupted | None, list[str]]:
        """Make what is missing, run the jobs, and clean up. Gives the signal that cut it short, and what failed."""
        for line in cleanup.abort_unfinished_uploads(self.cloud):
            log.warning("%s", line)
        stopped = None
        try:
            requests = self._prepare(known, cleanup, state)
            with JobStateLog(self.settings.jobstate_log, events) as states:
                pipeline = Pipeline(
                    self.cloud, self.bag, self.place, requests, Packing(self.settings.array), state, safeguards, notes,
                    [*shows, states, outputs, cleanup], outputs, self._is_followed,
                    stop_policy=self.stop_policy,
                    bucket_is_new=cleanup.bucket_is_new,
                )  # fmt: skip
                staged = [event.item for event in events if isinstance(event, Staged)]
                self.signals.deliver_to(pipeline.stop)
                outputs.prepare()  # which a signal from here on does not leave behind
                stopped = pipeline.run(self.signals, staged, detach=self.settings.detach)
            if state.complete or (stopped is not None and not self.stop_policy.detaches(stopped)):
                outputs.finish(lambda: summary_record(state.succeeded, state.failed, state.start, now_ms()))
        except Interrupted as interrupted:
            stopped = interrupted
            log.warning("%s: nothing more is begun; a second signal leaves at once", interrupted.exit_code.name)
            raise
        finally:
            self.signals.only_tell()
            failures = self._clean_up(notes, cleanup, state, self.stop_policy.clean_up_seconds(stopped))
        return stopped, failures

    def _is_followed(self, job: Job) -> bool:
        return self.settings.follow and self.settings.followed_job in (None, job.name)

    def _outputs(self, notes: Journal) -> Outputs:
        if self.settings.merge_logs is None:
            return JobFiles()
        # As long as they may be needed, the parts are kept in the place of streams that are deleted.
        return MergedFiles(self.settings.merge_logs, self.bag, notes, keep_parts=self.settings.delete_log_streams)

    def _prepare(self, known: Mapping[Kind, Entity], cleanup: Cleanup, state: RunState) -> Requests:
        """Make what is missing, if any job is still to be sent; gives the SubmitJob request of a job."""
        if not state.has_to_send:
            return Requests(self.bag, self.place, Target(None, None), self.cloud.region)
        ready = cleanup.creator.prepare(self.plan, known)
        cleanup.make_bucket()
        queue, definition = ready.get(QUEUE), ready.get(DEFINITION)
        detail = definition.detail if definition else {}
        if isinstance(self.plan.definition, ToCreate):
            detail = self.plan.definition.request
        arns = queue.arn if queue else None, definition.arn if definition else None
        target = target_of(*arns, detail, retries=self.settings.transient_retries)
        return Requests(self.bag, self.place, target, self.cloud.region)

    def _delete_log_streams(self, state: RunState) -> None:
        """At the very end, when no later start can need them."""
        if state.failed and self.settings.merge_logs is not None:
            log.info("the log streams stay: --retry-failed will need them for the merged files")
            return
        for place in state.log_places():
            try:
                delete_stream(self.cloud, place)
            except AwsError as error:
                log.warning("%s", error)

    def _clean_up(self, notes: Journal, cleanup: Cleanup, state: RunState, seconds: float) -> list[str]:
        """Remove what the run made in so many seconds, unless the user wants it kept or jobs still run on it."""
        made = cleanup.describe()
        running = [*(job.name for job, _ in state.running()), *(job.name for job in state.in_doubt())]
        if running:
            more = f" and {len(running) - 1} more" if len(running) > 1 else ""
            stays = f"; this stays for that: {', '.join(made)}" if made else ""
            log.warning("job %s%s may still run in AWS%s", running[0], more, stays)
            return []
        with self.cloud.within(seconds) as cloud:
            failures = cleanup.abort_unfinished_uploads(cloud)
            if not self.settings.keep:
                failures += cleanup.take_down(cloud)
        for failure in failures:
            log.error("%s", failure)
        if not failures:
            notes.durably(TakenDown())
        return failures

    def _result(self, ending: Ending, stopped: Interrupted | None, failures: list[str], *, finished: bool) -> Result:
        state = ending.state
        detached = self.settings.detach if stopped is None else self.stop_policy.detaches(stopped)
        if detached and not state.complete and not state.broken:
            line = f"{state.progress()}; start the same command again to collect them"
            log.info("%s", line)
            code = stopped.exit_code if stopped else ExitCode.OK
            return Result(ending.write(code, stopped, failures).exit_code, (line,))
        code = ExitCode.AWS_ERROR if failures else state.exit_code
        return ending.tell(stopped.exit_code if stopped else code, stopped, failures, finished=finished)


@contextmanager
def showing(settings: Settings, progress: Progress, tool_log: ToolLog) -> Iterator[list[Consumer]]:
    """Show a run while it lasts. Gives what is to be told of its events for that."""
    with shown(settings.progress, settings.prefix or "", progress, tool_log) as live:
        # A terminal has no room for a line on each of thousands that succeed; the display counts them.
        event_lines = EventLines(success=logging.DEBUG if live is not None and tool_log.on_terminal else logging.INFO)
        if not settings.follow:
            yield [event_lines, progress]
            return
        with lines_on(live) as out:
            yield [event_lines, progress, JobLines(out)]
