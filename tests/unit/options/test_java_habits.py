"""What the Java tool and its wrapper took is taken as it was meant."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from jobbag.errors import InputError
from jobbag.options.java_habits import as_options, expanded
from jobbag.options.option import Option
from jobbag.options.parser import load
from jobbag.options.settings import Mode
from jobbag.options.table import OPTIONS


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.long)
def test_a_long_option_may_have_one_dash(option: Option) -> None:
    assert as_options([option.long[1:], "x"]) == [option.long, "x"]
    assert as_options([f"{option.long[1:]}=x y"]) == [f"{option.long}=x y"]


def test_it_is_never_a_short_option_with_a_value(tmp_path: Path) -> None:
    conf = tmp_path / "c.properties"
    conf.write_text("pegasus.aws.region = us-west-2\n")
    found = load(["-conf", str(conf), "-prefix", "x", "-merge-logs=all", "-report", "page.html", "bag.in"])
    assert (found.prefix, found.region) == ("x", "us-west-2")
    assert (found.merge_logs, found.report) == (Path("all"), Path("page.html"))
    assert load(["-create", "-p", "x", "-j", "d.json"]).mode is Mode.CREATE


def test_short_options_with_their_value_and_words_behind_two_dashes_are_what_they_were() -> None:
    assert load(["-mall", "-p", "x", "bag.in"]).merge_logs == Path("all")
    assert as_options(["-m", "x", "--", "-prefix", "-Dx"]) == ["-m", "x", "--", "-prefix", "-Dx"]


def test_options_of_the_java_machine(tmp_path: Path) -> None:
    conf = tmp_path / "c.properties"
    conf.write_text("pegasus.aws.region = us-west-2\npegasus.aws.batch.job_queue = q\n")
    words = ["-Xmx512m", "-Dpegasus.aws.region=eu-west-1", "-Dpegasus.home=/x", "--conf", str(conf), "bag.in"]
    found = load(words)
    assert (found.region, found.job_queue, found.submit_files) == ("eu-west-1", "q", (Path("bag.in"),))
    assert load([*words, "--region", "us-east-1"]).region == "us-east-1"


def test_references_in_properties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    given = {"a": "${user.home}/${b}", "b": "${c}-${user.dir}", "c": "x", "t": "${java.io.tmpdir}", "plain": "$c {c}"}
    assert expanded("a", given) == f"{tmp_path}/x-{tmp_path}"
    assert expanded("t", given) == tempfile.gettempdir()
    assert expanded("plain", given) == "$c {c}"
    conf = tmp_path / "c.properties"
    conf.write_text("here = ${user.home}/logs\npegasus.aws.batch.summary=${here}/all\n")
    assert load(["--conf", str(conf), "bag.in"]).summary == tmp_path / "logs/all"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"a": "${b}"}, r"a: '\$\{b\}': \$\{b\} is neither in the properties file nor one of \$\{user\.home\}"),
        ({"a": "${b}", "b": "${a}"}, r"a: '\$\{b\}' refers to itself"),
    ],
)
def test_a_reference_to_nothing_is_told(given: dict[str, str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        expanded("a", given)
