import pytest

from pruneproxy.errors import UserError
from pruneproxy.runs.records import OneCopy, trained


def record(fingerprint="a", kind=None, name="mnist"):
    run = {"data": {"name": name}, "seed": 3}
    spec = run if kind is None else {kind: run, "trials": 5}
    return {"spec": spec, "data": {"fingerprint": fingerprint, "source": f"copy {fingerprint}"}}


@pytest.mark.parametrize("kind", [None, "base", "target", "full"])
def test_the_training_of_every_kind_of_record_is_found(kind):
    assert trained(record(kind=kind))["seed"] == 3


def check_copies(records):
    copies = OneCopy()
    for one in records:
        copies.check(one)


def test_records_of_one_copy_and_of_several_data_sets_go_together():
    check_copies([record(), record(kind="base"), record("b", name="fashion_mnist"), {"spec": {}, "status": "failed"}])


def test_records_of_two_copies_of_a_data_set_are_refused_whatever_their_kind():
    with pytest.raises(UserError, match="copy a and copy b"):
        check_copies([record("a"), record("b", kind="target")])
