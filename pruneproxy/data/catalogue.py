"""The data sets: what they are, where they are published, and which checksums are known."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Remote:
    """A published file: where to fetch it, in order, and its digest ("md5:..." or "sha256:...", "" if unknown).

    An md5 tells an accident, not a forgery: `sha256` is what others have found of a file whose publisher gives an md5.
    """

    urls: tuple[str, ...]
    digest: str = ""
    sha256: str = ""

    @property
    def digests(self) -> tuple[str, ...]:
        """All that is known."""
        return tuple(filter(None, (self.digest, self.sha256 and f"sha256:{self.sha256}")))

    @property
    def name(self) -> str:
        """The file's name."""
        return self.urls[0].rsplit("/", 1)[1]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A data set of the catalogue.

    `form` is the key of the reader of its published files; no `files` means that it is built in or can only be
    imported. `train_examples` counts the training data without the test split. `test_share` is the share taken
    as test split where no official one exists. `original` has the sha256 of the arrays as stored here, where the
    originals' are known.
    """

    title: str
    kind: str
    form: str
    shape: tuple[int, ...]
    classes: int
    train_examples: int
    licence: str
    files: tuple[Remote, ...] = ()
    names: tuple[str, ...] = ()
    test_share: float = 0.0
    test_rows: int = 0
    original: Mapping[str, str] = field(default_factory=dict)


def idx_files(mirrors: tuple[str, ...], digests: tuple[str, ...]) -> tuple[Remote, ...]:
    """The four files of an MNIST-like set, with the given md5 digests."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(
        Remote(tuple(f"{mirror}{name}-ubyte.gz" for mirror in mirrors), f"md5:{digest}")
        for name, digest in zip(names, digests, strict=True)
    )


TORONTO = "https://www.cs.toronto.edu/~kriz/"
STANFORD = "https://ufldl.stanford.edu/housenumbers/"
PLACES = "https://raw.githubusercontent.com/CSAILVision/miniplaces/43f337898589dc70f4cf024587ead2aa1cff4e73/data/"
DIGITS = tuple(str(digit) for digit in range(10))

CATALOGUE: dict[str, Entry] = {
    "digits": Entry(
        title="Optical recognition of handwritten digits (scikit-learn's 1,797)",
        kind="image",
        form="builtin",
        shape=(1, 8, 8),
        classes=10,
        train_examples=1_438,
        names=DIGITS,
        licence="CC BY 4.0",
        test_share=0.2,
    ),
    "mnist": Entry(
        title="MNIST handwritten digits",
        kind="image",
        form="idx",
        shape=(1, 28, 28),
        classes=10,
        train_examples=60_000,
        names=DIGITS,
        licence="CC BY-SA 3.0",
        original={
            "train_inputs": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "train_labels": "e474323ac02fc156161b0bbb1f8c9cfeb327a74bcd9f9680a8385269a24f566c",
            "test_inputs": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "test_labels": "2fd8de6bdb8d11780b4b96dc57847bcfe6953f7c32aa48bfcd8237c3b7847243",
        },
        files=idx_files(
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ),
    ),
    "fashion_mnist": Entry(
        title="Fashion-MNIST",
        kind="image",
        form="idx",
        shape=(1, 28, 28),
        classes=10,
        train_examples=60_000,
        names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        licence="MIT",
        original={
            "train_inputs": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "train_labels": "e3245b63f7c40d1c8b652835f19744d970c1613b40ddac6bcfc87b9c46e16a0b",
            "test_inputs": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "test_labels": "d51d859896c55775b9e9e219b77ff03bcec1b6ac322f313544dc3f9e7bc94fae",
        },
        files=idx_files(
            (
                "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            ),
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ),
    ),
    "cifar10": Entry(
        title="CIFAR-10",
        kind="image",
        form="cifar",
        shape=(3, 32, 32),
        classes=10,
        train_examples=50_000,
        names=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        licence="none stated; research use with citation",
        files=(
            Remote(
                (TORONTO + "cifar-10-python.tar.gz",),
                "md5:c58f30108f718f92721af3b95e74349a",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ),
        ),
    ),
    "cifar100": Entry(
        title="CIFAR-100",
        kind="image",
        form="cifar",
        shape=(3, 32, 32),
        classes=100,
        train_examples=50_000,
        licence="none stated; research use with citation",
        files=(
            Remote(
                (TORONTO + "cifar-100-python.tar.gz",),
                "md5:eb9058c3a382ffc7106e4002c42a8d85",
                "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            ),
        ),
    ),
    "svhn": Entry(
        title="Street View House Numbers, cropped digits",
        kind="image",
        form="mat",
        shape=(3, 32, 32),
        classes=10,
        train_examples=73_257,
        names=DIGITS,
        licence="non-commercial use only",
        files=(
            Remote(
                (STANFORD + "train_32x32.mat",),
                "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
                "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            ),
            Remote(
                (STANFORD + "test_32x32.mat",),
                "md5:eb5a983be6a315427106f1b164d9cef3",
                "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            ),
        ),
    ),
    "tiny_imagenet": Entry(
        title="Tiny-ImageNet (test split: the official validation images)",
        kind="image",
        form="tiny",
        shape=(3, 64, 64),
        classes=200,
        train_examples=100_000,
        licence="ImageNet's terms: non-commercial research",
        files=(
            Remote(
                ("https://cs231n.stanford.edu/tiny-imagenet-200.zip",),
                "md5:90528d7ca1a48142e341f4ef8d21d0de",
                "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            ),
        ),
    ),
    "miniplaces": Entry(
        title="MiniPlaces (test split: the official validation images)",
        kind="image",
        form="places",
        shape=(3, 128, 128),
        classes=100,
        train_examples=100_000,
        licence="research and education only",
        files=(
            Remote(("https://miniplaces.csail.mit.edu/data/data.tar.gz",), "md5:265825ec94f79390e4f1e38045a69059"),
            Remote((PLACES + "train.txt",)),
            Remote((PLACES + "val.txt",)),
        ),
    ),
    "imagenet": Entry(
        title="ImageNet-style folders: train/CLASS/*, val/CLASS/*",
        kind="folder",
        form="folder",
        shape=(3, 256, 256),
        classes=1000,
        train_examples=1_281_167,
        licence="ImageNet's terms: non-commercial research",
    ),
    "elec2": Entry(
        title="Elec2, New South Wales electricity prices (without date and day)",
        kind="tabular",
        form="elec2",
        shape=(6,),
        classes=2,
        train_examples=31_718,
        names=("DOWN", "UP"),
        licence="none stated; public research data",
        test_share=0.3,
        files=(
            Remote(
                ("https://raw.githubusercontent.com/scikit-multiflow/streaming-datasets/master/elec.csv",),
                "sha256:cdf901433885f29eca6911f70c0eeafb50d90596c879c30c5b99f5a2e8e734ff",
            ),
        ),
    ),
    "higgs": Entry(
        title="HIGGS (the last 500,000 rows are the test split)",
        kind="tabular",
        form="higgs",
        shape=(28,),
        classes=2,
        train_examples=10_500_000,
        names=("background", "signal"),
        licence="CC BY 4.0",
        test_rows=500_000,
        files=(
            Remote(
                ("https://archive.ics.uci.edu/ml/machine-learning-databases/00280/HIGGS.csv.gz",),
                "sha256:ea302c18164d4e3d916a1e2e83a9a8d07069fa6ebc7771e4c0540d54e593b698",
            ),
        ),
    ),
}
