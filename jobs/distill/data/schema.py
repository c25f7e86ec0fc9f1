"""The columns of canonical rows in Parquet. Apart from `rows`: a first look at a text file loads no pyarrow."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("answer", pa.string()),
        ("split", pa.string()),
        ("line", pa.int64()),
        ("source_id", pa.string()),
        (
            "fields",
            pa.string(),
        ),  # JSON: domain, rationale, chosen, rejected, ranked, privileged, weight, paint, soft; null: none
    ]
)
