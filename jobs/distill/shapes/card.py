"""README.md of a shaped model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

WORDS = {
    "truncate": "some of its layers were kept as they are",
    "collapse": "neighbouring layers were collapsed into one (LaCo)",
    "prune_depth": "the layers with the lowest scores were left out",
    "prune_width": "hidden width, heads and MLP channels with the lowest scores were cut",
    "trim_vocab": "tokens that the rows do not use were taken out",
    "merge": "it was merged with other models",
}


def model_card(note: Mapping[str, Any]) -> str:
    """What the model was made of and how; its use needs nothing but transformers."""
    sizes, shape = note["parameters"], note["shape"]
    return f"""---
base_model: {json.dumps(note["made_of"])}
library_name: transformers
pipeline_tag: text-generation
tags: [pruned, distillation]
---

# A smaller {note["made_of"]}

Made from `{note["made_of"]}`: {WORDS[shape["kind"]]}. It has {sizes["after"]:,} parameters instead of {sizes["before"]:,} and has **not been
trained since**: it is the base on which a distilled adapter heals what was cut. Every setting and what was measured is in
`SHAPE.json`.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("PATH OF THIS FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH OF THIS FOLDER")
```

The licence of `{note["made_of"]}` applies to this model too.
"""
