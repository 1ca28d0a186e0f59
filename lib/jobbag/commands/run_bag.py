"""A run of a bag, from preflight to clean-up; taken up again where an earlier start of it left."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from jobbag.aws.regions import url_of_s3
from jobbag.commands import detached
from jobbag.commands.cloud import connected_task
from jobbag.commands.ending import Ending
from jobbag.commands.front import Front
from jobbag.commands.on_end import OnEnd
from jobbag.commands.result import Result
from jobbag.display.progress import Progress
from jobbag.entities import lookup
from jobbag.entities.kinds import DEFINITION, QUEUE
from jobbag.errors import PROG, InputError, Interrupted, JournalLost
from jobbag.events.consumers import replay
from jobbag.events.events import Event, Finished, Staged, TakenDown
from jobbag.events.jobstate_log import JobStateLog
from jobbag.events.journal import Journal, begin_anew, remove_leftover
from jobbag.events.observation import now_ms
from jobbag.events.state import RunState
from jobbag.holding.lock import JournalLock
from jobbag.jobs.array_request import Requests
from jobbag.jobs.request import Target, target_of
from jobbag.logs.fetcher import delete_streams
from jobbag.logs.merged_files import MergedFiles, remove_unfinished
from jobbag.logs.outputs import JobFiles, Outputs
from jobbag.logs.records import summary_record
from jobbag.options.settings import Settings
from jobbag.preflight.checks import Checked, check
from jobbag.report import console
from jobbag.report.details import Details
from jobbag.report.live import kept_up
from jobbag.run import takeup
from jobbag.run.abandon import abandon
from jobbag.run.again import past_events
from jobbag.run.cleanup import Cleanup
from jobbag.run.consumers import Consumers
from jobbag.run.inputs import with_kept_results
from jobbag.run.pipeline import Pipeline
from jobbag.run.safeguards import safeguards_of
from jobbag.run.shutdown import policy_of
from jobbag.run.takeup import Earlier, How
from jobbag.run.task import Task, TaskOnAws, header_of, place_of
from jobbag.s3 import bucket
from jobbag.terminal import Tone
from jobbag.text import iso
from jobbag.threads import LEAVING
from jobbag.tool_log import style

log = logging.getLogger(__name__)

SELDOM = 1.0  # s between two looks at the lock, at least, where many events are written


def run_bag(settings: Settings, task: Task, front: Front) -> Result:
    """Run the bag that the settings name. Raises ToolError."""
    path, stops, mine = settings.journal, front.stops, threading.get_ident()
    stops.last_words = f"{PROG}: left before all was done; {path} is intact: start the same command again to go on\n"
    stops.patience = settings.grace + LEAVING
    with (
        OnEnd(settings, stops) as at_end,
        stops.held_back(),
        JournalLock(path, stops.cancel) as lock,
        stops.let_through(),
    ):
        remove_leftover(path)
        earlier = takeup.earlier(settings, path, header_of(settings, task))
        if settings.collects and earlier.how is not How.GO_ON:
            raise InputError.of(str(path), "there is no unfinished run to collect")

        def check() -> None:
            lock.check()
            if threading.get_ident() == mine:
                stops.check()

        with connected_task(settings, task, may_ask=front.may_ask) as (on_aws, embedded):
            if embedded is not None:
                stops.last_words, stops.last_act = f"{PROG}: left at once\n", embedded.close
                lock.offer(embedded.keys)
            earlier = takeup.selected(earlier, on_aws, path, fetches=settings.results is not None)
            on_aws = replace(on_aws, place=place_of(task.place, earlier.header))
            guarded = replace(on_aws, cloud=on_aws.cloud.guarded_by(check))
            start = Start(settings, guarded, earlier, front, lock, at_end)
            try:
                checked = start.check()
            except Interrupted as interrupted:
                if earlier.how is How.GO_ON:
                    interrupted.told += " before it went on with the run, whose jobs are left as they were"
                raise
            start.log_file = front.open_log()
            return start.run(checked)


# -- one start


@dataclass
class Start:
    """One start of the command: a new run, or one that goes on with an earlier one."""

    settings: Settings
    task: TaskOnAws
    earlier: Earlier
    front: Front
    lock: JournalLock
    at_end: OnEnd
    log_file: Path | None = None
    cancelled: Interrupted | None = None  # it only stops what an earlier start has sent

    def check(self) -> Checked:
        """Look at what AWS has, and wait for what is not ready yet. Raises ToolError before anything is changed."""
        checked = check(self.settings, self.task, self.earlier)
        checked.raise_errors()
        for warning in checked.warnings:
            log.warning("%s", warning)
        for entity in checked.entities.values():
            lookup.wait_until_ready(self.task.cloud, entity)
        return checked

    def run(self, checked: Checked) -> Result:
        """Run the bag to its end, or as far as it goes."""
        if self.settings.detach and self.earlier.how is How.GO_ON and detached.is_all_sent(checked.state):
            if (found := detached.look(self.task.cloud, checked.state, self.settings.words)) is not None:
                return Result(found)
            self.settings = replace(self.settings, detach=False)  # all have ended: they are collected
        events, path = takeup.without(self.earlier.events(self.task.bag), checked.lost), self.settings.journal
        self.task = replace(self.task, bag=with_kept_results(self.task.bag, checked.state.results, self.task.place))
        checked.forget_jobs()
        self.lock.check()
        left: list[Event] = []
        if self.earlier.is_given_up and (past := self.earlier.past) is not None:
            keeps = self.earlier.how is not How.FRESH
            old, events = (past_events(past, self.task.bag), events) if keeps else (events, [])
            old_task = replace(self.task, place=place_of(self.task.place, past.header))
            with Journal(path, self._check_often) as notes:
                left = abandon(old_task, past.header.run, old, notes, self.settings.grace, keeps=keeps)
            self.lock.check()
        self._remove_unfinished()
        header = self.earlier.header
        if self.earlier.begins:
            records = self.earlier.records(events, left, self.task.bag)
            with self.front.stops.held_back():
                aside = begin_anew(path, header, records)
            if aside is not None:
                log.debug("the journal of the earlier run is now %s", aside)
        events += left
        with Journal(path, self._check_often) as journal:
            cloud = self.task.cloud
            state = RunState(self.task.bag, header.started)
            details = Details(state)
            outputs = self._outputs(journal, details)
            ending = Ending(
                self.settings, header.run, cloud.region, state, details, outputs, self.log_file, lambda: cloud.calls,
                None if self.settings.local or self.settings.endpoint else console.jobs_of(cloud.region),
                idle=self.earlier.selection is not None and self.earlier.selection.is_empty, over=self.at_end.hear,
                size=self.front.size,
            )  # fmt: skip
            try:
                return self._run(checked, journal, events, ending)
            except JournalLost:
                raise  # the files of the end are the other start's, too
            except (Interrupted, Exception) as error:
                ending.write_after(error)
                raise

    def _remove_unfinished(self) -> None:
        """Remove what an earlier run, whose output is not gone on with, was merging when it was killed."""
        past, how, now = self.earlier.past, self.earlier.how, self.settings.merge_logs
        prefix = past.header.options.get("--merge-logs") if past is not None else None
        if past is not None and prefix and (how is How.NEW or (how is How.FRESH and prefix != str(now))):
            remove_unfinished(Path(prefix), len(past.header.jobs))

    def _check_often(self) -> None:
        """See that the run still has its journal, without a look at the file for each event."""
        self.lock.check(within=SELDOM)

    def _run(self, checked: Checked, journal: Journal, events: list[Event], ending: Ending) -> Result:
        state, details, outputs = ending.state, ending.details, ending.outputs
        safeguards = safeguards_of(self.settings, len(self.task.bag.jobs), self.earlier.header.started, state.costs)
        troubles, verdict = self.task.cloud.troubles.what, lambda job: state.of(job).verdict
        progress = Progress(self.task.bag, state.start, troubles, safeguards.awaits, verdict, state.costs.words)

        def note(event: Event) -> None:
            journal.durably(event)
            progress(event)

        cleanup = Cleanup(self.task, note, self.earlier.header.run)
        replay(events, safeguards)
        replay(outputs.resume(events), state, details, progress, cleanup)
        if self.earlier.selection is not None:
            log.info("%s", self.earlier.selection, extra=style(told=self.earlier.selection.is_empty))
        elif events and self.earlier.how is not How.FRESH:
            log.info("taking up the %s of %s: %s", self.earlier.header.kind, iso(state.start), state.progress())
        with (
            self.front.showing(self.settings, progress, state) as shown,
            JobStateLog(self.settings.jobstate_log) as states,
            kept_up(self.settings.report, ending.so_far),
        ):
            replay(events, states)
            consumers = Consumers(journal, state, safeguards, [details, states, outputs, cleanup, *shown])
            staged = [event.item for event in events if isinstance(event, Staged)]
            events.clear()  # they may be millions, and all have been replayed
            stopped, failures = self._work(checked, consumers, outputs, cleanup, staged)
        end, finished = ending.reached(stopped, failures)
        if self.log_file:
            log.info("log: %s", self.log_file, extra=style(tone=Tone.PLAIN, told=True))
        if finished:
            if self.settings.delete_log_streams:
                self._delete_log_streams(state)
            self.front.stops.ignore()  # the same command would be a new run
            journal.durably(Finished(state.exit_code))
            outputs.close()
        return Result(end.exit_code, ended=end)

    def _work(
        self, checked: Checked, consumers: Consumers, outputs: Outputs, cleanup: Cleanup, staged: list[str]
    ) -> tuple[Interrupted | None, list[str]]:
        """Make what is missing, run the jobs, and clean up. Gives the signal that cut it short, and what failed."""
        for line in cleanup.abort_unfinished_uploads(self.task.cloud):
            log.warning("%s", line)
        state, policy = consumers.state, policy_of(self.settings)
        stopped = None
        try:
            requests = self._prepare(checked, cleanup, state)
            for priced in checked.prices:
                consumers(priced)
            state.costs.has_all_prices()
            pipeline = Pipeline(
                self.task, self.settings, requests, consumers, outputs, checked.escalation(self.task.plan),
                bucket_is_new=cleanup.bucket_is_new,
            )  # fmt: skip
            self.front.stops.deliver_to(pipeline.stop)
            outputs.prepare()  # which a signal from here on does not leave behind
            with self.front.asking(self.settings, state):
                stopped = pipeline.run(self.front.stops, staged, self.cancelled)
            if state.complete or (stopped is not None and not policy.detaches(stopped)):
                self.lock.check()
                outputs.finish(lambda: summary_record(state.succeeded, state.failed, state.start, now_ms()))
        except Interrupted as interrupted:
            stopped = interrupted
            log.warning("%s: nothing more is begun; a second signal leaves at once", interrupted.name)
            raise
        finally:
            self.front.stops.only_tell()
            failures = self._clean_up(consumers.journal, cleanup, state, stopped)
        return stopped, failures

    def _outputs(self, journal: Journal, details: Details) -> Outputs:
        if self.settings.merge_logs is None:
            return JobFiles(records=self.settings.records)
        # As long as they may be needed, the parts are kept in the place of streams that are deleted.
        keep, note = self.settings.delete_log_streams, details.beside(journal)
        return MergedFiles(self.settings.merge_logs, self.task.bag, note, keep_parts=keep)

    def _prepare(self, checked: Checked, cleanup: Cleanup, state: RunState) -> Requests:
        """Make what is missing, if any job is still to be sent; gives the SubmitJob request of a job."""
        task = self.task
        if not state.has_to_send or self.cancelled is not None:
            return Requests(task.bag, task.place, Target(None, None), task.cloud.region)
        plan = task.plan
        ready = cleanup.creator.prepare(plan, checked.existing(plan))
        # What was looked at before the run before was given up may be gone with it.
        is_there = checked.bucket_is_there and (not self.earlier.is_given_up or bucket.exists(task.cloud, task.place))
        cleanup.make_bucket(is_there=is_there)
        queue, definition = ready.get(QUEUE), ready.get(DEFINITION)
        arns = queue.arn if queue else None, definition.arn if definition else None
        details = partial(checked.definition, given=plan.definition)
        target, region = target_of(*arns, details, retries=self.settings.transient_retries), task.bucket_region
        return Requests(task.bag, task.place, target, region, url_of_s3(region))

    def _delete_log_streams(self, state: RunState) -> None:
        """At the very end, when no later start can need them."""
        if state.failed and self.settings.merge_logs is not None:
            log.info("the log streams stay: --retry-failed will need them for the merged files")
            return
        places = chain.from_iterable(state.of(job).saved_logs for job in state.bag.jobs)
        delete_streams(self.task.cloud, places)

    def _clean_up(self, journal: Journal, cleanup: Cleanup, state: RunState, stopped: Interrupted | None) -> list[str]:
        """Remove what the run made, in the time there is, unless the user wants it kept or jobs still run on it."""
        self.lock.check()
        made = cleanup.describe()
        running = [job.name for job, _ in state.running() if not state.of(job).lost]
        running += (job.name for job in state.in_doubt())
        if running:
            level = logging.WARNING if stopped or not self.settings.detach else logging.INFO
            log.log(level, "%s", detached.unended(running, made, local=self.settings.local))
            return []
        with self.task.cloud.within(policy_of(self.settings).clean_up_seconds(stopped)) as cloud:
            failures = cleanup.abort_unfinished_uploads(cloud)
            if not self.settings.keep:
                failures += cleanup.take_down(cloud)
        for failure in failures:
            log.error("%s", failure)
        if not failures:
            journal.durably(TakenDown())
            for event in cleanup.awaits_results if self.settings.results is not None else ():
                journal.durably(event)
        return failures
