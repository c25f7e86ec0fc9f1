"""YAML that people bring, read with care, in one place: recipes, steps, shapes, the cards of datasets. Light: no torch.

Refused beside what is no YAML: a key that stands twice in one mapping (the first would be lost), anchors that grow into
more than anybody writes or hold themselves, and brackets too deep for the reader, which would end the whole process.
"""

from __future__ import annotations

from typing import Any

import yaml

MOST_NODES = 50_000  # values of a recipe, every anchor written out
DEPTH = 100  # lists and mappings inside one another
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class WrongYaml(ValueError):
    """What is wrong, as a sentence's beginning, and where. `line` and `column` count from 1; None where nobody can say."""

    def __init__(self, what: str, mark: Any = None) -> None:
        super().__init__(what)
        self.what = what
        self.line: int | None = mark.line + 1 if mark else None
        self.column: int | None = mark.column + 1 if mark else None

    @property
    def where(self) -> str:
        """`Line 4, column 3: ` or nothing."""
        return f"Line {self.line}, column {self.column}: " if self.line else ""


class _Loader(LOADER):  # type: ignore[misc]
    """Plain data. A value that its own form does not allow, such as the date 2024-13-45, is said with its place."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError) as e:
            said = f"{str(node.value)[:40]!r} is no value of its kind; text of that form stands in quotes"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark) from e


def read(text: str, most: int = MOST_NODES) -> tuple[Any, yaml.Node | None]:
    """(plain data, the tree it was made of, for places in the text). Raises WrongYaml."""
    try:
        _measure_depth(text)
        loader = _Loader(text)
        try:
            tree = loader.get_single_node()
            if tree is not None:
                _Sizes(most).of(tree)
            return (None if tree is None else loader.construct_document(tree)), tree
        finally:
            loader.dispose()
    except yaml.YAMLError as e:
        raise _wrong(e) from None


def _measure_depth(text: str) -> None:
    """Composing a tree takes a call for each bracket, in C too, where too many end the process; events take none."""
    event: Any
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            said = f"this is nested too deeply, more than {DEPTH} lists and mappings inside one another"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=event.start_mark)


class _Sizes:
    """How many values a tree holds when its anchors are written out; refuses those that hold themselves, and doubled keys."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.known: dict[int, int] = {}
        self.on_the_way: set[int] = set()

    def of(self, node: Any) -> int:
        if id(node) in self.known:
            return self.known[id(node)]
        if id(node) in self.on_the_way:
            raise yaml.MarkedYAMLError(problem="this list or mapping holds itself", problem_mark=node.start_mark)
        self.on_the_way.add(id(node))
        inner: list[Any] = []
        if isinstance(node, yaml.MappingNode):
            _once(node)
            inner = [n for pair in node.value for n in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        total = 1 + sum(map(self.of, inner))
        if total > self.most:
            said = f"written out, this holds more than {self.most:,} values"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark)
        self.on_the_way.discard(id(node))
        self.known[id(node)] = total
        return total


def _once(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        name = key.value
        if isinstance(name, str) and name != "<<":
            if name in seen:
                said = f"the key {name} stands twice here, first in line {seen[name]}; keep one"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key.start_mark)
            seen[name] = key.start_mark.line + 1


def _wrong(e: yaml.YAMLError) -> WrongYaml:
    first, mark = getattr(e, "context_mark", None), getattr(e, "problem_mark", None)
    context = getattr(e, "context", None)
    since = f" ({context}, line {first.line + 1})" if context and first and mark and first.line != mark.line else ""
    return WrongYaml(f"{getattr(e, 'problem', None) or 'this is not YAML'}{since}", mark or first)
