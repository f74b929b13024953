"""The two questions of this project, put to a network of the reader's own."""

from pruneproxy.asking.copies import COPIES
from pruneproxy.asking.piloting import Pilot, Plan, pilot
from pruneproxy.asking.retuning import Retuning, retune
from pruneproxy.asking.subject import Subject

__all__ = ["COPIES", "Pilot", "Plan", "Retuning", "Subject", "pilot", "retune"]
