"""Answers in JSON that any text fits into."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response


class Json(Response):
    """A JSON answer in ASCII: names of files and classes may hold what UTF-8 cannot."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Numbers that are none are refused: pages could not read them."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
