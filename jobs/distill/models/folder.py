"""Which files a model folder may hold, and the hash that names them."""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

from ..errors import ModelRejected

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".joblib")
# What makes the model what it is; a README can change without changing the model.
MODEL_FILES = re.compile(
    r".+\.safetensors|model\.safetensors\.index\.json|config\.json|generation_config\.json|tokenizer\.json|tokenizer_config\.json"
    r"|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|chat_template\.(jinja|json)"
)
TEXT_FILES = re.compile(r"README\.md|LICEN[CS]E.*|NOTICE.*|USE_POLICY.*", re.IGNORECASE)
MAX_FILES = 1000


def check_files(folder: Path) -> list[Path]:
    """Regular files directly in the folder, sorted by name; raises ModelRejected for links, devices, pickles and code.

    Sub-folders are not looked into: nothing is ever loaded from them.
    """
    if not folder.is_dir():
        raise ModelRejected(
            f"There is no folder {folder.name!r}.", code="MODEL_NOT_FOUND", hint="Check the path of the model."
        )
    entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    if len(entries) > MAX_FILES:
        raise ModelRejected(
            f"The folder holds {len(entries):,} files; a model has at most {MAX_FILES:,}.", limit=MAX_FILES
        )
    files = []
    for path in entries:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        _check_file(path, mode)
        files.append(path)
    return files


def _check_file(path: Path, mode: int) -> None:
    name = path.name
    if not stat.S_ISREG(mode) or path.lstat().st_nlink > 1 and MODEL_FILES.fullmatch(name):
        raise ModelRejected(
            f"{name} is not a regular file of its own (it is a link or a device).",
            code="MODEL_NOT_A_FILE",
            hint="Copy the folder with its links followed: cp -rL FROM TO.",
        )
    if name.lower().endswith(PICKLES):
        raise ModelRejected(
            f"{name} is a pickle file. Pickle files can run code, so a folder that holds one is not taken.",
            code="MODEL_PICKLE",
            hint="Convert the model to safetensors (save_pretrained does it), or delete the file when a safetensors file lies next to it.",
        )
    if name.endswith(".py"):
        raise ModelRejected(
            f"{name}: this model needs code from its repository; that is not supported.",
            code="MODEL_NEEDS_CODE",
            hint="Choose a model whose architecture is built into transformers.",
        )
    if name.lower().endswith(".gguf"):
        raise ModelRejected(
            f"{name}: GGUF can be exported, not imported.",
            code="MODEL_GGUF",
            hint="Use the original safetensors weights.",
        )


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def manifest(folder: Path) -> dict[str, str]:
    """File name -> sha256 of every file that makes the model, in order of name."""
    return {p.name: file_sha256(p) for p in check_files(folder) if MODEL_FILES.fullmatch(p.name)}


def manifest_sha256(folder: Path) -> str:
    """One hash for the model: over its file names and their hashes. Moving or renaming the folder does not change it."""
    lines = "".join(f"{name} {sha}\n" for name, sha in manifest(folder).items())
    return hashlib.sha256(lines.encode()).hexdigest()
