"""Which targets come first: those near the gateway, and last those whose provider is drained. Pure."""

from collections.abc import Callable, Sequence

from catalog.snapshot import ModelRow


def ordered(
    targets: Sequence[ModelRow], *, region: str, is_drained: Callable[[int], bool], keep_order: bool
) -> list[ModelRow]:
    """The same targets, each once, in the order to try them; otherwise as they came.

    Drained providers last: slow is better than nothing. ``keep_order``: the order is an admin's own, and the
    region does not change it; else providers of ``region`` (empty: none is nearer) come before others of the
    same priority. ``is_drained`` is asked once per provider: its answer may be what lets one call probe.
    """
    if len(targets) < 2:
        return list(targets)
    drained = {provider: is_drained(provider) for provider in _providers(targets)}
    if keep_order or not region:
        return sorted(targets, key=lambda target: drained[target.provider.id])
    return sorted(
        targets,
        key=lambda target: (
            drained[target.provider.id],
            target.provider.priority,
            target.provider.region != region,
        ),
    )


def _providers(targets: Sequence[ModelRow]) -> list[int]:
    """Their ids, each once, first come first."""
    return list(dict.fromkeys(target.provider.id for target in targets))


__all__ = ["ordered"]
