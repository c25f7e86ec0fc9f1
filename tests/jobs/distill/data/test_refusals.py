"""Refused rows are told by what is the matter with them, wherever they stand in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.data.scan import scan

GOOD = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})
TOOL = json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "tool", "content": "a"}]})
OPEN = json.dumps({"messages": [{"role": "user", "content": "q"}]})


@pytest.mark.parametrize(
    ("first", "then", "says"),
    [
        ("{no json", TOOL, {"bad_rows": "150 rows of 152", "unsupported_rows": "1 row is left out: line 152"}),
        (TOOL, "{no json", {"bad_rows": "1 row of 152 cannot be imported. line 152", "unsupported_rows": "line 2, turn 2"}),
        (OPEN, TOOL, {"open_ended": "(line 2, 3, 4, 5, 6)", "unsupported_rows": "line 152"}),
    ],
)  # fmt: skip
def test_a_kind_of_refusal_that_comes_late_is_told_too(tmp_path: Path, first: str, then: str, says: dict[str, str]) -> None:  # fmt: skip
    path = tmp_path / "upload"
    path.write_text("\n".join([GOOD, *[first] * 150, then]), encoding="utf-8")
    found = {p.code: p.message for p in scan(path, "x.jsonl").problems}
    for code, words in says.items():
        assert words in found[code]
