"""What is wrong with credentials or their files is told at once, by the name of file or helper. No secret is."""

from __future__ import annotations

import functools
import getpass
import gzip
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import botocore.loaders
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

from jobbag.aws import connection
from jobbag.aws.connection import Access, Connection
from jobbag.aws.credentials import identify
from jobbag.aws.faults import NoCredentials
from jobbag.errors import InputError

from ..builders import heard

SECRET = "SECRET-SECRET-SECRET"
ROLE = "arn:aws:iam::123456789012:role/r"
_loader = functools.cache(botocore.loaders.create_loader)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home with nothing in it, on a machine with nothing of AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(botocore.session, "create_loader", _loader)
    for name, value in (("HOME", str(tmp_path)), ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_REGION", "eu-west-3")):
        monkeypatch.setenv(name, value)
    (tmp_path / ".aws").mkdir()
    return tmp_path


def refused() -> str:
    """What is said when nothing can begin."""
    with pytest.raises(InputError) as caught:
        Connection(Access())
    assert SECRET not in str(caught.value)
    assert len(caught.value.lines) == 1
    return str(caught.value)


def configure(home: Path, text: str) -> None:
    (home / ".aws" / "config").write_text(text)


@pytest.mark.parametrize(("ending", "opened"), [(".json", open), (".json.gz", gzip.open)])
def test_a_service_of_the_users_own_is_known(ending: str, opened: Any, home: Path) -> None:
    configure(home, f"[default]\ndata_path = {home / 'models'}\n")
    model = home / "models" / "mine" / "2020-01-01" / f"service-2{ending}"
    model.parent.mkdir(parents=True)
    with opened(model, "wb") as file:
        file.write(b'{"metadata": {}, "shapes": {"A": {"members": {"b": {}, "a": {}}}}}')
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": SECRET}
    loader = identify("eu-west-3", keys, may_ask=False).core.get_component("data_loader")
    assert list(loader.load_service_model("mine", "service-2")["shapes"]["A"]["members"]) == ["b", "a"]
    with pytest.raises(botocore.exceptions.UnknownServiceError):
        loader.load_service_model("other", "service-2")


def helper(home: Path, script: str, *arguments: str) -> None:
    (home / "get-keys").write_text(f"#!/bin/sh\n{script}\n")
    (home / "get-keys").chmod(0o755)
    configure(home, f"[default]\ncredential_process = {' '.join([str(home / 'get-keys'), *arguments])}\n")


def printed(**changes: object) -> str:
    keys = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": SECRET, "SessionToken": "c", **changes}
    return f"printf %s '{json.dumps({name: value for name, value in keys.items() if value is not None})}'"


def in_minutes(minutes: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- helpers


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo Please log in", "no JSON"),
        (":", "no JSON"),
        (r"printf '\377\376'", "no UTF-8"),
        ("echo '[1]'", "not as AWS wants it"),
        ("echo null", "not as AWS wants it"),
        ("echo 'The session is over. Log in again.' >&2; exit 1", "The session is over"),
        (f"echo 'token {SECRET}A1 is bad' >&2; exit 1", r"token \*\*\* is bad"),
        ("exit 1", "no reason is given"),
        (r"printf '\377' >&2; exit 1", "no UTF-8"),
        (printed(Version=2), "Unsupported version '2'"),
        (printed(AccessKeyId=None), "'AccessKeyId'"),
        (printed(AccessKeyId=7), "not as AWS wants it|access key id"),
        (printed(SessionToken=7), "session token"),
        (printed(SecretAccessKey=[SECRET]), "secret access key|not as AWS wants it"),
        (printed(SessionToken=f"{SECRET}\n"), "session token has a line break"),
        (printed(Expiration="soon"), "Expiration"),
        (printed(Expiration=7), "Expiration"),
        (printed(Expiration=""), "Expiration"),
        (printed(Expiration="2099-01-01T00:00:00"), "Expiration"),
        (printed(Expiration="2001-01-01T00:00:00Z"), "expired already"),
    ],
)
def test_what_a_helper_does_wrong_is_told_at_once(script: str, words: str, home: Path) -> None:
    helper(home, script, SECRET)
    said = refused()
    assert said.startswith("AWS credentials: credential_process of the profile default (")
    assert "get-keys)" in said
    assert re.search(words, said), said


