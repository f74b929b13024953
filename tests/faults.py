"""Faults that tests plant."""

import itertools


class AfterEpochs:
    """A deadline that passes after so many epochs."""

    def __init__(self, epochs):
        self._looks = itertools.count(-epochs)

    @property
    def passed(self):
        return next(self._looks) >= 0
