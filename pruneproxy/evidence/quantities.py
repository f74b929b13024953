"""The quantities of a part as rules see them: each computed once, and without what may decide nothing."""

from functools import cache

from pruneproxy.evidence.effects import Cell, Effect, effect_of


class Known:
    """The quantities of a part, each computed once."""

    def __init__(self, quantities):
        self._quantities = quantities

    def __getattr__(self, name):
        self.__dict__[name] = cache(getattr(self._quantities, name))
        return self.__dict__[name]


class Deciding:
    """The same without the effects that may decide nothing."""

    def __init__(self, quantities):
        self._quantities = quantities

    def __getattr__(self, name):
        return lambda *given: _deciding(getattr(self._quantities, name)(*given))


def _deciding(found):
    if isinstance(found, dict):
        kept = {key: _deciding(value) for key, value in found.items()}
        return {key: value for key, value in kept.items() if not isinstance(value, Effect) or value.decides}
    if isinstance(found, (list, tuple)):
        return [one for one in found if not isinstance(one, (Effect, Cell)) or effect_of(one).decides]
    return found
