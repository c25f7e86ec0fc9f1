"""What is in a dataset: facts for the plan compiler, numbers for the page, and the rows behind every number.

short.py          one pass: DataFacts, lengths of a sample, labels, copies (what the command line and the samples need)
deep.py           the whole profile of a version: everything below, over a stated sample
sample.py         rows kept evenly within a budget, and which split each row belongs to
lengths.py        quantiles, histograms, tokens per tokenizer, what a cut costs
copies.py         exact and near copies, the same text under different answers, neighbours that disagree
labels.py         labels that look alike or are one letter apart
languages.py      which language a text is most likely written in
domains.py        the table by domain
contamination.py  training rows that hold what evaluation rows ask
"""

from .deep import deep_profile
from .lengths import histogram, quantiles
from .short import profile

__all__ = ["deep_profile", "histogram", "profile", "quantiles"]
