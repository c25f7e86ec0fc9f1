from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.tables import Table, linear, read_linear, read_table
from tests.jobs.distill.writers.speaking import row, script, write

CSV = "model,BLEU,size\nA,31.2,0.2B\nB,33.9,7B"
CELL = st.text(max_size=12).map(lambda t: " ".join(t.split()))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    width = draw(st.integers(1, 4))
    line = st.tuples(*[CELL] * width)
    return Table(draw(CELL), draw(line), tuple(draw(st.lists(line, max_size=4))))


@given(tables())
def test_a_linear_table_reads_back_as_the_same_table(table: Table):
    assert read_linear(linear(table)) == table


@pytest.mark.parametrize("text", [CSV, CSV.replace(",", "\t"), '{"columns": ["model", "BLEU", "size"], "rows": [["A", 31.2, "0.2B"], ["B", 33.9, "7B"]]}', "| model | BLEU | size |\n|---|:-:|--|\n| A | 31.2 | 0.2B |\n| B | 33.9 | 7B |"])  # fmt: skip
def test_every_way_to_write_a_table_gives_the_same(text: str):
    assert read_table(text) == Table("", ("model", "BLEU", "size"), (("A", "31.2", "0.2B"), ("B", "33.9", "7B")))


@pytest.mark.parametrize(("text", "why"), [("just words", "at least one row"), ("a,b\n1", "between 1 and 2 cells"), ('{"a": 1}', "a line of column names")])  # fmt: skip
def test_no_table_is_said_in_words(text: str, why: str):
    with pytest.raises(Unusable, match=why):
        write("table-reasons", row(text, "x"), script(""))


def test_the_row_reads_the_line_and_keeps_reasons_apart():
    (made,) = write(
        "table-reasons", row(CSV, "B is better."), script("B has 33.9, A 31.2.\nDescription: B wins\nby 2.7.")
    )
    assert read_linear(made.messages[-1]["content"]) == read_table(CSV)
    assert (
        made.answer == "B has 33.9, A 31.2.\nDescription: B wins by 2.7."
        and made.fields["rationale"] == "B has 33.9, A 31.2."
    )
    (gold,) = write(
        "table-reasons", row(CSV, "B is better."), script("r\nDescription: B wins."), gold=True, reasons=False
    )
    assert gold.answer == "B is better."
