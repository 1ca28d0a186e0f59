"""What the trace log shows of a request: no secret, and all else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.aws.redaction import Redacted, shown_command

from ..builders import JSON_VALUES

SECRET = "hunter2"


def shown(content: dict[str, Any]) -> str:
    return str(Redacted(content))


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DB_PASSWORD", "db_passwd", "API_KEY", "apiKey", "MY_CREDENTIALS",
     "GITHUB_TOKEN", "client-secret", "token", "DEPLOYKEY", "DB_PASS", "SSH_PRIVATE_KEY_PEM", "db_pass"],
)  # fmt: skip
def test_a_secret_is_not_shown_wherever_it_stands(name: str) -> None:
    variable = {"name": name, "value": SECRET}
    for content in (
        {name: SECRET},
        {"containerOverrides": {"environment": [{"name": "A", "value": "b"}, variable]}},
        {"jobs": [{"container": {"environment": [variable], "logConfiguration": {"options": {name: SECRET}}}}]},
        {"tags": {name: SECRET}},
        {"deep": ({"tuple": [variable]},)},
    ):
        assert SECRET not in shown(content)
        assert name in shown(content)


@pytest.mark.parametrize("name", ["LD_TUNE", "X", "odd.name", "PEGASUS_TOKEN"])
def test_the_value_of_a_variable_is_shown_only_if_its_name_is_known_to_be_harmless(name: str) -> None:
    for content in (
        {"containerOverrides": {"environment": [{"name": name, "value": SECRET}]}},
        {"jobs": [{"container": {"environment": [{"name": name, "value": SECRET}]}}]},
        {"eksProperties": {"podProperties": {"containers": [{"env": [{"name": name, "value": SECRET}]}]}}},
        {"parameters": {name: SECRET}},
        {"Body": f"export {name}={SECRET}".encode()},
        {"containerOverrides": {"command": ["sh", "-c", f"export {name}='{SECRET} {SECRET}' B=c; {name}={SECRET}"]}},
        {"events": [{"message": f"{name}={SECRET}"}]},
    ):  # fmt: skip
        assert SECRET not in shown(content)


@pytest.mark.parametrize("words", [["--password", SECRET], ["--api-key", SECRET], [f"--token={SECRET}"]])
def test_options_that_sound_like_a_secret_are_not_shown(words: list[str]) -> None:
    assert SECRET not in shown({"containerOverrides": {"command": ["run", *words, "other"]}})
    assert "other" in shown({"containerOverrides": {"command": ["run", *words, "other"]}})


def test_a_signed_url_is_not_shown() -> None:
    for url in (f"https://b.s3.amazonaws.com/k?X-Amz-Signature={SECRET}", f"https://me:{SECRET}@host/k"):
        variable = {"name": "TRANSFER_INPUT_FILES", "value": f"{url},s3://b/plain"}
        assert SECRET not in shown({"environment": [variable], "command": [url], "statusReason": f"no {url}"})
        assert "s3://b/plain" in shown({"environment": [variable]})


@pytest.mark.parametrize("field", ["nextToken", "nextForwardToken", "nextBackwardToken", "jobName", "Key", "value"])
def test_what_is_no_secret_is_shown(field: str) -> None:
    assert SECRET in shown({field: SECRET})
    assert SECRET in shown({"environment": [{"name": "PEGASUS_JOB_NAME", "value": SECRET}]})


def test_the_content_is_left_as_it_was() -> None:
    content = {"environment": [{"name": "TOKEN", "value": SECRET}]}
    shown(content)
    assert content == {"environment": [{"name": "TOKEN", "value": SECRET}]}


def test_headers_of_the_answer_are_left_out() -> None:
    assert shown({"jobs": [], "ResponseMetadata": {"RequestId": "1"}}) == '{"jobs": []}'


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES | st.binary() | st.datetimes()))
def test_anything_can_be_shown_on_one_line(content: dict[str, Any]) -> None:
    text = shown(content)
    assert "\n" not in text
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--password", SECRET, "other"], ["run", "--password", "***", "other"]),
        (["run", f"--api-key={SECRET}"], ["run", "--api-key=***"]),
        (
            ["sh", "-c", f"A={SECRET} B='{SECRET} c' fit --token {SECRET}; echo done"],
            ["sh", "-c", "A=*** B=*** fit --token ***; echo done"],
        ),
        (
            ["sh", "-c", f"curl -H 'Authorization: Bearer {SECRET}' url"],
            ["sh", "-c", "curl -H 'Authorization: *** ***' url"],
        ),
        (["post", f'{{"password": "{SECRET}", "n": 1}}'], ["post", '{"password": ***, "n": 1}']),
        (["get", f"https://me:{SECRET}@host/a?sig={SECRET}"], ["get", "https://***@host/a?***"]),
    ],
)
def test_a_command_for_people_has_no_secret(words: list[str], told: list[str]) -> None:
    assert shown_command(words) == told


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "--alpha=0.5", "seed=4", "--out", "a:b", "s3://bucket/key", "-n", "3"],
        ["sh", "-c", "for i in 1 2; do fit --seed $i < in.txt | tee out.$i; done && echo 'a: b'"],
        ["sh", "-c", "echo $PEGASUS_JOB_NAME; PEGASUS_X=1 run --verbose --quiet"],
    ],
)
def test_what_is_no_secret_stays_in_a_command_for_people(words: list[str]) -> None:
    assert shown_command(words) == words


@pytest.mark.parametrize("piece", ["a", "a-", "a.", "1", "'", "a:", "--a ", "a=", "Bearer ", "_"])
def test_a_long_word_takes_no_longer_than_many_short_ones(piece: str) -> None:
    """Where the time grows with the square of the length, or its cube, this does not come to its end."""
    word = piece * (100_000 // len(piece))
    assert shown_command(["run", word])
    assert str(Redacted({"command": [word]}))
