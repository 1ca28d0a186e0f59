"""Requests and answers of AWS as the trace log shows them: without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(r"secret|(?<!next)(?<!Forward)(?<!Backward)token|passw|credential|_key$|apikey", re.IGNORECASE)


class Redacted:
    """A request or an answer for the trace log: made into text only when it is logged, without secrets."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    def __str__(self) -> str:
        return json.dumps(_without_secrets(self.content), default=str, ensure_ascii=False)


def _without_secrets(content: Any) -> Any:
    if isinstance(content, Mapping):
        if isinstance(content.get("name"), str) and "value" in content and _SECRET.search(content["name"]):
            return {**content, "value": "***"}
        return {
            key: "***" if _SECRET.search(str(key)) and isinstance(value, str) else _without_secrets(value)
            for key, value in content.items()
            if key != "ResponseMetadata"
        }
    return [_without_secrets(item) for item in content] if isinstance(content, (list, tuple)) else content
