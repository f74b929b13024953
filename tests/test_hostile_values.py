"""No value that a user can give makes a traceback, a hang or half a store: it works, or it is refused in one line."""

import contextlib
import dataclasses
import datetime
import io
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import pytest
from hostile_values import FOLDERS, RECORDS, VALUES, cases
from hypothesis import HealthCheck, example, given, settings

from pruneproxy import ekg, notebook
from pruneproxy.__main__ import main
from pruneproxy.asking.retuning import Dense, Retrained
from pruneproxy.asking.trials import Asked
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, printable
from pruneproxy.limits import MOST_RUNS
from pruneproxy.models import MLPSizes, ModelConfig
from pruneproxy.recipes import RECIPES
from pruneproxy.runs import Finding, Pruning, RoundSpec, RunSpec, Ticket
from pruneproxy.runs.accuracies import AccuracySpec
from pruneproxy.runs.guided import GuidedSpec
from pruneproxy.runs.kinds import Kind
from pruneproxy.runs.spec import ChannelsSpec
from pruneproxy.search import Dimension
from pruneproxy.sparse import SparseConfig
from pruneproxy.specs import from_dict, identity, to_dict
from pruneproxy.surgery import MergeConfig, PruneConfig
from pruneproxy.train import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 10.0  # seconds
FIELDS = [(stem, name) for stem, recipe in RECIPES.items() for name in recipe.parameters]
SCALES = [(stem, scale) for stem, recipe in RECIPES.items() for scale in recipe.scales]
WORST = ("", "nan", "1e400", "-1", "9" * 30, "1000000000", ",", "\x1b[31m", "x" * 100_000)
words = st.sampled_from(VALUES) | st.text() | st.integers().map(str) | st.floats().map(str)
words |= st.lists(st.integers() | st.floats()).map(lambda found: ",".join(map(str, found)))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(VALUES)
json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
things = (
    json
    | st.dates()
    | st.binary(max_size=3)
    | st.tuples(json)
    | st.sets(st.integers(), max_size=3)
    | st.complex_numbers()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def answer(arguments) -> int:
    """The exit code of a command; a refusal must be one clean line and leave nothing in the folder of records."""
    out, err, started = io.StringIO(), io.StringIO(), time.monotonic()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    except SystemExit as end:  # of --help and --version
        code = end.code
    assert time.monotonic() - started < PATIENCE, arguments
    assert code in (0, 2, 3), arguments
    if code == 2:
        said = err.getvalue()
        assert said.startswith("pruneproxy: ") and said.count("\n") == 1 and said[:-1].isprintable(), said
    return code


def refused_or(work):
    """What `work` returns, None where it is refused; nothing else may happen, and that soon."""
    started, found = time.monotonic(), None
    with contextlib.suppress(UserError):
        found = work()
    assert time.monotonic() - started < PATIENCE
    return found


def placed(arguments, folder) -> list[str]:
    return [word.replace(RECORDS, str(folder)) for word in arguments]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=settings().max_examples * 4)
def test_every_argument_of_every_command_is_used_or_refused_in_one_line(seed, folder):
    for arguments in cases(seed, 1):
        answer(placed(arguments, folder))


@given(field=st.sampled_from(FIELDS), value=words)
@settings(max_examples=settings().max_examples * 4)
@example(field=("find_eval", "stable_rounds"), value=",,,")
@example(field=("find_eval", "early_epochs"), value=" ")
@example(field=("find_eval", "rounds"), value="1000000000")
@example(field=("sparse_tradeoff", "samplers"), value="\t")
@example(field=("sparse_tradeoff", "most_layers"), value="9999999999999999999")
@example(field=("sparse_tradeoff", "searches"), value="1000000")
@example(field=("proxy_hpo", "configs"), value="1000000000")
@example(field=("proxy_hpo", "max_loss"), value="inf")
@example(field=("hp_space", "lr_points"), value="1000000000")
@example(field=("hp_space", "weight_decay"), value="1e400")
@example(field=("ekg", "temperature"), value="9" * 5000)
@example(field=("ekg", "drawn"), value="9" * 30)
@example(field=("ekg", "seeds"), value="1000000")
@example(field=("ekg", "side"), value="1000000000")
def test_every_protocol_value_is_used_or_refused_in_one_line(field, value, folder):
    stem, name = field
    place = str(folder / "untouched")
    words = ["run", stem, "--scale", "smoke", "--budget", "0s", "--device", "cpu", "--records", place]
    answer([*words, "--set", f"{name}={value}"])
    assert not os.path.exists(place)


@pytest.mark.slow
@pytest.mark.parametrize("stem,scale", SCALES, ids=map("-".join, SCALES))
def test_the_worst_values_of_every_protocol_value_are_used_or_refused_at_every_scale(stem, scale):
    for name in RECIPES[stem].parameters:
        for value in WORST:
            refused_or(lambda name=name, value=value: RECIPES[stem].cases(scale, **{name: value}))


