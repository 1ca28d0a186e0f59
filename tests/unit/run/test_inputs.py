"""Which jobs wait for which input files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag.job import Bag, Item, Job
from jobbag.events.results import KnownResults, ResultFetched
from jobbag.run.inputs import MissingInputs, with_kept_results
from jobbag.s3.place import S3Place

from ..builders import bag, job

FILES = st.sampled_from(["a", "b", "c", "d", "s3://x/e"])


@st.composite
def bags(draw: Callable[[st.SearchStrategy[tuple[str, ...]]], tuple[str, ...]]) -> Bag:
    lists = st.lists(FILES, max_size=4).map(tuple)
    jobs = [job(number, f"job {number}", inputs=draw(lists)) for number in range(1, 5)]
    return bag(*jobs, common=draw(lists))


def needs(one: Job, whole: Bag) -> set[str]:
    return {item for item in (*whole.common, *one.inputs) if not item.startswith("s3://")}


@given(bags(), st.permutations(["a", "b", "c", "d"]), st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_a_job_goes_once_when_all_its_files_are_there(whole: Bag, order: list[str], broken: set[str]) -> None:
    waiting = MissingInputs(whole, whole.jobs)
    assert waiting.ready == [one for one in whole.jobs if not needs(one, whole)]
    there: set[str] = set()
    went, lost = list(waiting.ready), list[Job]()
    for item in order:
        if item in broken:
            lost += waiting.failed(item)
        else:
            there.add(item)
            ready = waiting.arrived(item)
            assert all(needs(one, whole) <= there for one in ready)
            went += ready
    assert sorted(one.number for one in (*went, *lost)) == [1, 2, 3, 4]
    assert [one for one in whole.jobs if needs(one, whole) & broken] == sorted(lost, key=lambda one: one.number)


@given(bags(), st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=4))
def test_who_gives_up_hears_of_each_other_job_once_and_of_no_file_more(
    whole: Bag, files: list[tuple[str, bool]]
) -> None:
    waiting = MissingInputs(whole, whole.jobs)
    told = list(waiting.ready)
    for item, arrives in files:
        told += waiting.arrived(item) if arrives else waiting.failed(item)
    told += waiting.give_up()
    assert sorted(one.number for one in told) == [1, 2, 3, 4]
    assert [waiting.arrived(item) + waiting.failed(item) for item in "abcd"] == [[]] * 4
    assert waiting.items == []


def test_only_files_that_are_waited_for_are_sent() -> None:
    done, open_job = job(1, "done", inputs=("a", "b")), job(2, "open", inputs=("s3://x/y", "c", "b"))
    waiting = MissingInputs(bag(done, open_job, common=("d",)), [open_job])
    assert waiting.items == ["d", "c", "b"]
    assert [waiting.arrived(item) for item in ("a", "d", "c", "b")] == [[], [], [], [open_job]]


# -- results of jobs that are kept

OWN = S3Place("bucket", "", own=True)


def given_by_a(home: Path, *names: str, run: str = "then") -> list[ResultFetched]:
    """Results of the job a, which an earlier start put there."""
    for name in names:
        (home / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "a" / name).touch()
    return [ResultFetched(job(1, "a"), f"{run}/results/a/{name}", "", home / "a" / name, 0) for name in names]


def items_with(results: list[ResultFetched], *items: Item) -> list[tuple[str, str]]:
    known = KnownResults()
    for one in results:
        known(one)
    whole = bag(job(1, "a"), job(2, "b", items=items))
    placed = with_kept_results(whole, known, OWN.of_run("now"))
    return [(item.source, item.target) for item in placed.jobs[1].items]


def test_what_is_kept_is_found_where_an_earlier_start_has_put_it(tmp_path: Path) -> None:
    results = given_by_a(tmp_path / "old", "x", "plots/1", "plots/below/2")
    file, directory = Item("job:a/x", "x"), Item("job:a/plots", "in")
    old = str(tmp_path / "old/a")
    assert items_with(results, file, directory) == [(f"{old}/x", "x"), (f"{old}/plots", "in")]
    assert items_with(given_by_a(tmp_path, "x", run="now"), file) == [("job:a/x", "x")], "it is in this run's bucket"
    assert items_with([], file) == [("job:a/x", "x")]


def test_a_directory_that_is_in_two_places_or_holds_more_is_given_by_its_files(tmp_path: Path) -> None:
    old, new = given_by_a(tmp_path / "old", "plots/1"), given_by_a(tmp_path / "new", "plots/below/2")
    directory = Item("job:a/plots/", "in")
    one, two = (f"{tmp_path}/old/a/plots/1", "in/1"), (f"{tmp_path}/new/a/plots/below/2", "in/below/2")
    assert items_with([*old, *new], directory) == [one, two]
    (tmp_path / "old/a/plots/of a run before").touch()
    assert items_with(old, directory) == [one]
