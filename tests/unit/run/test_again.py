"""`--retry-failed` and `--update`: which jobs of an earlier run run again, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.client import Cloud
from jobbag.bag.job import Bag, Item, Job
from jobbag.entities.kinds import Plan
from jobbag.errors import AwsError, InputError
from jobbag.events import journal
from jobbag.events.events import (
    Event,
    Finished,
    LogsWritten,
    NotRun,
    Staged,
    StateChanged,
    Submitted,
    Submitting,
    TakenDown,
    Terminated,
)
from jobbag.events.journal import Journal, begin_anew
from jobbag.events.results import ResultFetched, ResultsFound
from jobbag.options.settings import Settings
from jobbag.run.takeup import Earlier, How, check_inputs, earlier, folded, selected
from jobbag.run.task import Task, TaskOnAws, header_of
from jobbag.s3.contents import state_of
from jobbag.s3.place import S3Place

from ..builders import array, bag, ended, heard, job, settings

PLACE = S3Place("bucket", "", own=False)
PLAN = Plan(None, None, None, PLACE)
RETRY, UPDATE = settings(retry_failed=True), settings(update=True)
PATH = Path("bag.journal")


@pytest.fixture(autouse=True)
def _in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class S3:
    """Holds objects with the content that files had."""

    region = "us-east-1"

    def __init__(self, **md5s: str) -> None:
        self.md5s, self.asked = md5s, 0

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        assert (service, operation) == ("s3", "HeadObject")
        self.asked += 1
        if params["Key"] not in self.md5s:
            raise AwsError("HeadObject", "404", "Not Found")
        return {"ContentLength": 4, "ETag": f'"{self.md5s[params["Key"]]}"'}


def sent(one: Job, end: str | None = "SUCCEEDED") -> list[Event]:
    """A job that was sent, and its end: `stopped` with the run, None: not seen."""
    found: list[Event] = [Submitting(one, f"t{one.number}"), Submitted(one, f"id{one.number}")]
    if end == "stopped":
        found.append(Terminated(one, f"id{one.number}"))
    if end is not None:
        seen = ended() if end == "SUCCEEDED" else ended("FAILED", 1)
        found += [StateChanged(one, f"id{one.number}", seen)]
        found += [LogsWritten(one, Path(f"{one.name}.out"), Path(f"{one.name}.err"), 1)]
    return found


def ran(of: Bag, ends: dict[str, str] | None = None, *before: Event, with_: Settings | None = None) -> None:
    """A run of the bag that came to its end; in it, each job succeeded that has no other end."""
    with Journal(PATH) as notes:
        notes.begin(header_of(with_ or settings(), Task(of, PLAN, PLACE)))
        for event in (
            *before,
            *(one for each in of.jobs for one in sent(each, (ends or {}).get(each.name, "SUCCEEDED"))),
        ):
            notes(event)
        notes(TakenDown())
        notes(Finished(0))


def start(how: Settings, of: Bag, cloud: Any = None, place: S3Place = PLACE) -> Earlier:
    """What a start with this bag does."""
    task = TaskOnAws(of, PLAN, place, cast(Cloud, cloud or S3()))
    return selected(earlier(how, PATH, header_of(how, Task(of, PLAN, PLACE))), task, PATH, fetches=True)


def begin(how: Settings, of: Bag, *events: Event) -> Earlier:
    """Begin what a start does, with these events of it; then it is killed."""
    found = start(how, of)
    if found.begins:
        begin_anew(PATH, found.header, found.records(found.events(of), [], of))
    with Journal(PATH) as notes:
        for event in events:
            notes(event)
    return found


def reasons(found: Earlier) -> dict[str, str]:
    assert found.selection is not None
    return {one.job: one.why for one in found.selection.again}


def to_send(found: Earlier, of: Bag) -> list[str]:
    return [one.name for one in folded(found.events(of), of).to_send()]


CHAIN = [job(1, "a"), job(2, "b", depends_on=("a",)), job(3, "c", depends_on=("b",)), job(4, "d")]


def changed(one: Job, **values: Any) -> Job:
    return replace(one, arguments=("changed",), **values)


# -- --retry-failed


def test_retry_takes_what_failed_as_it_is_now() -> None:
    ran(bag(*CHAIN), {"c": "FAILED", "d": "FAILED"})
    now = bag(*CHAIN[:2], changed(CHAIN[2]), CHAIN[3])
    found = start(RETRY, now)
    assert reasons(found) == {"c": "failed, and its text has changed", "d": "failed"}
    assert str(found.selection) == "retrying 2 of 4, of which 1 has changed"
    assert to_send(found, now) == ["c", "d"]
    assert found.header.retry_failed


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ([changed(CHAIN[0]), *CHAIN[1:]], 'job "a": its text has changed'),
        ([*CHAIN, job(5, "e")], 'job "e": is new'),
        (CHAIN[:3], 'job "d": is gone'),
    ],
)
def test_retry_keeps_only_what_is_as_it_was(now: list[Job], said: str) -> None:
    ran(bag(*CHAIN), {"b": "FAILED", "c": "FAILED"})
    with pytest.raises(InputError) as error:
        start(RETRY, bag(*now))
    assert said in error.value.lines[0]
    assert "use --update" in error.value.lines[-1]


def test_a_job_that_failed_and_is_gone_is_in_nobodys_way() -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    found = start(RETRY, bag(*CHAIN[:3]))
    assert str(found.selection) == "retrying 0 of 3; 1 job gone from the bag"
    assert to_send(found, bag(*CHAIN[:3])) == []


def test_retry_sends_a_mended_file_that_others_had_too_and_says_so() -> None:
    Path("data").write_text("1234")
    jobs = [job(1, "a", inputs=("data",)), job(2, "b", inputs=("data",))]
    ran(bag(*jobs), {"b": "FAILED"}, Staged("data", "data", *state_of("data"), True))
    Path("data").write_text("mended")
    with heard("jobbag") as said:
        found = start(RETRY, bag(*jobs))
    assert reasons(found) == {"b": "failed, and its input file 'data' has changed"}
    assert said == [
        "WARNING job a succeeded, and its input file 'data' has changed since; "
        "use --update to run again what has changed"
    ]


def test_the_queue_and_the_place_in_s3_are_those_of_today() -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    for how in (RETRY, UPDATE):
        found = start(replace(how, s3="s3://other", region="eu-west-3"), bag(*CHAIN))
        assert to_send(found, bag(*CHAIN)) == ["d"]
        assert found.header.options["--s3"] == "s3://other"


@pytest.mark.parametrize("how", [RETRY, UPDATE])
@pytest.mark.parametrize("other", [{"merge_logs": Path("all")}, {"local": True}])
def test_what_is_kept_stays_where_it_is(how: Settings, other: dict[str, Any]) -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    with pytest.raises(InputError, match=r"was not given, and is .*give this as it was"):
        start(replace(how, **other), bag(*CHAIN))


# -- results


GIVES = [job(1, "a", outputs=("x",)), job(2, "b", outputs=("x",)), job(3, "c")]
OWN = S3Place("bucket", "", own=True)


def came(one: Job, of: int) -> list[Event]:
    """One of so many results of a job is here."""
    path = Path("results", one.name, "x")
    path.parent.mkdir(parents=True)
    path.touch()
    return [ResultsFound(one, of), ResultFetched(one, f"results/{one.name}/x", "etag", path, 0)]


@pytest.mark.parametrize("how", [RETRY, UPDATE])
def test_a_job_runs_again_whose_results_stayed_in_a_bucket_of_the_run_before(how: Settings) -> None:
    ran(bag(*GIVES), {"c": "FAILED"}, *came(GIVES[0], of=1), *came(GIVES[1], of=2))
    assert reasons(start(how, bag(*GIVES), place=OWN)) == {"b": "its results did not come", "c": "failed"}
    assert reasons(start(how, bag(*GIVES))) == {"c": "failed"}, "this run fetches them"


def test_where_nothing_else_is_to_run_the_run_is_gone_on_with_which_fetches_them() -> None:
    ran(bag(*GIVES))
    assert start(UPDATE, bag(*GIVES), place=OWN).how is How.GO_ON


def test_a_result_that_is_gone_from_here_is_made_again() -> None:
    ran(bag(*GIVES), None, *came(GIVES[0], of=1), *came(GIVES[1], of=1))
    Path("results/a/x").unlink()
    assert reasons(start(UPDATE, bag(*GIVES), place=OWN)) == {"a": "its result results/a/x is gone"}
    with heard("jobbag") as said:
        assert reasons(start(RETRY, bag(*GIVES), place=OWN)) == {}
    assert said == [
        "WARNING job a succeeded, and its result results/a/x is gone since; use --update to run again what has changed"
    ]


@pytest.mark.parametrize("how", [RETRY, UPDATE])
def test_a_result_that_is_gone_from_here_is_fetched_again_from_a_bucket_that_keeps_it(how: Settings) -> None:
    of = bag(*GIVES)
    ran(of, None, *came(GIVES[0], of=1), *came(GIVES[1], of=1))
    Path("results/a/x").unlink()
    s3 = S3(**{"results/a/x": "0" * 32, "results/b/x": "0" * 32})
    found = start(how, of, s3)
    assert reasons(found) == {}
    assert s3.asked == 1, "only for what is gone"
    assert found.how is How.GO_ON
    as_it_was = ", and nothing of them has changed" if how is UPDATE else ""
    fetched = "1 result that is gone from here is fetched again from S3"
    assert str(found.selection) == f"all 3 jobs succeeded{as_it_was}; {fetched}"
    known = folded(found.events(of), of).results
    assert known.paths(GIVES[0]) == []
    assert known.paths(GIVES[1]) == [Path("results/b/x")]
    assert set(known.etags) == {"results/b/x"}, "so that the other one is fetched"


def test_a_result_that_is_neither_here_nor_in_the_bucket_is_made_again() -> None:
    of = bag(*GIVES)
    ran(of, {"c": "FAILED"}, *came(GIVES[0], of=1), *came(GIVES[1], of=1))
    Path("results/a/x").unlink()
    Path("results/b/x").unlink()
    s3 = S3(**{"results/b/x": "0" * 32})
    found = start(UPDATE, of, s3)
    assert reasons(found) == {"a": "its result results/a/x is gone", "c": "failed"}
    assert "; 1 result that is gone from here is fetched again from S3" in str(found.selection)
    with heard("jobbag") as said:
        assert reasons(start(RETRY, of, s3)) == {"c": "failed"}
    assert said[0].startswith("WARNING job a succeeded, and its result results/a/x is gone since;")


def test_a_result_that_came_again_is_there_once() -> None:
    of = bag(*GIVES)
    again = ResultFetched(GIVES[0], "results/a/x", "etag", Path("results/a/x"), 0)
    ran(of, None, *came(GIVES[0], of=2), again)
    known = folded(start(UPDATE, of).events(of), of).results
    assert known.paths(GIVES[0]) == [Path("results/a/x")]
    assert not known.are_here(GIVES[0]), "there are two"


# -- --update


def test_update_sends_what_is_not_as_it_was_and_what_depends_on_it() -> None:
    more = [*CHAIN, job(5, "e"), job(6, "f")]
    ran(bag(*more), {"e": "FAILED"})
    now = bag(
        job(1, "g"),
        *(
            replace(one, number=at)
            for at, one in enumerate((more[4], CHAIN[2], changed(CHAIN[1]), CHAIN[0], CHAIN[3]), 2)
        ),
    )
    found = start(UPDATE, now)
    assert reasons(found) == {"g": "is new", "e": "failed", "c": "depends on b", "b": "its text has changed"}
    assert str(found.selection) == (
        "updating 4 of 6: 1 is new, 1 did not succeed, 1 has changed, 1 depends on one of these; "
        "1 job gone from the bag"
    )
    assert to_send(found, now) == ["g", "e", "c", "b"]
    assert found.header.update


def test_nothing_to_do_leaves_the_journal_as_it_is() -> None:
    ran(bag(*CHAIN))
    for how, words in ((RETRY, ""), (UPDATE, ", and nothing of them has changed")):
        found = start(how, bag(*CHAIN))
        assert (found.how, str(found.selection)) == (How.GO_ON, f"nothing to do: all 4 jobs succeeded{words}")
        state = folded(found.events(bag(*CHAIN)), bag(*CHAIN))
        assert (state.complete, state.has_to_send) == (True, False)


def test_jobs_in_another_order_are_the_same() -> None:
    ran(bag(*CHAIN))
    now = bag(*(replace(one, number=at) for at, one in enumerate(reversed(CHAIN), 1)))
    found = start(UPDATE, now)
    assert found.selection is not None
    assert found.selection.is_empty
    assert found.how is How.UPDATE, "the journal has their new numbers"
    assert to_send(found, now) == []


@pytest.mark.parametrize("how", [RETRY, UPDATE])
def test_an_array_is_one_job(how: Settings) -> None:
    jobs = [*array(1, "sweep", 3), job(4, "d")]
    ran(bag(*jobs), {"sweep.1": "FAILED"})
    found = start(how, bag(*jobs))
    assert reasons(found) == {"sweep": "failed"}
    assert " 1 of 2" in str(found.selection)
    assert to_send(found, bag(*jobs)) == ["sweep.0", "sweep.1", "sweep.2"]
    smaller = bag(*array(1, "sweep", 2), job(3, "d"))
    found = start(how, smaller)
    assert found.selection is not None
    assert (reasons(found), found.selection.gone) == ({"sweep": "failed, and its text has changed"}, ())


def test_update_without_an_earlier_run_is_a_new_one() -> None:
    assert start(UPDATE, bag(*CHAIN)).how is How.NEW


def test_files_for_all_that_are_others_now() -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    assert set(reasons(start(replace(UPDATE, files=("more",)), bag(*CHAIN)))) == {"a", "b", "c", "d"}
    with pytest.raises(InputError, match="--files: was not given, and is more"):
        start(replace(RETRY, files=("more",)), bag(*CHAIN))


@given(st.data())
def test_what_is_kept_depends_on_nothing_that_runs_again(data: st.DataObject) -> None:
    PATH.unlink(missing_ok=True)
    needs = [data.draw(st.sets(st.integers(1, max(n - 1, 1))) if n > 1 else st.just(set())) for n in range(1, 8)]
    jobs = [job(n, f"j{n}", depends_on=tuple(f"j{one}" for one in sorted(of))) for n, of in enumerate(needs, 1)]
    failed = data.draw(st.sets(st.sampled_from([one.name for one in jobs])))
    other = data.draw(st.sets(st.sampled_from([one.name for one in jobs])))
    ran(bag(*jobs), dict.fromkeys(failed, "FAILED"))
    now = bag(*(changed(one) if one.name in other else one for one in jobs))
    found = start(UPDATE, now)
    again = set(reasons(found))
    assert again >= failed | other
    for one in now.jobs:
        assert (one.name in again) == bool(one.name in failed | other or again.intersection(one.depends_on))


# -- input files


def given_files(*names: str) -> Iterable[Staged]:
    for name in names:
        Path(name).write_text("1234")
        yield Staged(name, name, *state_of(name), True)


def touch(name: str) -> None:
    os.utime(name, ns=(1, 1))


FILED = [job(1, "a", inputs=("x", "y")), job(2, "b", inputs=("y",)), job(3, "c")]
MD5 = "81dc9bdb52d04dc20036dbd8313ed055"  # of 1234


def test_update_knows_the_files_of_each_job() -> None:
    ran(bag(*FILED), None, *given_files("x", "y"))
    s3 = S3(x=MD5, y=MD5)
    assert reasons(start(UPDATE, bag(*FILED), s3)) == {}
    assert s3.asked == 0
    touch("x")
    assert reasons(start(UPDATE, bag(*FILED), s3)) == {}, "S3 has the same content"
    Path("x").write_text("12345")
    assert reasons(start(UPDATE, bag(*FILED), s3)) == {"a": "its input file 'x' has changed"}
    assert s3.asked == 1, "the size tells"
    touch("y")
    assert set(reasons(start(UPDATE, bag(*FILED), S3()))) == {"a", "b"}, "it is not known to be the same"


def test_whether_a_file_is_executable_counts_where_jobs_get_it_so() -> None:
    """In S3, its content is the same."""
    of = bag(job(1, "a", items=(Item("x", "x"),)), job(2, "b", inputs=("y",)), job(3, "c", items=(Item("z", "z"),)))
    names = {name: of.is_executable(name) for name in ("x", "y") if [*given_files(name)]}
    assert names == {"x": False, "y": None}
    past = [replace(one, executable=names.get(one.item)) for one in given_files("x", "y", "z")]  # z: by an old version
    ran(of, None, *past)
    for name in ("x", "y", "z"):
        Path(name).chmod(0o755)
    s3 = S3(**{of.name_in_s3(name): MD5 for name in ("x", "y", "z")})
    assert reasons(start(UPDATE, of, s3)) == {"a": "its input file 'x' has changed"}
    with pytest.raises(InputError, match="input file 'x': has changed since it was sent"):
        check_inputs(TaskOnAws(of, PLAN, PLACE, cast(Cloud, s3)), past, PATH)


def test_what_is_kept_is_known_by_the_files_it_was_sent_with() -> None:
    """The file was mended for the job that failed, and S3 has the new one; the other job had the old one."""
    ran(bag(*FILED), {"b": "FAILED"}, *given_files("x", "y"))
    Path("y").write_text("4321")
    new = Staged("y", "y", *state_of("y"), True)
    end = [*sent(FILED[1]), TakenDown(), Finished(0)]
    begin(RETRY, bag(*FILED), new, *end)
    assert reasons(start(UPDATE, bag(*FILED), S3(y="d93591bdf7860e1e4ee2fca799911215"))) == {
        "a": "its input file 'y' has changed"
    }
    begin(UPDATE, bag(*FILED), new, *sent(FILED[0]), TakenDown(), Finished(0))
    assert reasons(start(UPDATE, bag(*FILED))) == {}


def test_the_files_of_the_run_before_are_not_taken_for_sent() -> None:
    ran(bag(*FILED), {"b": "FAILED"}, *given_files("x", "y"))
    begin(UPDATE, bag(*FILED), Submitting(FILED[1], "new"))
    for how in (UPDATE, settings()):
        found = start(how, bag(*FILED))
        assert found.how is How.GO_ON
        assert not any(isinstance(event, Staged) for event in found.events(bag(*FILED)))


# -- --resume


def test_a_bag_that_was_edited_twice_is_gone_on_with_twice() -> None:
    """Each job has the id that it was given, though its number is another each time."""
    a, b, gone = job(1, "a"), job(2, "b"), job(3, "gone")
    with Journal(PATH) as notes:
        notes.begin(header_of(settings(), Task(bag(a, b, gone), PLAN, PLACE)))
        for event in (*sent(a, None), *sent(gone, None)):
            notes(event)
    first = header_of(settings(), Task(bag(a, b, gone), PLAN, PLACE))
    resume = settings(resume=True)
    now = bag(job(1, "new"), changed(job(2, "a")), changed(job(3, "b")))
    begin(resume, now, *sent(now.jobs[0], None), *sent(now.jobs[2], None))
    again = start(resume, now)
    state = folded(again.events(now), now)
    assert [state.of(one).aws_id for one in now.jobs] == ["id1", "id1", "id3"]
    assert not again.begins, "nothing has changed since"
    assert again.header.jobs["a"] == first.jobs["a"], "it was sent as it was then"
    assert again.header.jobs["b"] == header_of(settings(), Task(now, PLAN, PLACE)).jobs["b"]
    back = bag(changed(job(1, "b")), job(2, "gone"), changed(job(3, "a")), job(4, "new"))
    begin(resume, back)
    state = folded(start(resume, back).events(back), back)
    assert [state.of(one).aws_id for one in back.jobs] == ["id3", "id3", "id1", "id1"]


# -- a run that has not reached its end


def unfinished(*events: Event) -> None:
    with Journal(PATH) as notes:
        notes.begin(header_of(settings(), Task(bag(*CHAIN), PLAN, PLACE)))
        for event in events:
            notes(event)


@pytest.mark.parametrize("how", [RETRY, UPDATE])
def test_a_start_that_was_killed_is_gone_on_with(how: Settings) -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    begin(how, bag(*CHAIN), *sent(CHAIN[3], "FAILED"))
    found = start(how, bag(*CHAIN))
    assert found.how is How.GO_ON
    assert to_send(found, bag(*CHAIN)) == [], "it has had its chance"
    assert found.header.kind == ("retry" if how is RETRY else "update")


def test_what_is_under_way_is_neither_sent_again_nor_lost() -> None:
    unfinished(*sent(CHAIN[0]), *sent(CHAIN[3], None))
    assert start(UPDATE, bag(*CHAIN)).how is How.GO_ON
    with pytest.raises(InputError) as error:
        start(UPDATE, bag(*CHAIN[:3], changed(CHAIN[3])))
    assert "use --resume" in error.value.lines[-1]


@pytest.mark.parametrize("how", [RETRY, UPDATE])
def test_a_run_that_was_stopped_and_is_mended(how: Settings) -> None:
    unfinished(*sent(CHAIN[0]), *sent(CHAIN[3], "stopped"), TakenDown())
    now = bag(*CHAIN[:3], changed(CHAIN[3]))
    with pytest.raises(InputError, match="use --update to keep what has succeeded"):
        start(settings(), now)
    found = start(how, now)
    assert reasons(found) == {
        "b": "was not run", "c": "was not run", "d": "was stopped, and its text has changed"
    }  # fmt: skip
    assert to_send(found, now) == ["b", "c", "d"]


def test_retry_of_a_run_that_was_not_changed_and_has_no_end() -> None:
    unfinished(*sent(CHAIN[0]), *sent(CHAIN[3], "stopped"), TakenDown())
    with pytest.raises(InputError, match="not reached its end; start without this option"):
        start(RETRY, bag(*CHAIN))
    assert set(reasons(start(UPDATE, bag(*CHAIN)))) == {"b", "c", "d"}


def test_what_the_embedded_aws_had_under_way_ended_with_it() -> None:
    local = settings(local=True)
    with Journal(PATH) as notes:
        notes.begin(header_of(local, Task(bag(*CHAIN), PLAN, PLACE)))
        for event in (*sent(CHAIN[0]), *sent(CHAIN[1], None)):
            notes(event)
    with pytest.raises(InputError, match="use --update to keep what succeeded"):
        start(replace(local, retry_failed=True), bag(*CHAIN))
    found = start(replace(local, update=True), bag(*CHAIN))
    assert set(reasons(found)) == {"b", "c", "d"}
    assert to_send(found, bag(*CHAIN)) == ["b", "c", "d"]


def test_what_was_not_run_for_a_failure_runs_again() -> None:
    first = bag(*CHAIN)
    with Journal(PATH) as notes:
        notes.begin(header_of(settings(), Task(first, PLAN, PLACE)))
        for event in (
            *sent(CHAIN[0], "FAILED"),
            *(NotRun(one, "no") for one in CHAIN[1:3]),
            *sent(CHAIN[3]),
            Finished(1),
        ):
            notes(event)
    assert reasons(start(RETRY, first)) == {"a": "failed", "b": "was not run", "c": "was not run"}


def test_the_journal_of_a_version_that_knew_no_update() -> None:
    ran(bag(*CHAIN), {"d": "FAILED"})
    PATH.write_text(PATH.read_text().replace(',"update":false', ""))
    past = journal.read(PATH)
    assert past is not None
    assert not past.header.update
    assert reasons(start(UPDATE, bag(*CHAIN))) == {"d": "failed"}
