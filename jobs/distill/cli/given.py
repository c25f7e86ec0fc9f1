"""Files that a person names on the command line."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataRefused, DistillError, RecipeInvalid


def file_of(path: Path, what: str, refusal: type[DistillError] = DataRefused) -> Path:
    """The path itself; `what` says what should lie there. Raises the refusal where no file does."""
    if not path.is_file():
        raise refusal(f"There is no file {path}.", hint=f"Give {what}.")
    return path


def text_of(path: Path, what: str) -> str:
    """The text of a recipe or of steps. Raises RecipeInvalid where there is no file, or none in UTF-8."""
    try:
        return file_of(path, what, RecipeInvalid).read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        raise RecipeInvalid(
            f"{path}: byte {e.start:,} is no UTF-8 text.", hint=f"Give {what}, saved as UTF-8."
        ) from None
