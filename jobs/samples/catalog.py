"""The samples that come with the workbench, as data. Light: imports neither torch nor transformers.

`python -m jobs.samples make OUT_DIR` makes the files again and prints their sizes and hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TEACHER = "sample/banking77-teacher"
STUDENT = "sample/banking77-student"
DATASET = "sample/banking77"

_BANKING77 = (
    "Banking77: Casanueva, Temčinas, Gerz, Henderson and Vulić, Efficient Intent Detection with Dual Sentence Encoders, "
    "2020 (arXiv:2003.04807), PolyAI, https://github.com/PolyAI-LDN/task-specific-datasets, CC BY 4.0"
)
_CLINC150 = (
    "CLINC150: Larson and others, An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction, "
    "EMNLP 2019 (arXiv:1909.02027), https://github.com/clinc/oos-eval, CC BY 3.0"
)

_NLUPP = (
    "NLU++: Casanueva, Vulić, Spithourakis and Budzianowski, NLU++: A Multi-Label, Slot-Rich, Generalisable Dataset for "
    "Natural Language Understanding in Task-Oriented Dialogue, 2022 (arXiv:2204.13021), PolyAI, "
    "https://github.com/PolyAI-LDN/task-specific-datasets, CC BY 4.0"
)
_GSM8K = (
    "GSM8K: Cobbe and others, Training Verifiers to Solve Math Word Problems, 2021 (arXiv:2110.14168), OpenAI, "
    "https://github.com/openai/grade-school-math, MIT"
)
_HUMANEVAL = (
    "HumanEval: Chen and others, Evaluating Large Language Models Trained on Code, 2021 (arXiv:2107.03374), OpenAI, "
    "https://github.com/openai/human-eval, MIT"
)
_SELF_INSTRUCT = (
    "Self-Instruct, seed tasks: Wang and others, Self-Instruct: Aligning Language Models with Self-Generated Instructions, "
    "ACL 2023 (arXiv:2212.10560), https://github.com/yizhongw/self-instruct, Apache 2.0"
)


@dataclass(frozen=True)
class File:
    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SampleModel:
    """A shipped model. `heldout_exact_match` is the share of the 2,309 held-out questions it answers with the
    gold intent, greedily, in fp32 on a CPU; for the student that is the base without an adapter."""

    key: str
    title: str
    description: str
    folder: Path
    parameters: int
    heldout_exact_match: float
    licence: str
    attribution: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class SampleDataset:
    """A shipped dataset: `upload` is the file a person would upload, `rows` the same in the engine's form."""

    key: str
    title: str
    description: str
    folder: Path
    upload: str
    rows: str
    roles: dict[str, str]
    counts: dict[str, int]
    licence: str
    attribution: str
    files: tuple[File, ...]


MODELS: tuple[SampleModel, ...] = (
    SampleModel(
        key=TEACHER,
        title="Banking77 teacher, 4 M",
        description="Names the intent of a bank customer's question. Trained on one half of Banking77's questions.",
        folder=HERE / "models" / "banking77-teacher",
        parameters=4_262_144,
        heldout_exact_match=0.8194,
        licence="CC BY 4.0",
        attribution=f"Trained on {_BANKING77}; {_CLINC150}",
        files=(
            File("chat_template.jinja", 200, "8bd4793897333fba13039752f3da05cd40f8d007522d129ad28786c27a54a251"),
            File("config.json", 718, "51e23b429dc7a13e777f38b647be4eac3a2ecb6a4615352d0908e5308d87fdc8"),
            File("generation_config.json", 195, "823f3d59a8537faee18d7dbfcbc3f46ee99d685662735e4a385125b5b1311c6a"),
            File("model.safetensors", 8528344, "90e096f02deba66c6b50ddb0e2d8d3d7dda56213c75a09a2650487bb87d97957"),
            File("tokenizer.json", 266654, "4bdb7f5be6a2480c94fdb34f856dc5989e4b07803f20dcb6be771de4e41cf495"),
            File("tokenizer_config.json", 264, "2b400ab7f9cf84d43065bbb65165ead9be3d00185c0da96fe7f4c167feacd46a"),
        ),
    ),
    SampleModel(
        key=STUDENT,
        title="Banking77 student, 1 M",
        description="Knows CLINC150's intents and the names of Banking77's, but has read none of its questions.",
        folder=HERE / "models" / "banking77-student",
        parameters=1_118_080,
        heldout_exact_match=0.0074,
        licence="CC BY 4.0",
        attribution=f"Trained on {_CLINC150}; the names of the intents of {_BANKING77}",
        files=(
            File("chat_template.jinja", 200, "8bd4793897333fba13039752f3da05cd40f8d007522d129ad28786c27a54a251"),
            File("config.json", 718, "43f57c5aa215009f7f224ad763a544dfce2f9215e853886d71f9d8f315d30533"),
            File("generation_config.json", 195, "823f3d59a8537faee18d7dbfcbc3f46ee99d685662735e4a385125b5b1311c6a"),
            File("model.safetensors", 2239256, "8385c232cbb939cb964d0955d697755175058631ecfaf4e7dc1f329adc9d94b9"),
            File("tokenizer.json", 266654, "4bdb7f5be6a2480c94fdb34f856dc5989e4b07803f20dcb6be771de4e41cf495"),
            File("tokenizer_config.json", 264, "2b400ab7f9cf84d43065bbb65165ead9be3d00185c0da96fe7f4c167feacd46a"),
        ),
    ),
)


