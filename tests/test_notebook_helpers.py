import matplotlib.pyplot as plt
import pytest

from pruneproxy import notebook
from pruneproxy.errors import UserError
from pruneproxy.runs.about import About

PARAMETERS = 'scale: str = "smoke"\ndevice = "cpu"\nrecords = None\nmissing = "run"\nepochs = None'
TINY = {
    "epochs": 1,
    "train_images": 60,
    "eval_images": 40,
    "lr_points": 2,
    "weight_decay_points": 1,
    "networks": "resnet56",
}


def names(tmp_path, **changes):
    return {"scale": "smoke", "device": "cpu", "records": str(tmp_path), "missing": "run"} | TINY | changes


def test_names_are_found_in_plain_cells_and_none_in_magics():
    assert notebook.assigned("a: int = 1\nb, c = 2, 3\nd = e = 4\nf(x)") == ["a", "d", "e"]
    assert notebook.assigned("%matplotlib inline") == []


def test_an_injected_name_that_the_notebook_lacks_is_an_error_that_lists_the_valid_ones():
    assert notebook.declared(["", "import x", PARAMETERS, "# Parameters\nepochs = 3\n"])[-1] == "epochs"
    with pytest.raises(UserError, match="'epocs'.*expected one of device, epochs, missing, records, scale"):
        notebook.declared([PARAMETERS, "# Parameters\nepocs = 3\n"])
    assert notebook.declared(["print(1)"]) is None


def test_a_study_trains_what_is_missing_and_says_where_it_ran(tmp_path):
    study = notebook.open_study("hp_space", names(tmp_path))
    assert study.complete and len(study.frame) == 6
    assert study.provenance().startswith("scale smoke: 6 of 6 runs; data digits from scikit-learn; on ")
    cuts = study.cuts().set_index("value")
    assert (cuts.loc["epochs", "paper"], cuts.loc["epochs", "here"]) == ("180", "1")
    assert study.verdicts(["HS-01", "HS-14"])[1].grade == "not run"


def test_seeds_are_counted_as_what_they_are_of():
    def seeds(records):
        about = {"finished": "2026-01-01", "environment": {"device": "a processor"}}
        return About(about | record for record in records).seeds

    run = {"train": {}, "data": {}}
    records = [{"spec": {"base": {"seed": 9}, "seed": seed}} for seed in (0, 1, 2)]
    records += [{"spec": {"search": {"seed": seed}, "target": {"seed": 100 + 2 * seed}}} for seed in (0, 1, 2)]
    assert seeds(records) == "3 search seeds"
    single = [{"spec": run | {"seed": seed}} for seed in (0, 1)]
    assert seeds(single) == "2 seeds"
    assert seeds(records + single) == "3 search seeds and 2 training seeds"
    assert seeds([{"spec": {"full": {"seed": 0}}}]) == "1 seed"


def test_missing_runs_can_be_skipped_or_refused(tmp_path):
    skipped = notebook.open_study("hp_space", names(tmp_path, missing="skip"))
    assert not skipped.found and skipped.frame.empty and skipped.provenance().endswith("none of 6 runs has been made")
    with pytest.raises(UserError, match="6 of 6 runs are missing.*pruneproxy run hp_space --scale smoke"):
        notebook.open_study("hp_space", names(tmp_path, missing="error"))
    with pytest.raises(UserError, match="expected one of run, error, skip"):
        notebook.open_study("hp_space", names(tmp_path, missing="maybe"))


def test_only_declared_parameters_override_the_protocol(tmp_path):
    cells = [PARAMETERS, "epochs = 7"]
    given = names(tmp_path, missing="skip", epochs=5, In=cells)
    study = notebook.open_study("hp_space", given)
    base = study.cases[0].base
    assert base.train.epochs == 5 and base.data.train_images == 300


def test_a_figure_is_shown_with_what_it_rests_on_below_it(tmp_path, capsys):
    study = notebook.open_study("hp_space", names(tmp_path, missing="skip"))
    axes = plt.subplots(1, 2)[1]
    study.show(axes, "What it shows", case=study.cases[0])
    said = "ResNet-8 x 0.5 standing in for ResNet-56 on scikit-learn's digits. What it shows"
    assert said in capsys.readouterr().out and not plt.get_fignums()
    assert axes[0].figure.get_supxlabel() == ""
    caption = study.caption("a < b").html
    assert "a &lt; b (scale smoke.)" in caption and study.provenance() in caption


def test_verdicts_do_not_depend_on_the_experiments_that_a_page_shows(tmp_path):
    names = {"scale": "smoke", "records": str(tmp_path), "missing": "run"} | {
        "datasets": "mnist",
        "seeds": 2,
        "epochs": 1,
        "random_trials": 6,
        "experiments": "importance",
    }
    alone = notebook.open_study("sparse_tradeoff", names)
    ids = ["ST-01", "ST-16"]
    assert "not run" in [one.grade for one in alone.verdicts(ids)] and alone.judged.runs.empty
    both = [notebook.open_study("sparse_tradeoff", names | {"experiments": e}) for e in ("reproduction", "importance")]
    ours, theirs = (study.verdicts(ids) for study in both)
    assert ours == theirs and {one.grade for one in ours} != {"not run"}
    assert both[1].frame.runs.empty and not both[1].judged.runs.empty


def test_cases_that_change_the_same_share_a_row_of_the_cuts(tmp_path):
    study = notebook.open_study("sparse_tradeoff", {"scale": "lab", "records": str(tmp_path), "missing": "skip"})
    table = study.cuts(together=True).set_index(["value", "dataset"])
    assert table.loc[("folds", "all"), "here"] == "3"
    assert set(table.loc["train_images"]["here"].items()) == {
        ("MNIST, Fashion MNIST, Elec2", "5000"),
        ("CIFAR-10, SVHN", "2000"),
    }
    assert len(table) < len(study.cuts()) / 2 and not table.index.duplicated().any()


def test_the_plan_of_a_study_says_what_has_not_been_run(tmp_path):
    asked = {"scale": "smoke", "records": str(tmp_path), "seeds": 1, "networks": "resnet50-tinyimagenet"}
    notebook.open_study("find_eval", asked | {"missing": "run", "experiments": "drift"})
    plan = notebook.open_study("find_eval", asked | {"missing": "skip", "experiments": "dense,drift"}).plan()
    assert plan.loc["resnet50-tinyimagenet"].tolist() == ["ResNet-8 x 0.25", 1, "dense, drift", "dense"]


def test_a_page_of_one_network_is_judged_with_all_networks_of_its_scale(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook.standing, "complete_cases", lambda recipe, cases, store, growing: tuple(cases))
    asked = {"scale": "smoke", "records": str(tmp_path), "missing": "skip", "datasets": "mnist"}
    page = notebook.open_study("sparse_tradeoff", asked)
    assert len(page.cases) == 1 < len(page._judged_cases) == len(page.recipe.cases("smoke"))
    changed = notebook.open_study("sparse_tradeoff", asked | {"epochs": 7})
    assert changed._judged_cases == changed.cases
