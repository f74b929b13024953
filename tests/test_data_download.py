"""Downloading, from a server on this machine."""

import gzip
import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pruneproxy.data import CATALOGUE, DataConfig, check, get, load
from pruneproxy.data.catalogue import Remote
from pruneproxy.errors import UserError

TABLE = "period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n" + "".join(
    f"{row},{row / 7},0.5,0.25,0.125,{row % 3},{row % 2}\n" for row in range(40)
)
GOOD = gzip.compress(TABLE.encode())


class Handler(BaseHTTPRequestHandler):
    """/good and /corrupt are complete, /short ends early, everything else is missing."""

    def do_GET(self):
        answers = {"good": GOOD, "corrupt": GOOD[:-1] + b"x", "short": GOOD[:100]}
        place = self.path.split("/")[1]
        if place not in answers:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write(answers[place])

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def publish(monkeypatch, server, *places, digest=None):
    """Lets the catalogue point to these places of the server for Elec2."""
    urls = tuple(f"{server}/{place}/elec2.csv.gz" for place in places)
    digest = f"md5:{hashlib.md5(GOOD).hexdigest()}" if digest is None else digest
    monkeypatch.setitem(CATALOGUE, "elec2", replace(CATALOGUE["elec2"], files=(Remote(urls, digest),)))


def failing_get(root, message):
    with pytest.raises(UserError, match=message):
        get("elec2", root)
    assert not list(root.iterdir())


def test_a_good_download_is_stored_checked_and_reported(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "good")
    seen = []
    said = get("elec2", tmp_path, lambda *facts: seen.append(facts))
    assert said == "elec2: download of elec2, checksums verified (table)"
    assert seen == [(len(GOOD), len(GOOD)), (40 * 24, 40 * 24)]
    assert load(DataConfig(name="elec2"), root=tmp_path).source == "download of elec2, checksums verified (table)"
    assert check("elec2", tmp_path) and [path.name for path in tmp_path.iterdir()] == ["elec2"]


def test_a_second_get_leaves_the_set_alone(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "good")
    get("elec2", tmp_path)
    publish(monkeypatch, server, "missing")
    assert "already" in get("elec2", tmp_path)


def test_a_corrupt_download_is_an_error_and_leaves_nothing(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "corrupt")
    failing_get(tmp_path, "elec2.csv.gz could not be downloaded .*expected md5 .*, got .*corrupt")


@pytest.mark.parametrize("digest", [None, ""])
def test_a_download_that_ends_early_is_an_error_even_without_a_checksum(monkeypatch, server, tmp_path, digest):
    publish(monkeypatch, server, "short", digest=digest)
    failing_get(tmp_path, f"expected {len(GOOD)} bytes, got 100")


def test_a_missing_file_is_an_error(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "missing")
    failing_get(tmp_path, "404.*try again, or import a local copy")


def test_a_server_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    publish(monkeypatch, "http://127.0.0.1:9", "good")
    failing_get(tmp_path, "could not be downloaded .*refused")


def test_the_next_mirror_is_tried_when_one_fails(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "missing", "short", "corrupt", "good")
    assert "checksums verified" in get("elec2", tmp_path)


def test_a_file_without_a_known_checksum_is_named(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "good", digest="")
    assert "checksums verified but of elec2.csv.gz" in get("elec2", tmp_path)


def test_what_cannot_be_downloaded_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="data import imagenet PATH"):
        get("imagenet", tmp_path)
    with pytest.raises(UserError, match="comes with scikit-learn"):
        get("digits", tmp_path)


def test_torchvision_publishes_the_same_checksums():
    from torchvision import datasets

    theirs = {
        "mnist": {digest for _, digest in datasets.MNIST.resources},
        "fashion_mnist": {digest for _, digest in datasets.FashionMNIST.resources},
        "cifar10": {datasets.CIFAR10.tgz_md5},
        "cifar100": {datasets.CIFAR100.tgz_md5},
        "svhn": {datasets.SVHN.split_list[split][2] for split in ("train", "test")},
    }
    for name, digests in theirs.items():
        assert {remote.digest.removeprefix("md5:") for remote in CATALOGUE[name].files} == digests


def test_every_published_file_has_a_well_formed_checksum_or_none():
    lengths = {"md5": 32, "sha256": 64}
    for entry in CATALOGUE.values():
        for remote in entry.files:
            algorithm, _, value = remote.digest.partition(":")
            assert remote.digest == "" or (len(value) == lengths[algorithm] and int(value, 16) >= 0)
            assert all(url.startswith(("http://", "https://")) for url in remote.urls)


def test_a_row_order_is_kept(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "good")
    get("elec2", tmp_path)
    assert np.load(tmp_path / "elec2" / "train_inputs.npy")[:, 0].tolist() == list(range(40))