@given(place=st.sampled_from(SCALES), picked=st.randoms(use_true_random=False), value=words)
def test_a_protocol_value_at_any_scale_is_used_or_refused(place, picked, value):
    stem, scale = place
    name = picked.choice(RECIPES[stem].parameters)
    refused_or(lambda: RECIPES[stem].cases(scale, **{name: value}))


@given(field=st.sampled_from(FIELDS), value=things)
@settings(max_examples=settings().max_examples * 2)
@example(field=("hp_space", "epochs"), value={"a": 1})
@example(field=("hp_space", "networks"), value=5)
@example(field=("hp_space", "networks"), value=[])
@example(field=("hp_space", "lr_log10"), value=[None, "x"])
@example(field=("hp_space", "seeds"), value=True)
@example(field=("hp_space", "data"), value=["digits"])
@example(field=("hp_space", "epochs"), value=2.0)
@example(field=("hp_space", "epochs"), value=datetime.date(2024, 1, 1))
@example(field=("find_eval", "lr"), value=[0.1] * 1_000_000)
@example(field=("find_eval", "lr"), value=list(range(1, 1000)))
def test_every_parameter_of_a_notebook_is_used_or_refused(field, value, folder):
    stem, name = field
    names = {"scale": "smoke", "device": "cpu", "records": str(folder / "none"), "missing": "skip"}
    cells = [f"scale = device = records = missing = {name} = None"]
    study = refused_or(lambda: notebook.open_study(stem, names | {name: value, "In": cells}))
    if study is not None:
        assert "none of" in study.provenance() and len(study.cuts()) >= len(study.cuts(together=True))
        assert len(study.verdicts(list(study.recipe.claims))) == len(study.recipe.claims)
    assert not (folder / "none").exists()


@given(name=st.sampled_from(notebook.COMMON), value=things)
def test_the_parameters_that_every_notebook_has_are_used_or_refused(name, value, folder):
    missing = "run" if name == "device" and value not in (None, "cpu", "auto") else "skip"
    names = {"scale": "smoke", "device": "cpu", "records": str(folder / "none"), "missing": missing}
    if name == "missing" and value == "run":
        return
    refused_or(lambda: notebook.open_study("hp_space", names | {name: value}))


PARTS = {one: one() for one in (TrainConfig, DataConfig, ModelConfig, SparseConfig, MergeConfig, Finding)}
PARTS |= {ekg.SearchConfig: ekg.SearchConfig(), PruneConfig: PruneConfig(target=0.5), MLPSizes: MLPSizes(layers=2)}
PARTS |= {Dimension: Dimension(field="train.lr", low=0.1, high=1.0), Pruning: Pruning(channels=PruneConfig(target=0.5))}
PARTS |= {Ticket: Ticket(round=RoundSpec(find=RunSpec())), RunSpec: RunSpec()}


def subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


@pytest.fixture(scope="module")
def specs() -> dict[type, object]:
    """One spec of every class: those of the recipes at scale smoke, and their parts."""
    asked = [spec for recipe in RECIPES.values() for spec in recipe.specs("smoke")]
    asked += [AccuracySpec(dense=RunSpec()), ChannelsSpec(architecture=RunSpec())]
    asked += [spec.bank for spec in asked if isinstance(spec, GuidedSpec)][:1]
    dense = Dense(subject="0" * 16, settings=(("lr", 0.1),), seed=0)
    asked += [dense, Retrained(dense=dense, keep=0.5, method="l1", settings=(("lr", 0.1),), seed=0)]
    asked += [Asked(subject="0" * 16, copy="pruned", settings=(("lr", 0.1),), seed=0)]
    return PARTS | {type(spec): spec for spec in asked}


def test_every_class_of_specs_is_tried(specs):
    known = {one for one in subclasses(Kind) if dataclasses.is_dataclass(one) and one.__module__.startswith("prune")}
    assert not known - set(specs)


@given(data=st.data())
@settings(max_examples=settings().max_examples * 6, suppress_health_check=[HealthCheck.too_slow])
def test_a_spec_is_read_from_any_json_or_refused(data, specs):
    kind = data.draw(st.sampled_from(sorted(specs, key=lambda one: one.__name__)))
    written = to_dict(specs[kind])
    inner = written
    while True:
        name = data.draw(st.sampled_from(sorted(inner)))
        if not isinstance(inner[name], dict) or not inner[name] or data.draw(st.booleans()):
            break
        inner = inner[name]
    inner[name] = data.draw(json)
    spec = refused_or(lambda: from_dict(kind, written))
    if spec is not None:
        assert refused_or(lambda: identity(spec)) is None or from_dict(kind, to_dict(spec)) == spec


