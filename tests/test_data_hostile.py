"""Copies that are torn, altered or made to do harm: one sentence each, soon, and nothing is left behind."""

import os
import tempfile
import time
import warnings
from pathlib import Path

import hostile_data
import pytest
from faults import in_time
from hostile_data import CHANGES, CRAFTED, GOOD, SPECIAL, changed, special, swapped
from hypothesis import example, given
from hypothesis import strategies as st

from pruneproxy.__main__ import main
from pruneproxy.data import CATALOGUE, check, import_set
from pruneproxy.errors import UserError

SECONDS = 10
MEMORY = "/dev/shm"
STATM = Path("/proc/self/statm")
ADDRESS_SPACE = 12 * 2**30  # bytes that no import may ask for beyond what the process has


@pytest.fixture(scope="module", autouse=True)
def bounds():
    """HIGGS has few rows, and more memory than a tiny copy needs is an error and not the end of the machine."""
    resource = pytest.importorskip("resource", reason="memory cannot be limited on this system")
    if not STATM.exists():
        pytest.skip("memory in use is unknown on this system")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, "higgs", hostile_data.SMALL_HIGGS)
        limits = resource.getrlimit(resource.RLIMIT_AS)
        used = int(STATM.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE, limits[1]))
        yield
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture(scope="module")
def place():
    """A folder in memory where there is one: on a disk, names that come and go take most of the time."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder)


def taken(place, name, build) -> str | None:
    """What an import says of a copy, None for a good import; asserts that nothing else happens."""
    here = place / str(time.monotonic_ns())
    (here / "copy").mkdir(parents=True)
    path, root = build(here / "copy"), here / "root"
    try:
        with in_time(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            import_set(name, path, root)
    except UserError as error:
        assert not list(root.glob("*")) and "\n" not in str(error) and 20 < len(str(error)) < 1500
        return str(error)
    assert [path.name for path in root.iterdir()] == [name] and check(name, root)
    return None


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", GOOD)
def test_the_copies_are_good_before_they_are_spoiled(place, name, packed):
    files = hostile_data.good(name)
    files = hostile_data.pack(name, files) if packed else files
    assert taken(place, name, lambda folder: hostile_data.write(files, folder)) is None


@pytest.mark.parametrize(("name", "what"), CRAFTED)
def test_what_was_made_to_do_harm_is_refused(place, name, what, capfd):
    assert taken(place, name, CRAFTED[name, what])
    assert "this ran" not in capfd.readouterr().out and not Path("/tmp/pruneproxy-escaped.jpg").exists()


def test_what_a_pickle_says_of_the_types_of_numpy_is_not_believed(place):
    said = (b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t", b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ft")
    files = hostile_data.good("cifar10")
    lying = {name: data.replace(*said) for name, data in files.items()}
    assert lying != files  # numpy takes the flag for an array of objects, and its bytes for their places
    assert taken(place, "cifar10", lambda folder: hostile_data.write(lying, folder)) is None


@given(
    name=st.sampled_from(list(GOOD)),
    change=st.sampled_from(CHANGES),
    file=st.integers(0, 11),
    at=st.one_of(st.floats(0, 1), st.floats(0, 0.02)),
    amount=st.one_of(st.integers(1, 16), st.sampled_from([100, 5000])),
    packed=st.booleans(),
    late=st.booleans(),
)
def test_a_copy_that_was_changed_somewhere_is_refused_or_good(place, name, change, **where):
    taken(place, name, changed(name, change, **where))


@given(st.sampled_from(list(GOOD)), st.sampled_from(SPECIAL), st.integers(0, 11), st.booleans())
@example("mnist", hostile_data.pipe, 0, False)
def test_what_is_no_file_is_refused_wherever_it_is(place, name, make, file, packed):
    said = taken(place, name, special(name, make, file=file, packed=packed))
    assert said or "words.txt" in sorted(hostile_data.good(name))[file % len(hostile_data.good(name))]


@given(st.sampled_from(list(GOOD)), st.sampled_from(list(GOOD)), st.integers(0, 11), st.integers(0, 11))
def test_a_file_of_another_set_is_refused_or_good(place, name, other, file, from_file):
    taken(place, name, swapped(name, other, file=file, from_file=from_file))


@pytest.mark.slow
def test_many_drawn_copies_are_refused_or_good(place):
    for name, what, build in hostile_data.cases(seed=0, count=1500):
        try:
            taken(place, name, build)
        except BaseException as error:
            raise AssertionError(f"{name}: {what}") from error


def test_an_earlier_copy_outlives_a_hostile_one(tmp_path):
    root = tmp_path / "root"
    import_set("mnist", hostile_data.write(hostile_data.good("mnist"), tmp_path / "good"), root)
    (tmp_path / "bad").mkdir()
    with pytest.raises(UserError):
        import_set("mnist", CRAFTED["mnist", "label 10"](tmp_path / "bad"), root)
    assert check("mnist", root) and [path.name for path in root.iterdir()] == ["mnist"]


def test_the_command_line_says_one_sentence_and_exits_with_2(tmp_path, capsys):
    path = CRAFTED["miniplaces", "a name that leads upwards"](tmp_path)
    assert main(["data", "import", "miniplaces", str(path), "--root", str(tmp_path / "root")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pruneproxy: expected the name of a file in") and said.count("\n") == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="whoever may read everything sees no difference")
def test_what_may_not_be_read_is_refused(tmp_path):
    hostile_data.write(hostile_data.good("mnist"), tmp_path / "copy")
    (tmp_path / "copy" / hostile_data.IDX[0]).chmod(0)
    with pytest.raises(UserError, match="Permission denied"):
        import_set("mnist", tmp_path / "copy", tmp_path / "root")


def test_a_name_that_no_terminal_can_show_is_written_out(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xffcopy"))
    said = import_set("mnist", hostile_data.write(hostile_data.good("mnist"), odd), tmp_path / "root")
    assert said.startswith(r"mnist: import of \xffcopy") or r"\udcffcopy" in said


def test_equal_seeds_draw_equal_copies(tmp_path):
    one, two = (list(hostile_data.cases(3, 20)) for _ in range(2))
    assert [case[:2] for case in one] == [case[:2] for case in two]
    assert len({what for _, what, _ in one}) > 15
