"""The two questions of this project, put to a network of the reader's own."""

from pruneproxy.asking.copies import COPIES
from pruneproxy.asking.pilot import Pilot, Plan, pilot
from pruneproxy.asking.subject import Subject

__all__ = ["COPIES", "Pilot", "Plan", "Subject", "pilot"]
