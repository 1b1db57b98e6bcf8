"""How mistakes in YAML files are worded, and how strictly types are taken."""

from __future__ import annotations

from dataclasses import dataclass

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


@dataclass(frozen=True, slots=True)
class Words:
    """How mistakes of structure are worded, and which liberties a file may take.

    Attributes:
        is_lenient: a quoted number or word counts as what it says, a single value as a list of one.
    """

    is_lenient: bool = True

    def unknown(self, name: str, kind: str) -> str:  # noqa: ARG002  # for those who know their programs' types
        """A field that nobody asked for."""
        return f"field {name} is not known here"

    def twice(self, name: str, kind: str) -> str:  # noqa: ARG002
        """A field that is there twice."""
        return "is given twice"

    def mismatch(self, node: Node, kind: str, wanted: str) -> str:  # noqa: ARG002
        """A node of the wrong kind; `kind` is the type in upstream's program, `wanted` says it to people."""
        return f"must be {wanted}, got {kind_of(node)}"


class GoWords(Words):
    """The words and the strictness of Go's YAML library, for formats of programs that read them by it."""

    def __init__(self) -> None:
        super().__init__(is_lenient=False)

    def unknown(self, name: str, kind: str) -> str:
        return f"field {name} not found in type {kind}"

    def twice(self, name: str, kind: str) -> str:
        return f"field {name} already set in type {kind}"

    def mismatch(self, node: Node, kind: str, wanted: str) -> str:  # noqa: ARG002
        tag = f"!!{str(node.tag).rpartition(':')[2]}"
        if isinstance(node, ScalarNode):
            value = str(node.value)
            tag += f" `{value[:7]}...`" if len(value) > 10 else f" `{value}`"
        return f"cannot unmarshal {tag} into {kind}"


def kind_of(node: Node) -> str:
    """What a node is, for people."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else repr(str(node.value))


def is_null(node: Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, ScalarNode) and (
        str(node.tag).endswith(":null") or (node.style is None and node.value in ("", "~", "null", "Null", "NULL"))
    )
