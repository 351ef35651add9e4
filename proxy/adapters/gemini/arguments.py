"""Function-call arguments that come in pieces.

Some models stream arguments as ``partialArgs: [{jsonPath, stringValue | numberValue | boolValue |
nullValue}]``, ended by an empty ``functionCall``. The pieces are put together here, and the call goes to the
caller whole.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from proxy.interchange import wire

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]")
_MAX_INDEX = 10_000  # a path is the vendor's word, and must not make us allocate without bound


def add(arguments: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Put one piece into ``arguments``; strings at the same path are appended."""
    path = _path(wire.text(piece.get("jsonPath")))
    if not path:
        return
    holder: Any = arguments
    for step, following in itertools.pairwise(path):
        holder = _into(holder, step, [] if isinstance(following, int) else {})
    value = _value(piece)
    old = _get(holder, path[-1])
    _set(holder, path[-1], old + value if isinstance(old, str) and isinstance(value, str) else value)


def _path(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for name, index, quoted in _STEP.findall(path):
        steps.append(int(index) if index else name or quoted)
    return [] if any(isinstance(step, int) and step > _MAX_INDEX for step in steps) else steps


def _value(piece: Mapping[str, Any]) -> Any:
    return next((piece[name] for name in ("stringValue", "numberValue", "boolValue") if name in piece), None)


def _into(holder: Any, step: str | int, empty: Any) -> Any:
    found = _get(holder, step)
    if not isinstance(found, dict | list):
        found = empty
        _set(holder, step, found)
    return found


def _get(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict):
        return holder.get(step)
    return holder[step] if isinstance(holder, list) and isinstance(step, int) and step < len(holder) else None


def _set(holder: Any, step: str | int, value: Any) -> None:
    if isinstance(holder, dict):
        holder[str(step)] = value
    elif isinstance(holder, list) and isinstance(step, int):
        holder.extend([None] * (step + 1 - len(holder)))
        holder[step] = value
