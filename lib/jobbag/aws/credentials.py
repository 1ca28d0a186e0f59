"""The credentials of AWS on this machine, and what is wrong with them or their files: in words that hold no secret."""

from __future__ import annotations

import getpass
import gzip
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.configprovider
import botocore.exceptions as exceptions
import botocore.session
from botocore.credentials import create_credential_resolver
from botocore.loaders import JSONFileLoader
from botocore.utils import JSONFileCache

from jobbag.aws.faults import NoCredentials, is_of, is_transient
from jobbag.errors import PROG, InputError
from jobbag.hints import command_of_aws, did_you_mean, some_of

CLI_CACHE = "~/.aws/cli/cache"  # of the aws command: who has typed a code of MFA there need not do it here
NONE_FOUND = "none found"
SHOWN = 200  # characters of what a helper or botocore says

_OF_ROLES = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_FIT = re.compile(r"[!-~]*")
_LIKE_A_SECRET = re.compile(r"(?=\S*[0-9]|[A-Z_]{12})\S{12,}")


# The variables of a session of botocore, which neither the environment nor a file sets.
_NOTHING = {
    name: (None, None, os.devnull if name in ("config_file", "credentials_file") else default, cast)
    for name, (_, _, default, cast) in botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
}


class _Models(JSONFileLoader):
    """Reads what botocore knows of the services into plain dicts, which take a third less time and memory."""

    def load_file(self, file_path: str) -> Any:
        """What the file holds, whose ending is to be found; None if there is none."""
        for ending, opened in ((".json", open), (".json.gz", gzip.open)):
            with suppress(FileNotFoundError), opened(f"{file_path}{ending}", "rb") as file:
                return json.loads(file.read())
        return None


@dataclass(frozen=True)
class Identity:
    """A session of boto3, and the credentials that it has found."""

    session: Any
    core: Any  # of botocore, below it
    credentials: Any

    def check(self) -> None:
        """See that there are credentials that can be sent. Those of a role are fetched.

        Raises InputError, but not for an outage, which the first call meets again.
        """
        try:
            frozen = self.credentials.get_frozen_credentials()
        except Exception as error:
            if is_transient(error) or is_of(error, "botocore.parsers"):
                return
            raise InputError.of("AWS credentials", self.told(error)) from None
        for name, value in zip(("access key id", "secret access key", "session token"), frozen[:3], strict=True):
            if value is not None and not (isinstance(value, str) and _FIT.fullmatch(value)):
                raise InputError.of("AWS credentials", self._of(f"the {name} has a line break, or what else none has"))

    def told(self, error: BaseException) -> str:
        """Why there are no credentials, and whose fault that is."""
        return str(error) if isinstance(error, NoCredentials) else self._of(words(error))

    def _of(self, what: str) -> str:
        if self.credentials is not None and self.credentials.method == "env":
            return f"the environment (AWS_ACCESS_KEY_ID and the like): {what}"
        return f"{_source(self.core)}: {what}"


def identify(region: str | None, keys: Mapping[str, str], *, may_ask: bool, alone: bool = False) -> Identity:
    """Read the configuration, and look for credentials if no `keys` are given.

    `may_ask`: the user, for a code of MFA. `alone`: nothing of what the user has for AWS counts, be it variables or
    files. Raises InputError.
    """
    core: Any = botocore.session.Session(_NOTHING) if alone else botocore.session.get_session()
    # Unlike botocore, the aws command and the other SDKs heed AWS_REGION, and before all else.
    region = region or os.environ.get("AWS_REGION") or None
    core.register("before-send", refuse_unfit)
    try:
        core.get_component("data_loader").file_loader = _Models()
        session: Any = boto3.Session(botocore_session=core, region_name=region, **keys)
        if not keys:
            core.register_component("credential_provider", _provider(core, may_ask=may_ask))
        identity = Identity(session, core, session.get_credentials())
    except Exception as error:  # botocore lets out whatever it meets
        if is_of(error, "botocore.credentials"):
            raise InputError.of("AWS credentials", Identity(None, core, None).told(error)) from None
        what = f"{words(error)}{_profiles(core, error)}"
        raise InputError.of("AWS configuration", _with_files(core, what)) from None
    if identity.credentials is None:
        raise InputError.of("AWS credentials", _with_files(core, f"{NONE_FOUND}; {_how_to_have_some()}"))
    if session.region_name is None:
        what = "none given; use --region, pegasus.aws.region or AWS_REGION"
        raise InputError.of("AWS region", _with_files(core, what))
    return identity