@given(value=json)
@example(value={})
@example(value=None)
@example(value=[1])
def test_a_spec_is_read_from_json_that_has_nothing_of_it_or_refused(value):
    for kind in (*PARTS, RoundSpec):
        refused_or(lambda kind=kind: from_dict(kind, value))


@pytest.mark.parametrize(
    "stem,name,value,expected",
    [
        ("hp_space", "epochs", "0", "TrainConfig.epochs must be at least 1, got 0"),
        ("ekg", "finetune_epochs", "0", "finetune_epochs must be at least 1, got 0"),
        ("hp_space", "epochs", 2.5, "epochs: expected a whole number below 10^18, got 2.5"),
        ("hp_space", "epochs", "1e3", "epochs: expected a whole number below 10^18, got '1e3'"),
        ("hp_space", "lr", float("nan"), "lr: expected a finite number, got nan"),
        ("hp_space", "train_images", {"a": 1}, "expected a whole number below 10^18 or none, got {'a': 1}"),
        ("hp_space", "train_images", 10**10, "must be a positive whole number up to 1,000,000,000 or None"),
        ("hp_space", "targets", "0.5,0.5", "expected every value of targets once, got 0.5 twice: leave one out"),
        ("hp_space", "networks", [], "expected one network at this scale or more in networks, got none"),
        ("hp_space", "nesterov", 1, "nesterov: expected true or false, got 1"),
        ("hp_space", "seeds", 10**9, "seeds must be at most 1,000, got 1000000000"),
        ("find_eval", "seeds", "1000", f"expected at most {MOST_RUNS:,} runs, got about 357,000"),
        ("proxy_hpo", "optimizers", "", "expected one value of optimizers or more, got none"),
        ("proxy_hpo", "optimizer", "tpe", "unknown protocol value 'optimizer' (did you mean 'optimizers'?)"),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_came(stem, name, value, expected):
    with pytest.raises(UserError) as refusal:
        RECIPES[stem].cases("smoke", **{name: value})
    assert expected in str(refusal.value)


@pytest.mark.parametrize("given_name", [name for name in FOLDERS if name == "" or "\x00" in name or "x" * 300 in name])
def test_an_impossible_folder_of_records_is_refused(given_name, tmp_path, capsys):
    place = given_name.replace(RECORDS, str(tmp_path))
    assert main(["data", "list", "--root", place]) == 2
    assert "expected the name of a folder of data" in capsys.readouterr().err
    for command in (["claims", "hp_space"], ["status"], ["pack", "hp_space"], ["run", "hp_space", "--scale", "smoke"]):
        assert main([*command, "--records", place]) == 2
        assert "expected the name of a folder of records" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["", "x", "tcp://", "x://y:1", "inproc://a", "tls://127.0.0.1:1", "\x00", "\x1b[31m"]
)
def test_what_is_no_address_of_a_scheduler_is_refused(address, tmp_path, capsys):
    pytest.importorskip("distributed")
    words = ["run", "hp_space", "--scale", "smoke", "--budget", "0s", "--records", str(tmp_path), "--dask", address]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("pruneproxy: expected a Dask scheduler at") and said.isprintable()


def test_what_a_terminal_would_obey_is_shown_and_not_sent(capsys):
    assert main(["data", "check", "\x1b[31mred\u202e\n"]) == 2
    assert "\\x1b[31mred\\u202e\\n" in capsys.readouterr().err
    assert printable("é 💥\tx") == "é 💥\\tx" and len(printable("x" * 10**6)) < 5000


def test_a_figure_is_signed_with_any_name_of_a_source(tmp_path):
    names = {"scale": "smoke", "records": str(tmp_path), "missing": "skip"}
    record = {
        "data": {"source": "from $\\frac{ and $x^$"},
        "spec": to_dict(RunSpec()),
        "finished": "2024-01-01",
        "environment": {"device": "cpu_$"},
    }
    study = replace(notebook.open_study("hp_space", names), found={"a": record})
    axes = plt.subplots()[1]
    study.show(axes, "a caption")
    plt.close("all")


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters,expected",
    [
        (["-p", "epochs", "two"], "epochs: expected a whole number"),
        (["-y", "{seeds: {a: 1}}"], "seeds: expected a whole"),
    ],
)
def test_papermill_ends_with_the_sentence_and_without_a_store(parameters, expected, tmp_path):
    source, records = ROOT / "notebooks/hp_space/2-landscape.ipynb", tmp_path / "records"
    command = [sys.executable, "-m", "papermill", str(source), str(tmp_path / "out.ipynb"), "-p", "scale", "smoke"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PRUNEPROXY_RECORDS": str(records)}
    done = subprocess.run(
        [*command, "-k", "python3", *parameters], capture_output=True, text=True, env=environment, cwd=source.parent
    )
    assert done.returncode != 0 and f"UserError: {expected}" in done.stderr and not records.exists()
