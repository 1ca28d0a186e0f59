"""What the command does, from settings to exit status: preflight, entities, the run, clean-up."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from jobbag import bag as bags
from jobbag import bucket, entities, jobrequest, specs
from jobbag.aws import Access, Cloud
from jobbag.bag import Bag
from jobbag.config import Mode, Settings
from jobbag.embedded import Embedded, embedded_aws
from jobbag.entities import Entity, Workshop
from jobbag.errors import AwsError, CleanupError, ExitCode, InputError, Problem, ToolError
from jobbag.footprint import Footprint
from jobbag.jobrequest import Target
from jobbag.logfile import ToolLog
from jobbag.logs import delete_stream
from jobbag.outputs import JobFiles, MergedFiles, Outputs
from jobbag.pipeline import Pipeline
from jobbag.report import JobStateLog, Report
from jobbag.specs import DEFINITION, ENVIRONMENT, QUEUE, Existing, Kind, Plan, S3Place, Spec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What the command ends with: its exit status and what it says on stdout."""

    exit_code: ExitCode
    lines: tuple[str, ...] = ()


def execute(settings: Settings, tool_log: ToolLog) -> Result:
    """Do what the settings ask for. Raises ToolError."""
    if settings.mode is Mode.RUN:
        return _run(settings, tool_log)
    plan, problems = specs.plan(settings, None)
    if problems:
        raise InputError(problems)
    with _connected(settings) as (cloud, _):
        _check_account(settings, cloud)
        if settings.mode is Mode.DELETE:
            tool_log.open()
            return _delete(cloud, plan)
        known = entities.look_up_all(cloud, plan)
        tool_log.open()
        return _create(cloud, plan, known)


# -- create and delete


_PROPERTIES = {
    DEFINITION: "pegasus.aws.batch.job_definition",
    ENVIRONMENT: "pegasus.aws.batch.compute_environment",
    QUEUE: "pegasus.aws.batch.job_queue",
}


def _create(cloud: Cloud, plan: Plan, known: Mapping[Kind, Entity]) -> Result:
    workshop = Workshop(cloud)
    lines: list[str] = []
    try:
        ready = workshop.prepare(plan, known)
        lines += (f"{_PROPERTIES[kind]}={ready[kind].arn}" for kind in _PROPERTIES if kind in ready)
        if plan.place is not None:
            bucket.ensure(cloud, plan.place.bucket)
            lines.append(f"pegasus.aws.batch.s3_bucket={plan.place.url}")
    except ToolError:
        for entity in workshop.made:
            log.error("the %s %s was made before the error, and stays", entity.kind.words, entity.arn)
        raise
    return Result(ExitCode.OK, tuple(lines))


def _delete(cloud: Cloud, plan: Plan) -> Result:
    doomed = [(spec.kind, _ref(spec)) for spec in (plan.queue, plan.environment, plan.definition) if spec is not None]
    failures: list[str] = []
    try:
        entities.delete(cloud, doomed)
    except CleanupError as error:
        failures += error.failures
    if plan.place is not None:
        try:
            bucket.remove(cloud, plan.place)
        except ToolError as error:
            failures += error.lines
    if failures:
        raise CleanupError(failures)
    return Result(ExitCode.OK)


def _ref(spec: Spec) -> str:
    return spec.ref if isinstance(spec, Existing) else spec.name


# -- run


def _run(settings: Settings, tool_log: ToolLog) -> Result:
    bag, plan, place = _preflight(settings)
    if not bag.jobs:
        nothing = f"no jobs in {', '.join(map(str, settings.submit_files))}: nothing to do"
        log.info("%s", nothing)
        return _told(tool_log, Result(ExitCode.OK, (nothing,)))
    with _connected(settings) as (cloud, embedded):
        if embedded is not None:
            bag, plan = embedded.play(cloud.region, bag, plan)
        _check_account(settings, cloud)
        known = entities.look_up_all(cloud, plan)
        entities.look_up_of_jobs(cloud, bag)
        log_path = tool_log.open()
        result = _run_bag(settings, cloud, bag, plan, place, known)
    return _told(tool_log, replace(result, lines=(*result.lines, f"log: {log_path}")) if log_path else result)


