"""How a setting becomes a field of a spec."""

import dataclasses
from collections.abc import Mapping

from pruneproxy.errors import UserError
from pruneproxy.space.spaces import SWITCH
from pruneproxy.specs import check_names


def apply(spec, settings: Mapping[str, object]):
    """`spec` with the dotted fields in `settings` replaced, all at once; switches are left out.

    An unknown field is an error that names the valid ones.
    """
    tree: dict = {}
    for field, value in settings.items():
        if not field.startswith(SWITCH):
            *path, name = field.split(".")
            branch = tree
            for step in path:
                branch = branch.setdefault(step, {})
            branch[name] = _Value(value)
    return _replaced(spec, tree, at="")


@dataclasses.dataclass(frozen=True)
class _Value:
    """A leaf of the tree of changes."""

    value: object


def _replaced(spec, tree, *, at: str):
    """`spec` with the changes below the dotted place `at`."""
    if isinstance(tree, _Value):
        return tree.value
    if spec is None:
        raise UserError(f"expected the base to have {at}, got None, so {at}.{next(iter(tree))} has no place: set it")
    if isinstance(spec, tuple):
        return _with_items(spec, tree, at)
    if not dataclasses.is_dataclass(spec):
        whole = f"{at}.{next(iter(tree))}"
        raise UserError(
            f"expected a field of the base spec, got {whole!r}: {spec!r} has no field {whole.split('.')[-1]!r}"
        )
    check_names(tree, [field.name for field in dataclasses.fields(spec)], what=f"field of {type(spec).__name__}")
    dots = f"{at}." if at else ""
    return dataclasses.replace(
        spec, **{name: _replaced(getattr(spec, name), part, at=f"{dots}{name}") for name, part in tree.items()}
    )


def _with_items(items: tuple, tree: Mapping, at: str) -> tuple:
    places = [str(place) for place in range(len(items))]
    strange = [place for place in tree if place not in places]
    if strange:
        raise UserError(f"expected a place from 0 to {len(items) - 1} in {at}, got {strange[0]!r}")
    return tuple(
        _replaced(item, tree[place], at=f"{at}.{place}") if place in tree else item
        for place, item in zip(places, items, strict=True)
    )
