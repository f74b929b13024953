"""Words for the names that settings, columns and networks have in code, and numbers as a reader wants them."""

import re

import numpy as np
import pandas as pd

DASH = "–"  # where there is no number
NETWORKS = {"mobilenet_v2": "MobileNetV2", "vgg16_bn": "VGG16-BN", "mlp": "MLP"}
DATA = {
    "fashion_mnist": "Fashion-MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "digits": "scikit-learn's digits",
    "cifar10": "CIFAR-10",
    "cifar-10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "cifar-100": "CIFAR-100",
    "svhn": "SVHN",
    "elec2": "Elec2",
    "imagenet": "ImageNet",
    "tiny_imagenet": "Tiny-ImageNet",
    "tinyimagenet": "Tiny-ImageNet",
    "miniplaces": "MiniPlaces",
}
SETTINGS = {
    "lr": "learning rate",
    "log10 lr": "learning rate, log10",
    "weight_decay": "weight decay",
    "log10 weight_decay": "weight decay, log10",
    "batch_size": "batch size",
    "train.batch_size": "batch size",
    "train.lr": "learning rate",
    "train.weight_decay": "weight decay",
    "batch": "batch that scores see",
    "lr_log10": "learning rates, log10",
    "weight_decay_log10": "weight decays, log10",
    "lr_points": "learning rates in the grid",
    "weight_decay_points": "weight decays in the grid",
    "lr_eval": "more learning rates that train masks",
    "best_lr": "best learning rate",
    "local_lr": "learning rates, pruned layer by layer",
    "dense_lr": "learning rates of the unpruned network",
    "train_images": "training examples",
    "eval_images": "validation examples",
    "test_images": "test examples",
    "size": "side of the images",
    "width": "width of the network",
    "widths": "widths of the layers",
    "augment": "augmentation",
    "evaluate_every": "epochs between evaluations",
    "targets": "shares of multiplications left",
    "target": "share of multiplications left",
    "data": "data set",
    "model": "network",
    "configs": "settings tried with each proxy",
    "proxy_seeds": "seeds of a setting on a proxy",
    "target_seeds": "seeds of a setting on the network",
    "trials_five": "trials over five hyperparameters",
    "timed_batches": "batch sizes that are timed",
    "repeats": "repeated timings",
    "trainings": "trainings of the winner",
    "folds": "folds of the validation",
    "searches": "searches",
    "most_layers": "layers at most",
    "most_blocks": "blocks at most",
    "widest": "widest layer",
    "longest": "epochs at most",
    "top": "best configurations that are swept",
    "swept": "sparsities that are swept",
    "random_spaces": "spaces of the random draws",
    "random_trials": "random draws",
    "interval": "steps between two updates",
    "share": "share that a round removes",
    "evaluated": "rounds that are evaluated",
    "late_epoch": "epoch to which weights are rewound",
    "warm_epochs": "epochs of warm-up",
    "early_epochs": "epochs after which is pruned early",
    "stable_rounds": "rounds whose stability is measured",
    "removed": "percent of channels removed",
    "tuned_on": "images of a class that a search sees",
    "judged_on": "images of a class that judge it",
    "tuning_lr": "learning rate of the search",
    "tuning_augmented": "augmentation in the search",
    "finetune_epochs": "epochs of fine-tuning",
    "finetune_batch_size": "batch size of fine-tuning",
    "finetune_lr": "learning rate of fine-tuning",
    "finetune_weight_decay": "weight decay of fine-tuning",
    "finetune_milestones": "milestones of fine-tuning",
    "finetune_decay_factor": "decay factor of fine-tuning",
    "finetune_augment": "augmentation of fine-tuning",
    "drawn": "random sub-networks drawn",
    "l1_every": "steps between two rankings by L1 norm",
    "walk_points": "points at which curvature is measured",
    "side": "points on a side of a loss surface",
    "top1": "top-1 accuracy (%)",
    "top5": "top-5 accuracy (%)",
    "null high": "reached by chance (97.5 %)",
    "equivalent_holm": "p equivalent, corrected",
    "equivalent_rounded_holm": "p equivalent whatever rounding hides, corrected",
    "worse_holm": "p worse, corrected",
    "different_holm": "p different, corrected",
    "even_holm": "p not even, corrected",
    "equal_holm": "p about even, corrected",
    "fewer_holm": "p fewer than by chance, corrected",
    "between_methods": "tells SET from RigL",
    "sd": "deviation over seeds",
    "low": "95 % interval from",
    "high": "to",
}
WORDS = NETWORKS | DATA | SETTINGS
TOKEN = re.compile(r"[A-Za-z][\w-]*")
LABELS = {key: value for key, value in (NETWORKS | DATA).items() if key != "digits"}  # which is also a plain word
LABELS |= {"tpe": "TPE", "gp": "Gaussian process", "cma-es": "CMA-ES", "erk": "ERK"}
LABELS |= {key: SETTINGS[key] for key in ("lr", "weight_decay", "batch_size", "top1", "top5")}


def name(text: str) -> str:
    """A name as readers know it: that of the list, `ResNet-56` for `resnet56`, and spaces for underscores."""
    text = str(text)
    known = WORDS.get(text) or re.sub(r"^resnet(\d+)$", r"ResNet-\1", text)
    return known.replace("_", " ")


def label(text: str) -> str:
    """A label of several parts in words: networks, data sets and what pruning left of them."""
    if text in DATA:
        return DATA[text]
    text = re.sub(r"\b(\d+) ?% (uniform|global)\b", r"\1 % of multiplications left, \2", str(text))
    text = re.sub(r"\bresnet(\d+)", r"ResNet-\1", text)
    return TOKEN.sub(lambda token: LABELS.get(token[0], token[0]), text)


def number(value: object, digits: int = 3) -> str:
    """Three significant digits, whole numbers whole, and a dash where there is no number."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if value is None or value is pd.NA or pd.isna(value):
        return DASH
    if isinstance(value, int | np.integer):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    value = float(value)
    if not np.isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value == round(value) and abs(value) < 1e15:
        return number(int(value))
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.{digits - 1}e}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Both ends of an interval; a dash where nothing was resampled."""
    return DASH if bounds is None else f"{number(bounds[0])} to {number(bounds[1])}"
