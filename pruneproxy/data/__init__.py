"""Data sets as tensors: catalogue, download and import, splits fixed by hash, batches augmented on tensors."""

from pruneproxy.data.augment import AUGMENTATIONS, Policy
from pruneproxy.data.catalogue import CATALOGUE, Entry
from pruneproxy.data.config import FOLDED, NORMALISATIONS, DataConfig, Dataset, Split, input_shape
from pruneproxy.data.download import get
from pruneproxy.data.importing import import_set
from pruneproxy.data.listing import check, list_sets
from pruneproxy.data.loading import batches, load, prepare
from pruneproxy.data.own import ImageFolder, load_folder
from pruneproxy.data.stored import data_root
from pruneproxy.data.weights import WEIGHTS, import_weights, weights, weights_state
