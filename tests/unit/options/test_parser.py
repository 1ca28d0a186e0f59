"""The command line and the properties file: every option, which of two wins, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
import sys
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag import __version__
from jobbag.errors import InputError
from jobbag.options import parser
from jobbag.options.bags import BAG
from jobbag.options.settings import Mode, Settings
from jobbag.options.table import LOG_LEVELS, OPTIONS
from jobbag.prices import prices_of

LIB = Path(__file__).parents[3] / "lib"
VALUED = [one for one in OPTIONS if one.metavar is not None and not one.optional and one.dest != "conf"]
HAVE_VALUE = [one for one in VALUED if one not in BAG]  # which stand in the place of a submit file
HAVE_KEY = [option for option in OPTIONS if option.key is not None and option.metavar is not None]
SPELLINGS = [(option, flag) for option in HAVE_VALUE for flag in (*option.flags, option.long[1:])]

# Two values of each option that has one, and what becomes of them.
VALUES: dict[str, tuple[str, str]] = {
    "account": ("123456789012", "210987654321"),
    "endpoint": ("http://one:1", "https://two"),
    "log_level": ("error", "trace"),
    "s3": ("s3://one/dir", "s3://two"),
    "grace": ("10", "2.5"),
    "canary": ("1", "003"),
    "more_memory": ("1", "003"),
    "transfers": ("1", "032"),
    "max_failures": ("0", "2.5%"),
    "prices": ("vcpu=1,gb=.1", "vcpu=2,gb=0.2,spot-vcpu=1,spot-gb=0.1"),
    "max_cost": ("5", "0.25"),
    "array": ("never", "always"),
    "on_interrupt": ("terminate", "detach"),
    "progress": ("plain", "off"),
    "color": ("always", "never"),
    "sse": ("AES256", "aws:kms:dsse"),
}
# Where the settings have another name for it, or another type.
FIELDS: dict[str, tuple[str, Any]] = {
    "merge_logs": ("merge_logs", Path),
    "log_file": ("log_file", Path),
    "summary": ("summary", Path),
    "report": ("report", Path),
    "results": ("results", Path),
    "logs": ("logs_of", str),
    "files": ("files", lambda text: (text,)),
    "grace": ("grace", float),
    "canary": ("canary", int),
    "more_memory": ("more_memory", int),
    "transfers": ("transfers", int),
    "prices": ("prices", prices_of),
    "max_cost": ("max_cost", Decimal),
}


def values(dest: str) -> tuple[str, str]:
    return VALUES.get(dest, ("one", "two"))


def load(*words: str) -> Settings:
    needed = ("--prices", "aws") if any("max-cost" in word for word in words) else ()
    return parser.load([*words, *needed, "bag.in"])


def value_of(settings: Settings, dest: str) -> object:
    return getattr(settings, FIELDS[dest][0] if dest in FIELDS else dest)


def meaning(dest: str, text: str) -> object:
    return FIELDS[dest][1](text) if dest in FIELDS else text


def properties(path: Path, text: str | bytes) -> str:
    file = path / "tool.properties"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def problems(*words: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parser.load(words)
    return caught.value.lines


# -- options


@pytest.mark.parametrize(("option", "flag"), SPELLINGS, ids=[flag for _, flag in SPELLINGS])
def test_each_spelling_of_an_option_takes_its_value(option: Any, flag: str) -> None:
    first, second = values(option.dest)
    assert value_of(load(flag, first), option.dest) == meaning(option.dest, first)
    assert value_of(load(f"{flag}={second}"), option.dest) == meaning(option.dest, second)


@pytest.mark.parametrize(("option", "flag"), SPELLINGS, ids=[flag for _, flag in SPELLINGS])
def test_the_last_of_two_counts(option: Any, flag: str) -> None:
    first, second = values(option.dest)
    assert value_of(load(flag, first, option.long, second), option.dest) == meaning(option.dest, second)
    assert value_of(load(option.long, first, flag, second), option.dest) == meaning(option.dest, second)


@pytest.mark.parametrize(
    ("words", "follow", "job"),
    [
        (["bag.in"], False, None),
        (["--follow", "bag.in"], True, None),
        (["bag.in", "--follow"], True, None),
        (["--follow=one", "bag.in"], True, "one"),
        (["bag.in", "--follow=--one"], True, "--one"),
        (["--follow=one", "--follow", "bag.in"], True, None),
        (["--follow", "--follow=one", "bag.in"], True, "one"),
    ],
)
def test_all_jobs_are_followed_or_one(words: list[str], follow: bool, job: str | None) -> None:
    settings = parser.load(words)
    assert settings.submit_files == (Path("bag.in"),)
    assert (settings.follow, settings.followed_job) == (follow, job)


@pytest.mark.parametrize(
    ("words", "sse", "key"),
    [
        ([], None, None),
        (["--sse", "aes256"], "AES256", None),
        (["--sse", "AWS:KMS"], "aws:kms", None),
        (["--sse", "aws:kms:dsse", "--sse-kms-key-id", "alias/mine"], "aws:kms:dsse", "alias/mine"),
        (["--sse-kms-key-id", "alias/mine"], "aws:kms", "alias/mine"),
    ],
)
def test_a_key_of_kms_says_that_kms_encrypts(words: list[str], sse: str | None, key: str | None) -> None:
    settings = load(*words)
    assert (settings.sse, settings.sse_kms_key_id) == (sse, key)


def test_a_key_of_kms_is_for_kms_only() -> None:
    assert problems("--sse", "AES256", "--sse-kms-key-id", "k", "bag.in") == [
        "--sse-kms-key-id: a key of KMS is not for --sse AES256"
    ]
    (line,) = problems("--sse", "rot13", "bag.in")
    assert "'rot13'" in line
    assert "AES256" in line


@pytest.mark.parametrize(
    ("words", "local", "directory"),
    [
        (["bag.in"], False, "bag.local"),
        (["--local", "bag.in"], True, "bag.local"),
        (["bag.in", "--local", "more.in"], True, "bag.local"),
        (["--local", "-p", "mine", "bag.in"], True, "mine.local"),
        (["--local=some/dir", "bag.in"], True, "some/dir"),
        (["--create", "-q", "q", "--local"], True, None),
        (["--create", "-s", "s3://bucket", "--local=some/dir"], True, "some/dir"),
    ],
)
def test_the_buckets_of_the_embedded_aws_are_beside_the_journal_or_where_they_are_wanted(
    words: list[str], local: bool, directory: str | None
) -> None:
    settings = parser.load(words)
    assert (settings.local, settings.local_buckets) == (local, Path(directory) if directory else None)


def test_the_last_properties_file_counts(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("pegasus.aws.region=one")
    second.write_text("pegasus.aws.region=two")
    assert load("-C", str(first), "--conf", str(second)).region == "two"


SWITCHES = {
    "--keep": "keep",
    "--delete-log-streams": "delete_log_streams",
    "--resume": "resume",
    "--fresh": "fresh",
    "--retry-failed": "retry_failed",
    "--update": "update",
    "--detach": "detach",
    "--no-transient-retries": "transient_retries",
    "--dry-run": "dry_run",
    "--launcher": "launcher",
    "--no-records": "records",
    "--print-bag": "print_bag",
    "--print-schema": "print_schema",
    "--quiet": "quiet",
}


def test_all_switches_are_known_here() -> None:
    assert {option.long for option in OPTIONS if option.metavar is None} == {
        *SWITCHES,
        "--create",
        "--delete",
        "--json",
        "--status",
        "--watch",
        "--cancel",
        "--yes",
        "--no-results",
    }


@pytest.mark.parametrize(("value", "records"), [("true", False), ("True", False), ("false", True), ("", True)])
def test_a_property_may_be_a_switch(value: str, records: bool, tmp_path: Path) -> None:
    conf = properties(tmp_path, f"pegasus.aws.batch.no_records={value}\n")
    assert load("--conf", conf).records is records
    assert load(f"-Dpegasus.aws.batch.no_records={value or 'false'}").records is records


# -- what the bag is


def test_a_table_is_a_bag() -> None:
    settings = parser.load(
        ["--local", "--sweep", "dir/a.b.csv", "--input", "in-{x}", "--input=more", "--output", "out", "--name", "n{x}",
         "--", "run", "--input", "{x}", "--local", "-Dx", "--"]
    )  # fmt: skip
    assert (settings.sweep, settings.command) == (
        Path("dir/a.b.csv"),
        ("run", "--input", "{x}", "--local", "-Dx", "--"),
    )
    assert (settings.inputs, settings.outputs, settings.name) == (("in-{x}", "more"), ("out",), "n{x}")
    assert (settings.submit_files, settings.bag_files, settings.prefix) == ((), (Path("dir/a.b.csv"),), "a.b")


def test_the_schema_needs_no_bag() -> None:
    settings = parser.load(["--print-schema"])
    assert (settings.print_schema, settings.bag_files) == (True, ())


@pytest.mark.parametrize(
    ("words", "prefix"),
    [
        (["--commands", "all.txt"], "all"),
        (["--commands=-"], "bag"),
        (["-"], "bag"),
        (["one.in", "--local", "-"], "one"),
        (["--sweep", "-", "--", "run"], "bag"),
        (["--local", "--", "-odd.in"], "-odd"),
    ],
)
def test_the_prefix_comes_from_what_the_bag_is_in(words: list[str], prefix: str) -> None:
    assert parser.load(words).prefix == prefix
    assert parser.load(["-p", "mine", *words]).prefix == "mine"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--commands", "c", "bag.in"], "job submit files and --commands exclude each other"),
        (["--commands", "c", "--sweep", "t.csv", "--", "x"], "--commands and --sweep exclude each other"),
        (["bag.in", "--sweep", "t.csv", "--", "x"], "job submit files and --sweep exclude each other"),
        (["--sweep", "t.csv"], "give the command of the jobs behind --: --sweep t.csv -- program words"),
        (["--sweep", "t.csv", "--"], "give the command of the jobs behind --: --sweep t.csv -- program words"),
        (["--sweep", "t.csv", "--", ""], "the command behind -- has no first word"),
        (["--sweep", "t.xls", "--", "x"], "t.xls ends neither in .csv nor in .tsv"),
        (["--commands", "c", "--input", "x"], "--input is for --sweep only"),
        (["bag.in", "--output", "x"], "--output is for --sweep only"),
        (["bag.in", "--name", "x"], "--name is for --sweep only"),
        (["-", "-"], "stdin can be read only once, but - is given twice"),
        (["--create", "-q", "q", "--sweep", "t.csv", "--", "x"], "--create takes no job submit file, but got t.csv"),
        (["--create", "-q", "q", "--print-bag"], "--print-bag is for a bag of jobs, not for --create and --delete"),
    ],
)
def test_what_cannot_be_the_bag(words: list[str], problem: str) -> None:
    (line,) = problems(*words)
    assert line.partition(": ")[2] == problem


def test_results_may_stay_in_s3() -> None:
    assert load("--no-results").results is None
    with pytest.raises(InputError, match="exclude each other"):
        load("--no-results", "--results", "there")


@pytest.mark.parametrize("switch", SWITCHES)
def test_switches(switch: str) -> None:
    usual = switch.startswith("--no-")
    assert getattr(load(), SWITCHES[switch]) is usual
    assert getattr(load(switch), SWITCHES[switch]) is not usual


@pytest.mark.parametrize(
    ("words", "mode"),
    [([], Mode.RUN), (["-c"], Mode.CREATE), (["--create"], Mode.CREATE), (["-d"], Mode.DELETE)],
)
def test_modes(words: list[str], mode: Mode) -> None:
    arguments = [*words, "-q", "queue"] if words else ["bag.in"]
    assert parser.load(arguments).mode is mode


@pytest.mark.parametrize("level", LOG_LEVELS)
@pytest.mark.parametrize("spell", [str.upper, str.title, str.lower])
def test_log_levels_in_any_letter_case(level: str, spell: Any) -> None:
    assert load("-log-level", spell(level)).log_level == level


def test_what_nobody_gave() -> None:
    settings = load()
    assert settings.log_level == "info"
    assert settings.submit_files == (Path("bag.in"),)
    assert settings.files == ()
    assert (settings.grace, settings.on_interrupt, settings.progress) == (30.0, None, "auto")
    assert (settings.quiet, settings.color) == (False, "auto")
    assert settings.array == "auto"
    assert settings.results == Path("results")
    assert settings.transfers == 128
    known = {"prefix", "grace", "progress", "color", "array", "results", "transfers"}
    rest = {option.dest for option in HAVE_KEY} - known
    assert {value_of(settings, dest) for dest in rest} == {None}


def test_the_command_line_of_pegasus(tmp_path: Path) -> None:
    conf = properties(tmp_path, "pegasus.aws.batch.job_queue=arn\\:aws\\:batch\\:us-west-2\\:1\\:job-queue/q\n")
    settings = parser.load(
        ["--conf", conf, "--log-level", "debug", "--log-file", "/d/m.log", "--merge-logs", "/d/m", "--prefix", "m",
         "--s3", "s3://b/some/dir", "--files", ",a, /x/b ,,c", "extra", "--files", "d,e", "words", "/d/m.in"]
    )  # fmt: skip
    assert settings.job_queue == "arn:aws:batch:us-west-2:1:job-queue/q"
    assert settings.files == ("d", "e")
    assert settings.submit_files == (Path("extra"), Path("words"), Path("/d/m.in"))
    assert (settings.merge_logs, settings.log_file, settings.prefix) == (Path("/d/m"), Path("/d/m.log"), "m")


@pytest.mark.parametrize(
    ("text", "items"),
    [("", ()), (",", ()), (",a,,b,", ("a", "b")), (" a , b c ", ("a", "b c")), ("s3://b/k,./x", ("s3://b/k", "./x"))],
)
def test_files_may_hold_empty_items(text: str, items: tuple[str, ...]) -> None:
    assert load("--files", text).files == items


@pytest.mark.parametrize(
    ("submit_file", "prefix"),
    [("dir/merge_x-ID1.in", "merge_x-ID1"), ("bag", "bag"), (".hidden", "hidden"), ("a.b.in", "a.b"), ("...", "bag")],
)
def test_the_prefix_comes_from_the_first_submit_file(submit_file: str, prefix: str) -> None:
    assert parser.load([submit_file, "other.in"]).prefix == prefix
    assert parser.load(["-p", "mine", submit_file]).prefix == "mine"


def test_no_option_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load()
    for option in OPTIONS:
        for name in (option.dest, option.dest.upper(), f"PEGASUS_AWS_BATCH_{option.dest.upper()}"):
            monkeypatch.setenv(name, "123456789012")
        if option.key:
            monkeypatch.setenv(option.key.replace(".", "_").upper(), "123456789012")
    assert load() == before


# -- the properties file


@pytest.mark.parametrize("option", HAVE_KEY, ids=[option.dest for option in HAVE_KEY])
def test_each_property_sets_its_option(option: Any, tmp_path: Path) -> None:
    first, _ = values(option.dest)
    needed = "pegasus.aws.batch.prices = aws\n" if option.dest == "max_cost" else ""
    conf = properties(tmp_path, f"{needed}{option.key}={first}\n")
    assert value_of(load("--conf", conf), option.dest) == meaning(option.dest, first)


@pytest.mark.parametrize("option", HAVE_KEY, ids=[option.dest for option in HAVE_KEY])
def test_an_empty_value_counts_as_none_and_beats_the_properties_file(option: Any, tmp_path: Path) -> None:
    unset = value_of(load(), option.dest) or None
    conf = [
        "--conf",
        properties(tmp_path, f"pegasus.aws.batch.prices=vcpu=1,gb=1\n{option.key}={values(option.dest)[0]}\n"),
    ]
    for words in ([option.long, ""], [f"{option.long}="], [*conf, f"{option.long}="]):
        assert (value_of(load(*words), option.dest) or None) == unset
    properties(tmp_path, f"{option.key} =  \n")
    assert (value_of(load(*conf), option.dest) or None) == unset


KEYED_SPELLINGS = [(option, flag) for option, flag in SPELLINGS if option.key is not None]


@pytest.mark.parametrize("order", ["conf first", "conf last"])
@pytest.mark.parametrize(("option", "flag"), KEYED_SPELLINGS, ids=[flag for _, flag in KEYED_SPELLINGS])
def test_the_command_line_beats_the_properties_file(option: Any, flag: str, order: str, tmp_path: Path) -> None:
    first, second = values(option.dest)
    conf = ["--conf", properties(tmp_path, f"{option.key}={first}\n")]
    for words in ([flag, second], [f"{flag}={second}"]):
        both = [*conf, *words] if order == "conf first" else [*words, *conf]
        assert value_of(load(*both), option.dest) == meaning(option.dest, second)


def test_a_value_in_the_same_word_beats_the_properties_file_too(tmp_path: Path) -> None:
    conf = properties(tmp_path, "pegasus.aws.region=one\n")
    assert load("--conf", conf, "-rtwo").region == "two"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("endpoint=http://a", "http://a"),
        ("pegasus.aws.endpoint=http://b", "http://b"),
        ("endpoint=http://a\npegasus.aws.endpoint=http://b", "http://b"),
        ("pegasus.aws.endpoint=http://b\nendpoint=http://a", "http://b"),
        ("endpoint=http://a\npegasus.aws.endpoint=\n", "http://a"),
    ],
)
def test_both_names_of_the_endpoint(text: str, endpoint: str, tmp_path: Path) -> None:
    assert load("--conf", properties(tmp_path, text)).endpoint == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "pegasus.aws.region=eu-west-1",
        "pegasus.aws.region = eu-west-1   ",
        "pegasus.aws.region: eu-west-1",
        "pegasus.aws.region   eu-west-1",
        "  \t pegasus.aws.region\teu-west-1",
        "pegasus.aws.\\\n   region=eu-\\\n   west-1",
        "pegasus.aws.region=eu\\u002dwest-1",
        "pegasus\\.aws\\.region=eu\\-west\\-1",
        "# pegasus.aws.region=no\n! pegasus.aws.region=no\npegasus.aws.region=eu-west-1",
        "pegasus.aws.region=no\r\npegasus.aws.region=eu-west-1\r\n",
        "\ufeffpegasus.aws.region=eu-west-1",
        "pegasus.aws.regions=no\npegasus=no\nno value\n=\n:\npegasus.aws.region=eu-west-1",
    ],
)
def test_the_format_of_java_properties(text: str, tmp_path: Path) -> None:
    assert load("--conf", properties(tmp_path, text)).region == "eu-west-1"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-8-sig"])
def test_encodings_of_the_properties_file(encoding: str, tmp_path: Path) -> None:
    conf = properties(tmp_path, "pegasus.aws.batch.job_queue=größe\n".encode(encoding))
    assert load("--conf", conf).job_queue == "größe"


def java_escaped(text: str) -> str:
    """As java.util.Properties writes it."""
    letters = []
    for letter in text:
        if letter in " \\:=#!":
            letters.append("\\" + letter)
        elif " " < letter <= "~":
            letters.append(letter)
        else:
            units = letter.encode("utf-16-be")
            letters += [f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)]
    return "".join(letters)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# A value with white space around it, or one that looks like an option, is no name of anything.
NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=30)
CHECKED = (
    "account",
    "endpoint",
    "prefix",
    "grace",
    "on_interrupt",
    "canary",
    "more_memory",
    "transfers",
    "max_failures",
    "prices",
    "max_cost",
    "progress",
    "color",
    "array",
    "sse",
)
DESTS = {option.key: option.dest for option in HAVE_KEY if option.key and option.dest not in CHECKED}


@given(
    ours=st.dictionaries(st.sampled_from(sorted(DESTS)), NAMES),
    others=st.dictionaries(TEXTS.map(lambda text: f"pegasus.x{text}") | TEXTS.map(lambda text: f"_{text}"), TEXTS),
    separator=st.sampled_from(["=", " = ", ":", "\t", " "]),
)
def test_any_properties_file_gives_our_keys_and_ignores_the_rest(
    tmp_path_factory: pytest.TempPathFactory, ours: dict[str, str], others: dict[str, str], separator: str
) -> None:
    pairs = {**others, **ours}
    text = "".join(f"{java_escaped(key)}{separator}{java_escaped(value)}\n" for key, value in sorted(pairs.items()))
    settings = load("--conf", properties(tmp_path_factory.mktemp("conf"), text))
    found = {key: value_of(settings, dest) for key, dest in DESTS.items()}
    given = {key: meaning(DESTS[key], value) for key, value in ours.items()}
    expected = {"pegasus.aws.batch.results": Path("results"), **given}
    assert {key: value for key, value in found.items() if value is not None} == expected


def test_the_properties_of_pegasus_are_ignored_in_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = ["files", "keep", "local", "create", "delete", "conf", "help", "log-level", "merge-logs", "submit_files"]
    text = "".join(f"{key}=true\n" for key in [*keys, *(f"pegasus.{key}" for key in keys), "pegasus.home", "-c", "--c"])
    path = properties(tmp_path, text)
    assert load("--conf", path) == dataclasses.replace(load(), conf=Path(path))
    assert capsys.readouterr() == ("", "")


# -- what is refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to do"),
        (["-L", "info"], "no job submit file"),
        (["--nonsense", "bag.in"], "--nonsense"),
        (["bag.in", "-x"], "-x"),
        (["-L", "loud", "bag.in"], "loud"),
        (["--completion", "csh"], "csh"),
        (["bag.in", "-q"], "expected one argument"),
        (["-c", "-q", "q", "bag.in"], "bag.in"),
        (["-d", "-q", "q", "bag.in"], "bag.in"),
        (["-c", "-d", "-q", "q"], "exclude each other"),
        (["-c"], "-j, --ce, -q and --s3"),
        (["-a", "12", "bag.in"], "12"),
        (["-a", "12345678901x", "bag.in"], "12345678901x"),
        (["--endpoint", "ftp://x", "bag.in"], "ftp://x"),
        (["--endpoint", "localhost:80", "bag.in"], "localhost:80"),
        (["--endpoint", "https://", "bag.in"], "https://"),
        (["--endpoint", "http://[::1", "bag.in"], "http://[::1"),
        (["--endpoint", "http://host:port", "bag.in"], "http://host:port"),
        (["--endpoint", "http://127.0.0.1:99999", "bag.in"], "http://127.0.0.1:99999"),
        (["-p", "a/b", "bag.in"], "a/b"),
        (["-p", ".a", "bag.in"], ".a"),
        (["-p", "a\nb", "bag.in"], "a\\nb"),
        (["-C", "/nowhere/at.all", "bag.in"], "/nowhere/at.all"),
        (["--grace", "soon", "bag.in"], "soon"),
        (["--grace=-1", "bag.in"], "-1"),
        *(
            ([f"--canary={text}", "bag.in"], f"--canary: '{text}'")
            for text in ("0", "00", "-1", "1.5", "5%", "9" * 5000)
        ),
        *(
            ([f"--max-failures={text}", "bag.in"], f"--max-failures: '{text}'")
            for text in ("-1", "1.5", "%", "5 %", "101%", "100.1%", "many", "9" * 5000)
        ),
        (
            ["--prices", "0.04", "bag.in"],
            "--prices: '0.04' is none of vcpu=, gb=, spot-vcpu=, spot-gb=; write vcpu=0.04",
        ),
        *(
            ([f"--max-cost={text}", "--prices=aws", "bag.in"], "--max-cost: ")
            for text in ("0", "0.0", "-1", "5$", "1e3", "9" * 5000)
        ),
        (["--max-cost=5", "bag.in"], "--max-cost: without prices, no cost is known"),
        (["--max-cost=5", "--prices=AWS", "--detach", "bag.in"], "--detach"),
        (["--on-interrupt", "cry", "bag.in"], "cry"),
        (["--resume", "--fresh", "bag.in"], "exclude each other"),
        (["--fresh", "--retry-failed", "bag.in"], "exclude each other"),
        (["--update", "--retry-failed", "bag.in"], "exclude each other"),
        (["--update", "--fresh", "bag.in"], "exclude each other"),
        (["--resume", "--update", "bag.in"], "exclude each other"),
        (["--detach", "--local", "bag.in"], "--detach"),
        (["--detach", "--local=dir", "bag.in"], "--detach"),
        (["--delete", "-s", "s3://bucket", "--local"], "--local=directory"),
    ],
)
def test_wrong_usage_is_told(words: list[str], said: str) -> None:
    assert said in " ".join(problems(*words))


def test_all_problems_are_told_at_once() -> None:
    found = problems("-c", "-d", "-a", "1", "--endpoint", "x", "bag.in")
    assert len(found) >= 4


def test_a_bad_escape_in_the_properties_file_names_the_file(tmp_path: Path) -> None:
    conf = properties(tmp_path, "a=\\u00zz\n")
    assert conf in " ".join(problems("--conf", conf, "bag.in"))


def test_a_wrong_value_in_the_properties_file_is_told(tmp_path: Path) -> None:
    conf = properties(tmp_path, "pegasus.aws.account=mine\n")
    assert "mine" in " ".join(problems("--conf", conf, "bag.in"))


@given(st.lists(st.sampled_from([*(flag for _, flag in SPELLINGS), "-c", "-d", "--", "-"]) | TEXTS, max_size=6))
def test_no_command_line_makes_it_fail(words: list[str]) -> None:
    ends: list[object] = []
    try:
        settings = parser.load([*words, "--keep"])
    except InputError as error:
        ends += error.lines
    except SystemExit as left:  # --help, --version and their short forms
        ends.append(left.code == 0)
    else:
        has_bag = bool(settings.submit_files)
        has_to = {Mode.RUN: True, Mode.CREATE: False, Mode.DELETE: False}  # the others may have one
        ends.append(has_bag == has_to.get(settings.mode, has_bag))
    assert ends
    assert all(ends)


# -- help


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(LIB), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )


def test_help_shows_each_option_and_needs_no_boto3() -> None:
    done = run_python(
        "import sys\n"
        "from jobbag.cli import main\n"
        "try:\n"
        "    main(['--help', 'all'])\n"
        "finally:\n"
        "    heavy = {'boto3', 'botocore', 'moto', 'rich', 'tenacity'} & sys.modules.keys()\n"
        "    print('IMPORTED', sorted(heavy))\n"
    )
    assert "IMPORTED []" in done.stdout
    for option in OPTIONS:
        for flag in option.flags:
            assert flag in done.stdout
        if option.key:
            assert option.key in done.stdout


@pytest.mark.parametrize("word", ["--help", "--hepl"])
def test_who_only_asks_or_errs_waits_for_little(word: str) -> None:
    """Each of these costs a tenth of such a start."""
    done = run_python(
        "import sys\n"
        "from jobbag.cli import main\n"
        "try:\n"
        f"    main([{word!r}])\n"
        "finally:\n"
        "    print('IMPORTED', sorted({'logging', 'socket', 'jobbag.options.settings'} & sys.modules.keys()))\n"
    )
    assert "IMPORTED []" in done.stdout


def test_json_is_of_a_dry_run_of_jobs() -> None:
    assert load("--dry-run", "--json").json
    for words in (["--json"], ["--dry-run", "--create", "-q", "q"]):
        with pytest.raises(InputError) as refused:
            parser.load(words if "--create" in words else [*words, "bag.in"])
        assert "--dry-run" in str(refused.value)


def test_yes_is_of_delete() -> None:
    assert parser.load(["--delete", "-q", "q", "--yes"]).yes
    assert not parser.load(["--delete", "-q", "q"]).yes
    for words in (["bag.in", "--yes"], ["--create", "-q", "q", "--yes"]):
        with pytest.raises(InputError, match="--yes is for --delete only"):
            parser.load(words)


def test_bad_input_is_told_without_boto3(tmp_path: Path) -> None:
    bag = tmp_path / "bag.in"
    bag.write_text('{"SubmitJob": [{"jobName": "a", "executable": "x", "timeout": 5}, {"jobName": "b"}]}')
    done = run_python(
        "import sys\n"
        "from jobbag.cli import main\n"
        f"status = main(['-j', 'd', '-q', 'q', {str(bag)!r}])\n"
        "print(status, sorted({'boto3', 'moto', 'rich', 'tenacity'} & sys.modules.keys()))\n"
    )
    assert done.stdout == "3 []\n"
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "usage: pegasus-aws-batch "),
        (["-h"], "usage: pegasus-aws-batch "),
        (["bag.in", "--version"], f"pegasus-aws-batch {__version__}\n"),
        (["--completion", "BASH"], "complete -o default"),
        (["--completion=fish"], "complete -c pegasus-aws-batch"),
    ],
)
def test_what_only_shows_something_ends_well(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser.load(words)
    assert left.value.code == 0
    shown = capsys.readouterr()
    assert said in shown.out
    assert shown.err == ""


def test_version_tells_all_that_matters_and_needs_no_boto3() -> None:
    done = run_python(
        "import sys\n"
        "from jobbag.cli import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "finally:\n"
        "    print(sorted({'boto3', 'botocore'} & sys.modules.keys()))\n"
    )
    assert done.stdout.splitlines() == [
        f"pegasus-aws-batch {__version__}",
        f"in {LIB}",
        f"samples in {LIB}/jobbag/samples",
        f"Python {platform.python_version()} ({sys.executable})",
        ", ".join(f"{name} {metadata.version(name)}" for name in ("boto3", "botocore")),
        "[]",
    ]