def _excerpt(
    name: str, title: str, about: str, train: int, heldout: int, licence: str, by: str, *files: File, **roles: str
) -> SampleDataset:
    """A small dataset of the templates; `excerpts.py` says how it was cut."""
    return SampleDataset(
        key=f"sample/{name}",
        title=title,
        description=about,
        folder=HERE / "data" / "excerpts",
        upload=f"{name}.jsonl",
        rows=f"{name}.parquet",
        roles={"user": "question", "assistant": "answer", "split": "split", **roles},
        counts={
            "rows": train + heldout, "labelled": train, "unlabelled": 0, "train": train, "heldout": heldout, "refused": 0,
        },
        licence=licence,
        attribution=by,
        files=files,
    )  # fmt: skip


DATASETS: tuple[SampleDataset, ...] = (
    SampleDataset(
        key=DATASET,
        title="Banking77: few labels, many questions",
        description=(
            "Questions of a bank's customers and 77 intents: ten labelled questions of each intent, the rest without "
            "a label, and Banking77's test questions held out. The sample teacher has seen none of them."
        ),
        folder=HERE / "data",
        upload="banking77-sample.csv",
        rows="banking77-sample.parquet",
        roles={"user": "text", "assistant": "category", "split": "split"},
        counts={"rows": 7329, "labelled": 770, "unlabelled": 4250, "train": 5020, "heldout": 2309, "refused": 0},
        licence="CC BY 4.0",
        attribution=_BANKING77,
        files=(
            File("banking77-sample.csv", 550369, "6a5b87fdfefbd03ce792e7c94bf6991fae54e861eb5f8ea8520c7c4c3eddcdfb"),
            File(
                "banking77-sample.parquet", 264184, "71909fdf383bdc300faad13b5dff7ce1453bb5ceaf82079b7a8dc3024dcf0e82"
            ),
        ),
    ),
    _excerpt(
        "details",
        "Bank calls: times, amounts and names",
        "What customers say to a bank, and the times, amounts and names in it: extraction.",
        239,
        80,
        "CC BY 4.0",
        _NLUPP,
        File("details.jsonl", 37336, "c41f5811395d725d287632b776cbcd8bba9fbaa7ee33fe782cba9c1b038ec357"),
        File("details.parquet", 18145, "94b3abbc12f701c2274e1bbe5843cd513cd0b5f27aed905aa7b12113a1f9804c"),
    ),
    _excerpt(
        "sums",
        "Word problems with the way to the answer",
        "Sums in words, the way to the answer as rationale, and the number: reasoning.",
        300,
        100,
        "MIT",
        _GSM8K,
        File("sums.jsonl", 203670, "7aeb4110a793189f6f3bdf56e00182fd7199569aa2911917ae1838424597a654"),
        File("sums.parquet", 87783, "52a15059446908331c15eef4bd5b8f41eb0c9358e17e98b0ce7fa6caba78f2f8"),
        rationale="rationale",
    ),
    _excerpt(
        "sums-written",
        "Word problems, answered by a large model",
        "Sums in words with the published solutions of a model of 175 billion parameters; held-out rows have the right number.",
        300,
        100,
        "MIT",
        _GSM8K,
        File("sums-written.jsonl", 188960, "89a16dcf7d2547b00f256da5425bb45872dfea62f6c89b68b9c89ec44c735879"),
        File("sums-written.parquet", 82197, "a1cd262c25dced279fa5249f208bbda1e782023bbac7f776bd61663d8c3f6ff9"),
    ),
    _excerpt(
        "programs",
        "Functions from their description",
        "The head of a Python function and its body; the tests that it must pass stand beside each row.",
        84,
        50,
        "MIT",
        _HUMANEVAL,
        File("programs.jsonl", 144155, "b778691c80ffa53e1a8b511ce93f8cc7db621ee6090de10b9f7962d1ee2b780b"),
        File("programs.parquet", 30769, "d745112570750b254072030b4508078d5f7fec371e8c47564c08892e205000e9"),
    ),
    _excerpt(
        "summaries",
        "Functions in one sentence",
        "A Python function without its words, and one sentence that says what it does: summaries.",
        96,
        50,
        "MIT",
        _HUMANEVAL,
        File("summaries.jsonl", 54327, "798c3e615821fb143af3c7d25c1cdaf2a1f633b6e04b8b4482877d34178496ce"),
        File("summaries.parquet", 22866, "aaf72c93df3385cada8a0d51524cb4f918a9ef41148457527930bd054f5b15f9"),
    ),
    _excerpt(
        "requests",
        "Requests and good answers",
        "Tasks written by people, each with a good answer: chat.",
        100,
        50,
        "Apache 2.0",
        _SELF_INSTRUCT,
        File("requests.jsonl", 57755, "4e5055a3e0e4eba87597e5ca73c1d75061c1008468444db08e46d8977c54e0bb"),
        File("requests.parquet", 32400, "ba5fb3a588977b62b6e4972380e3895f42d270e5e28d3396bd489a3b32be2b65"),
    ),
)

# Teacher and base's answers and the teacher's signals for RECIPE: the first run starts at once. Made by
# `python -m jobs.samples record OUT_DIR`; whatever differs from RECIPE in what it asks of them is made anew by the run.
SIGNALS = HERE / "signals"

# The small form of the recipe that README.md beside this file reports on.
RECIPE: dict[str, Any] = {
    "version": 1,
    "name": "Banking77 sample",
    "method": "llm-neo",
    "options": {"k": 0.9, "temperature": 1.0},
    "teacher": {"model": TEACHER},
    "student": {
        "model": STUDENT,
        "adapter": {"rank": 64, "alpha": 128},
    },
    "data": {"dataset": DATASET},
    "train": {
        "epochs": 6,
        "batch_size": 32,
        "learning_rate": 2e-3,
        "schedule": {"type": "cosine", "warmup": 30},
        "max_new_tokens": 16,
    },
    "evaluation": {"metric": "exact_match", "max_new_tokens": 16, "batch_size": 256},
    "control": True,
    "seed": 0,
}