def refuse_unfit(request: Any, **_: Any) -> None:
    """A hook of botocore, before a request is sent: else the error of an unfit header would show what it is."""
    for name in ("Authorization", "X-Amz-Security-Token"):
        value = request.headers.get(name, b"")
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        if not text.isascii() or not text.isprintable():
            raise NoCredentials(what="the access key id or the session token has a line break, or what else none has")


def _provider(core: Any, *, may_ask: bool) -> Any:
    """Where credentials are looked for: as botocore does, but with the cache of the aws command for roles."""
    cache: Any = RoleCache(os.path.expanduser(CLI_CACHE))
    found: Any = create_credential_resolver(core, cache=cache)

    def ask(question: str) -> str:
        if not may_ask or sys.stdin is None or not sys.stdin.isatty():
            profile = core.get_config_variable("profile")
            command = command_of_aws(f"sts get-caller-identity{f' --profile {profile}' if profile else ''}")
            asks = f"{command} asks for it" if command else f"{PROG} asks for it"
            raise NoCredentials(what=f"{_source(core)}: a code of MFA is needed; on a terminal, {asks}")
        return getpass.getpass(question)

    found.get_provider("assume-role")._prompter = ask  # botocore has no public place for it
    return found


class RoleCache(JSONFileCache):
    """The credentials of roles, in files. What is no good there is not there."""

    def __contains__(self, key: str) -> bool:
        try:
            found = self[key]["Credentials"]
            return all(isinstance(found[name], str) for name in _OF_ROLES) and bool(_DATE.match(found["Expiration"]))
        except (KeyError, TypeError):
            return False

    def __setitem__(self, key: str, value: Mapping[str, Any]) -> None:
        with suppress(OSError):  # a home that cannot be written to
            super().__setitem__(key, value)


# -- words


def words(error: BaseException) -> str:
    """What an error of botocore means. Not shown are what a helper prints, and words like secrets in its complaint."""
    if isinstance(error, exceptions.ClientError):
        told = error.response.get("Error", {})
        return f"{error.operation_name} failed: {told.get('Message')} ({told.get('Code')})"
    if isinstance(error, exceptions.RefreshWithMFAUnsupportedError):
        return "the role needs a new code of MFA"
    if isinstance(error, exceptions.CredentialRetrievalError):
        said = str(error.kwargs.get("error_msg", error)).strip().splitlines() or ["no reason is given"]
        return _LIKE_A_SECRET.sub("***", said[-1])[:SHOWN]
    if isinstance(error, exceptions.BotoCoreError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return "what it prints is no JSON"
    if isinstance(error, UnicodeDecodeError):
        return "what it prints is no UTF-8"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, RuntimeError):  # of botocore: "the refreshed credentials are still expired"
        return "what it gives has expired already"
    if is_of(error, "botocore.credentials"):
        return "what it gives is not as AWS wants it: look at its Version, AccessKeyId, SecretAccessKey and Expiration"
    return f"a setting has a value of another kind than it can have: {error}"[:SHOWN]


def _profiles(core: Any, error: BaseException) -> str:
    """Where a profile does not exist: those that there are."""
    if not isinstance(error, exceptions.ProfileNotFound):
        return ""
    wanted, there = str(error.kwargs.get("profile")), core.available_profiles
    return f"; there are {some_of(there, wanted)}{did_you_mean(wanted, there)}" if there else "; there are none"


def _how_to_have_some() -> str:
    command = command_of_aws("configure")
    return f"{f'run {command}, or ' if command else ''}set AWS_PROFILE or AWS_ACCESS_KEY_ID"


def _source(core: Any) -> str:
    """Who gives the credentials of the profile: its helper, or that of the profile that it rests on."""
    name = core.get_config_variable("profile") or "default"
    profiles: Mapping[str, Any] = core.full_config.get("profiles", {})
    seen: list[str] = []
    while name in profiles and name not in seen:
        seen.append(name)
        if helper := profiles[name].get("credential_process"):
            return f"credential_process of the profile {name} ({_program(helper)})"
        name = profiles[name].get("source_profile")
    return f"the profile {seen[0]}" if seen else "what this machine gives"


def _program(command: str) -> str:
    """Its arguments may be secrets."""
    with suppress(ValueError):  # quotes that do not end
        return shlex.split(command)[0]
    return command.split()[0]


def _with_files(core: Any, what: str) -> str:
    """With the files that cannot be read, which botocore passes over."""
    for name in ("config_file", "credentials_file"):
        path = os.path.expanduser(os.path.expandvars(core.get_config_variable(name)))
        try:
            with open(path, "rb"):
                pass
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            what += f"; {path} cannot be read: {error.strerror}"
    return what
