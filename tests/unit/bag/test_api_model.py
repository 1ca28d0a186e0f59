"""What AWS's own model of its API says about a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobbag.bag import api_model

from ..builders import JSON_VALUES, api_fields

OPERATIONS = ["SubmitJob", "RegisterJobDefinition", "CreateComputeEnvironment", "CreateJobQueue"]


@pytest.mark.parametrize(
    ("operation", "request_", "found"),
    [
        ("SubmitJob", {"jobName": "a", "jobQueue": "q", "jobDefinition": "d"}, []),
        ("SubmitJob", {"jobName": "a", "jobQueue": "q"}, [("jobDefinition", "is missing")]),
        ("CreateJobQueue", {"jobQueueName": "q", "priority": True}, [("priority", "must be a whole number, not true")]),
        ("CreateJobQueue", {"jobQueueName": "q", "priority": 1.5}, [("priority", "must be a whole number, not 1.5")]),
        ("CreateJobQueue", {"jobQueueName": None, "priority": 1}, [("jobQueueName", "must be a string, not null")]),
        ("CreateJobQueue", {"jobQueueName": "q", "priority": 1, "state": "enabled"}, []),
        (
            "CreateJobQueue",
            {"jobQueueName": "q", "priority": 1, "state": "ON"},
            [("state", "'ON' is none of ENABLED, DISABLED")],
        ),
        (
            "CreateJobQueue",
            {"jobQueueName": "q", "priority": 1, "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": []}]},
            [("computeEnvironmentOrder[0].computeEnvironment", "must be a string, not a list")],
        ),
        (
            "RegisterJobDefinition",
            {"jobDefinitionName": "d", "type": "container", "containerProperties": {"imagee": "x"}},
            [("containerProperties.imagee", "is no field of AWS Batch; did you mean image?")],
        ),
        (
            "RegisterJobDefinition",
            {"jobDefinitionName": "d", "type": "container", "parameters": {"a": 1}},
            [("parameters.a", 'must be a string, not 1; write "1"')],
        ),
        (
            "RegisterJobDefinition",
            {"jobDefinitionName": "d", "type": "container", "containerProperties": {"privileged": "yes"}},
            [("containerProperties.privileged", "must be true or false, not 'yes'")],
        ),
    ],
)
def test_problems_name_field_and_reason(operation: str, request_: dict[str, Any], found: list[object]) -> None:
    assert api_model.problems(operation, request_) == found


def test_what_is_given_later_is_not_missed_but_still_checked() -> None:
    given_later = ("jobName", "jobQueue", "jobDefinition")
    assert api_model.problems("SubmitJob", {}, given=given_later) == []
    assert api_model.problems("SubmitJob", {"jobQueue": 7}, given=given_later) == [
        ("jobQueue", 'must be a string, not 7; write "7"')
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
@given(st.data())
def test_any_value_in_any_field_is_judged(operation: str, data: st.DataObject) -> None:
    fields = st.sampled_from(api_fields(operation)) | st.text(max_size=5)
    request = data.draw(st.dictionaries(fields, JSON_VALUES, max_size=4))
    assert all(what for _, what in api_model.problems(operation, request))


def test_requests_that_the_model_accepts_are_accepted_by_the_client() -> None:
    """The check agrees with botocore's own, which would raise in the middle of a run."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    model = ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")

    @given(st.sampled_from(OPERATIONS), st.data())
    def agrees(operation: str, data: st.DataObject) -> None:
        fields = st.sampled_from(api_fields(operation))
        request = data.draw(st.dictionaries(fields, JSON_VALUES, max_size=4))
        if not api_model.problems(operation, request):
            shape = model.operation_model(operation).input_shape
            assert shape is not None
            report = ParamValidator().validate(request, shape)
            assert report.generate_report() == ""

    agrees()