@pytest.mark.parametrize("command", ["/no/such/helper", "'never ends", "/etc"])
def test_a_helper_that_cannot_run_is_named(command: str, home: Path) -> None:
    configure(home, f"[default]\ncredential_process = {command} {SECRET}\n")
    assert "credential_process of the profile default" in refused()


def test_that_credentials_have_expired_is_told_now_and_then_though_they_are_read_again_and_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(home, f"[ ! -e '{home}/over' ] || exec echo log in first\n{printed()}")
    clock = SimpleNamespace(now=1e6)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(connection, "time", clock)
    ours = Connection(Access())
    (home / "over").touch()
    told = ["WARNING the AWS credentials have expired; reading them again until they are renewed"]
    with heard(connection.__name__) as said:
        for later in (20, 0.5, 0.5, 20, 20, 60):
            clock.now += later
            ours.renew()
        assert said == told
        clock.now += 3600
        ours.renew()
    assert said == told * 2


def test_the_helper_of_the_profile_below_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(home, "echo no")
    with (home / ".aws" / "config").open("a") as config:
        config.write(f"[profile high]\nrole_arn = {ROLE}\nsource_profile = default\n")
    monkeypatch.setenv("AWS_PROFILE", "high")
    assert "credential_process of the profile default" in refused()


# -- files and variables


@pytest.mark.parametrize("name", ["config", "credentials"])
@pytest.mark.parametrize(
    "content",
    [
        f"aws_secret_access_key = {SECRET}\n".encode(),
        f"[default]\n{SECRET}\n".encode(),
        f"[default\naws_secret_access_key = {SECRET}\n".encode(),
        b"[default]\nregion = \xff\xfe\n",
        f"[default]\n[default]\nregion = {SECRET}\n".encode(),
        f"[default]\ns3 =\n  {SECRET}\n".encode(),
    ],
)
def test_a_malformed_file_is_named(name: str, content: bytes, home: Path) -> None:
    (home / ".aws" / name).write_bytes(content)
    said = refused()
    assert str(home / ".aws" / name) in said
    assert said.startswith("AWS configuration: ")


def test_a_profile_that_does_not_exist_leads_to_those_that_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "reserch")
    (home / ".aws" / "config").write_text("[profile research]\n[profile teaching]\n")
    assert refused().endswith("; there are research, teaching; did you mean research?")
    (home / ".aws" / "config").write_text("")
    assert refused().endswith("; there are none")


@pytest.mark.parametrize("installed", [True, False])
def test_no_command_is_named_that_is_not_there(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if installed else None)
    assert ("`aws configure`" in refused()) == installed


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_file_that_cannot_be_read_is_named_where_something_is_missing(name: str, home: Path) -> None:
    (home / ".aws" / name).mkdir()  # which nobody can read, not even who may read everything
    said = refused()
    assert said.startswith("AWS credentials: none found")
    assert f"{home / '.aws' / name} cannot be read: Is a directory" in said