def _told(tool_log: ToolLog, result: Result) -> Result:
    """The result without the lines that the log has just shown on the terminal."""
    return replace(result, lines=()) if tool_log.shows_result else result


def _preflight(settings: Settings) -> tuple[Bag, Plan, S3Place]:
    """All that can be known to be wrong before AWS is asked. Raises InputError."""
    bag, problems = bags.load(settings.submit_files, settings.files)
    plan, of_entities = specs.plan(settings, bag)
    problems += of_entities
    problems += _directory_problems(settings)
    if plan.place is None:
        raise AssertionError("a run always has a place in S3")
    problems += jobrequest.request_problems(bag, plan.place)
    if problems:
        raise InputError(problems)
    return bag, plan, plan.place


def _directory_problems(settings: Settings) -> Iterator[Problem]:
    wanted = {Path(): "the working directory"}
    if settings.merge_logs is not None:
        wanted.setdefault(settings.merge_logs.parent, "--merge-logs")
    if settings.log_file is not None:
        wanted.setdefault(settings.log_file.parent, "--log-file")
    for path, what in wanted.items():
        if not path.is_dir():
            yield Problem(what, f"there is no directory {path}")
        elif not os.access(path, os.W_OK | os.X_OK):
            yield Problem(what, f"the directory {path.resolve()} is not writable")


def _run_bag(
    settings: Settings, cloud: Cloud, bag: Bag, plan: Plan, place: S3Place, known: Mapping[Kind, Entity]
) -> Result:
    report = Report(bag)
    outputs = _outputs(settings, bag)
    footprint = Footprint(cloud, place)
    interrupted = None
    try:
        ready = footprint.workshop.prepare(plan, known)
        footprint.make_bucket()
        with JobStateLog(Path(f"{settings.prefix}.jobstate.log")) as states:
            outputs.prepare()
            consumers = (states, outputs, footprint)
            target = Target(
                ready[QUEUE].arn if QUEUE in ready else None,
                ready[DEFINITION].arn if DEFINITION in ready else None,
            )
            pipeline = Pipeline(
                cloud,
                bag,
                place,
                target,
                report,
                consumers,
                outputs.paths,
                bucket_is_new=footprint.bucket_is_new,
            )
            interrupted = pipeline.run()
        outputs.finish(report.summary)
        if settings.delete_log_streams:
            _delete_log_streams(cloud, report)
    finally:
        failures = _clean_up(settings, footprint, report)
    headline = report.headline(outputs.description)
    log.info("%s", headline)
    report.tell_failures()
    for failure in failures:
        log.error("%s", failure)
    code = ExitCode.AWS_ERROR if failures else report.exit_code
    return Result(interrupted.exit_code if interrupted else code, (headline,))


def _outputs(settings: Settings, bag: Bag) -> Outputs:
    if settings.merge_logs is None:
        return JobFiles()
    return MergedFiles(settings.merge_logs, first=bag.jobs[0].number)


def _clean_up(settings: Settings, footprint: Footprint, report: Report) -> list[str]:
    """Remove what the run made, unless the user wants it kept or jobs still run on it."""
    made = footprint.describe()
    if not made or settings.keep:
        return []
    running = [job.name for job, _ in report.running()]
    if running:
        log.warning("%s may still run (and %d more), so this stays: %s", running[0], len(running) - 1, ", ".join(made))
        return []
    return footprint.take_down()


def _delete_log_streams(cloud: Cloud, report: Report) -> None:
    for place in report.log_places():
        try:
            delete_stream(cloud, place)
        except AwsError as error:
            log.warning("%s", error)


# -- AWS, the real or the embedded one


@contextmanager
def _connected(settings: Settings) -> Iterator[tuple[Cloud, Embedded | None]]:
    if not settings.local:
        yield Cloud(Access(settings.endpoint, settings.region)), None
        return
    if settings.endpoint:
        log.warning("--local: the endpoint %s is not used", settings.endpoint)
    with embedded_aws() as embedded:
        yield Cloud(embedded.access(settings.region)), embedded


def _check_account(settings: Settings, cloud: Cloud) -> None:
    if settings.account is None or settings.local:
        return
    account = cloud.account()
    if account != settings.account:
        raise InputError.of("--account", f"{settings.account} is given, but the credentials are of {account}")
