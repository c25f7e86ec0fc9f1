"""Parquet: bytes of a file, or a good file with bytes changed."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from .harness import fuzz, hostile


def good(**columns: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


if __name__ == "__main__":
    talk = [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]]
    fuzz("x.parquet", [*hostile(".parquet"), good(text=["a", "b"], label=[1.5, None]), good(messages=talk)])