def test_a_file_that_cannot_be_read_hurts_nobody_who_needs_it_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".aws" / "config").mkdir()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert Connection(Access()).region == "eu-west-3"
    monkeypatch.delenv("AWS_REGION")
    assert "config cannot be read" in refused()


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " ", "\u00e9"])
def test_a_variable_with_what_no_key_has_is_named(name: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(each, SECRET + (end if each == name else ""))
    assert refused().startswith("AWS credentials: the environment")


@pytest.mark.parametrize("line", ["s3 = x", "region = a b", "request_checksum_calculation = x"])
def test_a_setting_that_cannot_be_is_no_internal_error(line: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    configure(home, f"[default]\n{'' if 'region' in line else 'region = eu-west-3'}\n{line}\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(InputError, match=r"AWS (configuration|region): "):
        Connection(Access()).client("s3", "a b" if "region" in line else "eu-west-3")


def test_half_a_pair_of_keys_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    assert "AWS_SECRET_ACCESS_KEY" in refused()


# -- the region


def test_which_region_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(home, "[default]\nregion = us-west-1\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Connection(Access(region="us-east-2")).region == "us-east-2"
    assert Connection(Access()).region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "")
    assert Connection(Access()).region == "us-west-2"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert Connection(Access()).region == "us-west-1"


# -- a second factor


class Sts:
    """Answers AssumeRole, as AWS would."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.minutes = 60.0

    def send(self, request: Any) -> AWSResponse:
        form = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        found = re.search(r"TokenCode=(\w+)", form)
        self.codes.append(found[1] if found else "")
        keys = (
            f"<AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>t</SessionToken>"
        )
        content = f"<Credentials>{keys}<Expiration>{in_minutes(self.minutes)}</Expiration></Credentials>"
        body = f"<AssumeRoleResponse><AssumeRoleResult>{content}</AssumeRoleResult></AssumeRoleResponse>".encode()
        if self.codes[-1] == "000000":
            body = (
                b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>invalid MFA</Message></Error></ErrorResponse>"
            )
        return AWSResponse(request.url, 403 if self.codes[-1] == "000000" else 200, {}, _Raw(body))  # type: ignore[arg-type]


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


@pytest.fixture
def sts(home: Path, monkeypatch: pytest.MonkeyPatch) -> Sts:
    """It, and a profile with a role that wants a code of MFA."""
    found = Sts()
    monkeypatch.setattr(URLLib3Session, "send", lambda _, request: found.send(request))
    monkeypatch.setenv("AWS_PROFILE", "mfa")
    keys = "aws_access_key_id = a\naws_secret_access_key = b"
    mfa = f"role_arn = {ROLE}\nsource_profile = below\nmfa_serial = arn:aws:iam::123456789012:mfa/me"
    configure(home, f"[profile below]\n{keys}\n[profile mfa]\n{mfa}\n")
    return found


def type_in(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a terminal, where the user types this."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _: code)


def test_a_code_is_asked_for_on_a_terminal_and_then_kept_as_the_aws_command_keeps_it(
    sts: Sts, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in("123456", monkeypatch)
    Connection(Access())
    assert sts.codes == ["123456"]
    # The aws command makes the name of the file from the role and the device.
    of_aws = {"RoleArn": ROLE, "SerialNumber": "arn:aws:iam::123456789012:mfa/me"}
    name = hashlib.sha1(json.dumps(of_aws, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    kept = home / ".aws" / "cli" / "cache" / f"{name}.json"
    assert json.loads(kept.read_text())["Credentials"]["AccessKeyId"] == "ROLE"
    assert kept.stat().st_mode & 0o077 == 0


def test_what_the_aws_command_has_kept_is_used(sts: Sts, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as terminal:
        type_in("123456", terminal)
        Connection(Access())
    connection = Connection(Access())  # without a terminal
    assert len(sts.codes) == 1
    assert connection.client("s3", "eu-west-3") is not None
    (kept,) = (home / ".aws" / "cli" / "cache").iterdir()
    for bad in ("no", "{}", '{"Credentials": 7}', '{"Credentials": {"AccessKeyId": "a"}}'):
        kept.write_text(bad)
        assert (
            "a code of MFA is needed; on a terminal, `aws sts get-caller-identity --profile mfa` asks for it"
            in refused()
        )


def test_without_a_terminal_nobody_is_asked(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(question: str) -> str:
        raise AssertionError(question)

    monkeypatch.setattr(getpass, "getpass", nobody)
    assert "a code of MFA is needed" in refused()
    assert sts.codes == []


def test_a_wrong_code_is_told(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in("000000", monkeypatch)
    assert "AssumeRole failed: invalid MFA (AccessDenied)" in refused()
    assert sts.codes == ["000000"]


def test_a_home_that_cannot_be_written_to_keeps_nothing(sts: Sts, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".aws" / "cli").touch()  # where a directory would have to be
    type_in("123456", monkeypatch)
    Connection(Access())
    assert sts.codes == ["123456"]


def test_in_the_middle_of_a_run_nobody_is_asked(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen belongs to the run; another terminal can renew what the aws command keeps."""
    type_in("123456", monkeypatch)
    sts.minutes = 5  # so little that they are renewed before each call
    ours = Connection(Access())
    monkeypatch.setattr(ours, "_made", 0.0)
    ours.renew()
    with pytest.raises(NoCredentials, match="code of MFA"):
        ours.ask("batch", "DescribeJobs", "eu-west-3", {"jobs": ["x"]})
    assert sts.codes == ["123456"]
