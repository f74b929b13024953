"""Values that no command and no notebook may answer with a traceback, and command lines that hold them."""

import random
from collections.abc import Callable, Iterator

from pruneproxy.recipes import RECIPES

RECORDS = "{records}"  # where a command line names a folder that may be written
NUMBERS = (
    *("0", "1", "2", "3", "-1", "-0.0", "0.5", "1.5", "1e-9", "1e-400", "1e9", "1e30", "1e400", "nan", "-inf", "inf"),
    *("1000", "1000000", "1000000000", "9" * 19, "9" * 30, "9" * 5000, "1_0", "0x10", "１２", "+3", " 4 "),
)
LISTS = (
    *(",", ",,,", "1,", "1,1,1", "0.5,0.5", "2,1", "-1,-1", "1,2,3", "nan,nan", "0,1e400", "-12,12", "0,inf"),
    *("[1, 2]", "(1,)", "{}", "{'a': 1}", "1,x", "none,none", "1;2", "1 2"),
)
WORDS = (
    *("", " ", "none", "None", "NONE", "true", "True", "yes", "null", "a", "resnet8", "resnet56", "mlp", "digits"),
    *("cifar10", "imagenet", "text", "main", "tpe", "log", "é", "💥", "‮abc", "a'b\"c", "'", '"""', "$x$", "$", "%s"),
    *("{0}", "\x1b[31mred\x1b[0m", "\x07", "a\nb", "\r", "\t", "\x00", "\udcff", "\u2028", "a=b", "--help", "-", "="),
)
LONG = ("x" * 100_000, "1," * 1_000_000, "é" * 10_000, "[" * 5_000)
VALUES = (*NUMBERS, *LISTS, *WORDS, *LONG)
FOLDERS = (
    *("", RECORDS, f"{RECORDS}/a/b", f"{RECORDS}/é", f"{RECORDS}/\x1b[31m", f"{RECORDS}/a\nb", f"{RECORDS}/$x$"),
    *(
        f"{RECORDS}/{'x' * 300}",
        f"{RECORDS}/\x00",
        f"{RECORDS}/\udcff",
        f"{RECORDS}/a'b",
        "/dev/null",
        "/proc/no",
        "~nobody-there/x",
    ),
)
TIMES = ("0s", "0", "0.0h", "", "-1s", "1e400s", "9" * 400, "nan", "soon", "1d", " 1s", "１s", "\x1b[31m")
DEVICES = ("cpu", "", "tpu", "cuda:99", "cuda:-1", "cpu:1", "cpu:99", "meta", "mps", "cuda:x", "CPU", "\x00", "\x1b")
STORAGES = (
    *("", "sqlite:", "sqlite:///", "sqlite:////no/x.db", "journal:", "journal:/no/x", "journal:\x00", "mysql://x/y"),
    *("postgresql://", "postgresql://[", "redis://x", "\x1b[31m", "\x00", "x" * 10_000, "sqlite:///\x00/x"),
)


def cases(seed: int, count: int) -> Iterator[list[str]]:
    """`count` argument lists for `pruneproxy.__main__.main`, the same for equal seeds, none of which trains.

    RECORDS in an argument stands for a folder that the caller names: it may be written, and should be an own one.
    """
    drawn = random.Random(seed)
    return ([str(word) for word in drawn.choice(COMMANDS)(drawn)] for _ in range(count))


def _run(drawn: random.Random) -> list[str]:
    stem, recipe = drawn.choice(list(RECIPES.items()))
    words = ["run", stem, "--scale", "smoke", "--budget", "0s", "--device", "cpu", "--records", RECORDS]
    return words + _sets(drawn, recipe.parameters)


def _sets(drawn: random.Random, names) -> list[str]:
    count = drawn.choice((1, 1, 1, 2, 3))
    return [word for _ in range(count) for word in ("--set", f"{drawn.choice(names)}={drawn.choice(VALUES)}")]


def _run_elsewhere(drawn: random.Random) -> list[str]:
    options = {"--scale": "smoke", "--budget": "0s", "--device": "cpu", "--records": RECORDS, "--workers": "1"}
    hostile = {"--scale": VALUES, "--budget": TIMES, "--device": DEVICES, "--records": FOLDERS}
    hostile |= {"--workers": ("0", "-1", "x", "", "1e3", "\x1b"), "--storage": STORAGES}
    name = drawn.choice(list(hostile))
    options |= {name: drawn.choice(hostile[name])}
    return ["run", drawn.choice(("hp_space", "hp_space", *VALUES)), *_joined(options)]


def _budget(drawn: random.Random) -> list[str]:
    return ["decide", "hp_space", *_joined({"--budget": drawn.choice(TIMES), "--records": f"{RECORDS}/empty"})]


def _status(drawn: random.Random) -> list[str]:
    stem, recipe = drawn.choice(list(RECIPES.items()))
    words = ["status", stem, *_joined({"--scale": "smoke", "--records": drawn.choice(FOLDERS)})]
    return words + _sets(drawn, recipe.parameters)


def _claims(drawn: random.Random) -> list[str]:
    words = ["claims", drawn.choice((*RECIPES, *VALUES)), *_joined({"--scale": drawn.choice(("smoke", *VALUES))})]
    return [*words, *_joined({"--records": drawn.choice(FOLDERS)}), *drawn.choice(((), ("--json",)))]


def _pack(drawn: random.Random) -> list[str]:
    return ["pack", drawn.choice((*RECIPES, *VALUES)), *_joined({"--records": drawn.choice(FOLDERS)})]


def _verify(drawn: random.Random) -> list[str]:
    options = {"--sample": drawn.choice(VALUES), "--seed": drawn.choice(VALUES), "--device": drawn.choice(DEVICES)}
    records = drawn.choice([folder for folder in FOLDERS if folder != RECORDS])
    return ["verify", drawn.choice((*RECIPES, *VALUES)), *_joined(options | {"--records": records})]


def _data(drawn: random.Random) -> list[str]:
    root = _joined({"--root": drawn.choice(FOLDERS)})
    known = ("digits", "cifar10", "ekg-resnet56", "higgs")
    action = drawn.choice(("list", "get", "import", "check", *VALUES))
    names = {"list": (), "get": (drawn.choice(VALUES[30:]).replace("cifar10", "cifar"),)}
    path = drawn.choice((*FOLDERS, *WORDS))
    names |= {"import": (drawn.choice((*known, *VALUES)), path), "check": (drawn.choice((*known, *VALUES)),)}
    return ["data", action, *names.get(action, ()), *root]


def _models(drawn: random.Random) -> list[str]:
    return ["models", *drawn.choice(((), (drawn.choice(VALUES),)))]


def _anything(drawn: random.Random) -> list[str]:
    commands = ("run", "status", "claims", "decide", "verify", "pack", "data", "models")
    words = [drawn.choice((*commands, *VALUES)), *drawn.sample(VALUES, drawn.choice((1, 2, 3)))]
    return [*words, *_joined({"--records": RECORDS})]


def _joined(options: dict[str, str]) -> list[str]:
    """Options in the form that takes any value, one that begins with a dash too."""
    return [f"{name}={value}" for name, value in options.items()]


COMMANDS: tuple[Callable[[random.Random], list[str]], ...] = (
    *((_run,) * 6),
    *(_run_elsewhere, _budget, _status, _status, _claims, _pack, _verify, _data, _data, _models, _anything),
)
