"""Examples at the end of a command's help."""

from __future__ import annotations


def examples(*pairs: tuple[str, str]) -> str:
    """An epilog of commands, each with what it is for; the help keeps its lines as they are."""
    width = max(len(command) for command, _ in pairs)
    lines = [f"  {command.ljust(width)}  # {purpose}" if purpose else f"  {command}" for command, purpose in pairs]
    return "\n".join(("\b", "Examples:", *lines))
