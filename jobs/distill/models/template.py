"""Chat templates: found in a model folder, rendered in Jinja's immutable sandbox.

A template is a program of a stranger. It gets no names but the ones below, no loader and no file; what it writes is capped.
Time and memory are the caller's: render templates of strangers only in a limited child (see limits.py).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ModelRejected
from . import strict_json

MAX_TEMPLATE = 64 * 1024
MAX_OUTPUT = 4 * 2**20
# For models without a template (GPT-2, OPT): the texts, one a line, then the answer.
PLAIN = "{% for m in messages %}{{ m['content'] }}{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\n' }}{% endif %}"
TURNS = "{% for m in messages %}{{ m['content'] }}{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
HINT = "Choose another model, or replace chat_template.jinja in the model's folder."


def find(folder: Path, settings: dict[str, Any] | None = None) -> str | None:
    """Text of the model's chat template, or None; chat_template.jinja wins over tokenizer_config.json, as in transformers."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return _bounded(path.read_bytes()[: MAX_TEMPLATE + 1].decode("utf-8", "replace"))
    if settings is None:
        config = folder / "tokenizer_config.json"
        settings = strict_json.read_object(config, 64 * 2**20) if config.is_file() else {}
    text = settings.get("chat_template")
    if isinstance(text, list):
        text = next((t.get("template") for t in text if isinstance(t, dict) and t.get("name") == "default"), None)
    return _bounded(text) if isinstance(text, str) and text else None


def render(
    text: str, messages: list[dict[str, str]], add_generation_prompt: bool = True, special: dict[str, str] | None = None
) -> str:
    """The conversation as the model reads it.

    messages: [{"role", "content"}]; special: {"bos_token": ..., "eos_token": ...}. Raises ModelRejected: syntax error (with
    line), forbidden operation, unknown name, the template's own raise_exception, too much output.
    """
    import jinja2

    out, size = [], 0
    try:
        for piece in _compiled(_bounded(text)).generate(
            messages=messages, add_generation_prompt=add_generation_prompt, tools=None, **(special or {})
        ):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise _rejected(f"writes more than {MAX_OUTPUT:,} characters")
            out.append(piece)
    except jinja2.TemplateSyntaxError as e:
        raise _rejected(f"has a syntax error in line {e.lineno}: {str(e.message)[:200]}") from None
    except jinja2.exceptions.SecurityError as e:
        raise _rejected(f"uses a forbidden operation: {str(e)[:200]}") from None
    except jinja2.TemplateError as e:
        raise _rejected(f"cannot render this conversation: {str(e)[:200]}") from None
    except ModelRejected:
        raise
    except (RecursionError, MemoryError, OverflowError):
        raise _rejected("takes too much time or memory") from None
    except Exception as e:  # a stranger's program: type errors, missing keys ...
        raise _rejected(f"cannot render this conversation: {type(e).__name__}: {str(e)[:200]}") from None
    return "".join(out)


def check(text: str, special: dict[str, str] | None = None) -> None:
    """Renders a one-turn conversation; raises ModelRejected."""
    render(text, [{"role": "user", "content": "Hello"}], True, special)


@lru_cache(maxsize=64)
def _compiled(text: str) -> Any:
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _generation()])
    env.filters["tojson"] = _tojson
    env.globals = {
        "raise_exception": _raise,
        "strftime_now": _strftime,
        "namespace": env.globals["namespace"],
        "range": env.globals["range"],
    }
    return env.from_string(text)


@lru_cache(maxsize=1)
def _generation() -> Any:
    """`{% generation %}`: transformers' mark around what a model says; here it writes what is inside and nothing else."""
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser: Parser) -> nodes.Node:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

    return Generation


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def _raise(message: str) -> None:
    import jinja2

    raise jinja2.TemplateError(str(message))


def _strftime(pattern: str) -> str:
    """A fixed day: the same row gives the same tokens tomorrow, or recorded signals would never be found again."""
    return datetime(2026, 1, 1, tzinfo=UTC).strftime(pattern)


def _bounded(text: str) -> str:
    if len(text) > MAX_TEMPLATE:
        raise ModelRejected(
            f"The chat template is longer than {MAX_TEMPLATE:,} characters.",
            code="MODEL_TEMPLATE",
            limit=MAX_TEMPLATE,
            hint=HINT,
        )
    return text


def _rejected(what: str) -> ModelRejected:
    return ModelRejected(f"The chat template {what}.", code="MODEL_TEMPLATE", field="chat_template", hint=HINT)
