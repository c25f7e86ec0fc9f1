"""What known licences say about training another model on a model's outputs: a table with sources, not legal advice.

Read from the licences' own texts in November 2026. A licence that is not in the table is "unknown", and the verdict says so;
nothing is guessed from a name that merely looks alike, but for the words that limit commercial use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# yes: nothing is said against it. terms: yes, and duties pass to the student. limited: not for commercial use.
# no: forbidden for other models. unknown: not in the table.
Answer = Literal["yes", "terms", "limited", "no", "unknown"]
WORDS: dict[Answer, str] = {
    "yes": "may train on outputs",
    "terms": "may train on outputs, with terms",
    "limited": "not for commercial use",
    "no": "may not train other models",
    "unknown": "not known",
}


@dataclass(frozen=True)
class Licence:
    """One licence. `says` is a clause that completes "Its licence ...", `do` what follows from it for the student."""

    id: str
    title: str
    outputs: Answer
    says: str
    do: str
    source: str
    family: str = ""  # models that a forbidding licence still allows, by the beginning of their model type


_PLAIN = "says nothing about outputs and lets you build on the model."
_KEEP = "Keep its notice with what you pass on."
_LLAMA = "Put Llama at the beginning of the new model's name, show Built with Llama, and pass the licence on."

LICENCES: tuple[Licence, ...] = (
    Licence("apache-2.0", "Apache 2.0", "yes", _PLAIN, _KEEP, "https://www.apache.org/licenses/LICENSE-2.0"),
    Licence("mit", "MIT", "yes", _PLAIN, _KEEP, "https://opensource.org/license/mit"),
    Licence("bsd-3-clause", "BSD, 3 clauses", "yes", _PLAIN, _KEEP, "https://opensource.org/license/bsd-3-clause"),
    Licence("bsd-2-clause", "BSD, 2 clauses", "yes", _PLAIN, _KEEP, "https://opensource.org/license/bsd-2-clause"),
    Licence("isc", "ISC", "yes", _PLAIN, _KEEP, "https://opensource.org/license/isc-license-txt"),
    Licence("cc0-1.0", "CC0 1.0", "yes", "gives up every right that can be given up.", "", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
    Licence("unlicense", "The Unlicense", "yes", "puts the work into the public domain.", "", "https://unlicense.org/"),
    Licence("cc-by-4.0", "CC BY 4.0", "yes", "allows any use that names its authors.", "Name its authors with what you pass on.", "https://creativecommons.org/licenses/by/4.0/legalcode"),
    Licence("cc-by-3.0", "CC BY 3.0", "yes", "allows any use that names its authors.", "Name its authors with what you pass on.", "https://creativecommons.org/licenses/by/3.0/legalcode"),
    Licence("cc-by-sa-4.0", "CC BY-SA 4.0", "terms", "asks that what is adapted from the work carries the same licence.", "Pass the student on under the same licence, or ask whether a student is an adaptation.", "https://creativecommons.org/licenses/by-sa/4.0/legalcode"),
    Licence("llama2", "Llama 2 Community License", "no", "forbids using the model or its outputs to improve any other large language model.", "Choose a student of the Llama 2 family, or another teacher.", "https://ai.meta.com/llama/license/", family="llama"),
    Licence("llama3", "Llama 3 Community License", "no", "forbids using the model or its outputs to improve any other large language model.", "Choose a student of the Llama 3 family, or another teacher; Llama 3.1 and later allow it.", "https://llama.meta.com/llama3/license/", family="llama"),
    Licence("llama3.1", "Llama 3.1 Community License", "terms", "allows training on outputs; a model that is passed on must carry the name.", _LLAMA, "https://www.llama.com/llama3_1/license/"),
    Licence("llama3.2", "Llama 3.2 Community License", "terms", "allows training on outputs; a model that is passed on must carry the name.", _LLAMA, "https://www.llama.com/llama3_2/license/"),
    Licence("llama3.3", "Llama 3.3 Community License", "terms", "allows training on outputs; a model that is passed on must carry the name.", _LLAMA, "https://www.llama.com/llama3_3/license/"),
    Licence("gemma", "Gemma Terms of Use", "terms", "counts a model trained on Gemma's outputs to perform like it as a derivative, so its terms and use policy pass to the student.", "Pass the terms and the use restrictions on with the student.", "https://ai.google.dev/gemma/terms"),
    Licence("qwen", "Qwen License Agreement", "terms", "allows training on outputs; a model that is passed on must say so.", "Show Built with Qwen or Improved using Qwen in its documentation.", "https://huggingface.co/Qwen/Qwen2.5-72B-Instruct/blob/main/LICENSE"),
    Licence("qwen-research", "Qwen Research License", "limited", "allows research and evaluation only.", "Use the student for research, or ask for a commercial licence.", "https://huggingface.co/Qwen/Qwen2.5-3B/blob/main/LICENSE"),
    Licence("deepseek", "DeepSeek Model License", "terms", "counts distilled models as derivatives and asks that its use restrictions are passed on.", "Pass the use restrictions on with the student.", "https://github.com/deepseek-ai/DeepSeek-V3/blob/main/LICENSE-MODEL"),
    Licence("bigscience-openrail-m", "BigScience OpenRAIL-M", "terms", "counts distilled models as derivatives and asks that its use restrictions are passed on.", "Pass the use restrictions on with the student.", "https://www.licenses.ai/blog/2022/8/26/bigscience-open-rail-m-license"),
    Licence("tencent-hunyuan", "Tencent Hunyuan Community License", "no", "forbids using outputs to improve any other large language model.", "Choose a student of the Hunyuan family, or another teacher.", "https://huggingface.co/tencent/Tencent-Hunyuan-Large/blob/main/LICENSE.txt", family="hunyuan"),
    Licence("openai", "OpenAI terms of use", "no", "forbids using outputs to develop models that compete with OpenAI.", "Make sure that the student does not compete, or choose another teacher.", "https://openai.com/policies/row-terms-of-use/"),
)  # fmt: skip
BY_ID = {licence.id: licence for licence in LICENCES}
SAME_AS = {  # other spellings of the hub and of LICENSE files
    "apache": "apache-2.0", "apache2": "apache-2.0", "apache-2": "apache-2.0", "apache-license-2.0": "apache-2.0", "cc-by": "cc-by-4.0",
    "llama-2": "llama2", "llama-3": "llama3", "llama-3.1": "llama3.1", "llama-3.2": "llama3.2", "llama-3.3": "llama3.3",
    "tongyi-qianwen": "qwen", "qwen-license": "qwen", "tongyi-qianwen-research": "qwen-research", "mit-license": "mit",
    "bigscience-bloom-rail-1.0": "bigscience-openrail-m", "openrail": "bigscience-openrail-m",
}  # fmt: skip


def find(stated: str | None) -> Licence | None:
    """The entry for what a model's files state, whatever its case and spacing; None where there is none."""
    key = re.sub(r"[\s_]+", "-", (stated or "").strip().lower())
    return BY_ID.get(SAME_AS.get(key, key))


def is_non_commercial(stated: str | None) -> bool:
    """Whether the name itself limits commercial use: CC BY-NC, ... research, ... non-commercial."""
    words = re.sub(r"[\s_]+", "-", (stated or "").lower())
    return "nc" in words.split("-") or any(w in words for w in ("non-commercial", "noncommercial", "research"))


def answer(stated: str | None, student_type: str) -> Answer:
    """May a student of this model type train on the outputs of a teacher under this licence?"""
    known = find(stated)
    if known is None:
        return "limited" if is_non_commercial(stated) else "unknown"
    if known.outputs == "no" and known.family and student_type.lower().startswith(known.family):
        return "terms"  # its own family; whether it is the same version only its files say
    return known.outputs
