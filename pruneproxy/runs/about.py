"""Where records come from: their data, devices, days and seeds."""

from collections.abc import Iterable

from pruneproxy.runs.records import trained


class About:
    """Data, devices, days and seeds of records, gathered in one pass."""

    def __init__(self, records: Iterable[dict]):
        self.data, self.devices, self.days = set(), set(), set()
        self._searches, self._single, self._other = set(), set(), set()
        for record in records:
            self._add(record)

    def _add(self, record: dict):
        spec = record["spec"]
        self.days.add(record["finished"][:10])
        self.devices.add(record["environment"]["device"])
        if record.get("data"):
            self.data.add(f"{trained(record)['data']['name']} from {record['data']['source']}")
        if "search" in spec or "base" in spec:
            self._searches.add(spec.get("search", spec)["seed"])
        if "train" in spec:
            self._single.add(spec["seed"])
        self._other.add(trained(record)["seed"])

    @property
    def seeds(self) -> str:
        """How many there are: of searches, whose settings are trained for each of them, and of single trainings."""
        kinds = {"search ": self._searches, "training " if self._searches else "": self._single}
        if not any(kinds.values()):
            kinds = {"": self._other}
        counted = [(len(seeds), kind) for kind, seeds in kinds.items() if seeds]
        return " and ".join(f"{count} {kind}seed{'s' * (count > 1)}" for count, kind in counted)
