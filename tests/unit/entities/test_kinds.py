"""The names of the kinds of entities are those of the API, of the command line and of the properties file."""

from __future__ import annotations

import pytest

from jobbag.entities.kinds import JOB_ENTITIES, KINDS, Kind
from jobbag.options.table import PROPERTIES

from ..builders import api_fields

KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@KIND
def test_the_api_knows_its_calls_and_fields(kind: Kind) -> None:
    assert kind.name_field in api_fields(kind.create)
    assert kind.list_field in api_fields(kind.describe)
    for operation in (kind.update, kind.delete):
        assert operation is None or kind.field in api_fields(operation)


@KIND
def test_the_option_and_the_key_of_the_properties_file_are_one(kind: Kind) -> None:
    assert PROPERTIES[kind.key] == kind.option


def test_jobs_name_their_own_by_fields_of_submit_job() -> None:
    assert list(JOB_ENTITIES) == ["jobQueue", "jobDefinition"]
    assert set(JOB_ENTITIES) <= set(api_fields("SubmitJob"))
