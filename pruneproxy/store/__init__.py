"""The one place where results live: records as lines of text, arrays and states of runs beside them."""

from pruneproxy.errors import Damaged
from pruneproxy.store.locks import Busy
from pruneproxy.store.places import drop_torn_line, now, project_folder, records_folder
from pruneproxy.store.records import Store

__all__ = ["Busy", "Damaged", "Store", "drop_torn_line", "now", "project_folder", "records_folder"]
