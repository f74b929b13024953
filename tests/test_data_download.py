"""Downloading, from a server on this machine."""

import contextlib
import gzip
import hashlib
import struct
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from pruneproxy.data import CATALOGUE, DataConfig, check, download, get, load
from pruneproxy.data.catalogue import Remote
from pruneproxy.errors import UserError

TABLE = "period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n" + "".join(
    f"{row},{row / 7},0.5,0.25,0.125,{row % 3},{row % 2}\n" for row in range(40)
)
GOOD = gzip.compress(TABLE.encode())
LENGTHS = {"words": "abc", "negative": "-5", "fraction": "1.5", "vast": "9" * 5000, "huge": "9" * 15}


class Handler(BaseHTTPRequestHandler):
    """/good and /corrupt are complete, /short ends early, others misbehave, and what is not known is missing."""

    def do_GET(self):
        answers = {"good": GOOD, "corrupt": GOOD[:-1] + b"x", "short": GOOD[:100], **LENGTHS}
        place = self.path.split("/")[1]
        with contextlib.suppress(ConnectionError):
            if place in answers:
                self.answer(LENGTHS.get(place, str(len(GOOD))), answers[place])
            elif place in ("endless", "drip", "drip-headers", "elsewhere"):
                getattr(self, place.replace("-", "_"))()
            else:
                self.send_error(404)

    def answer(self, length, content):
        self.send_response(200)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content if isinstance(content, bytes) else GOOD)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(bytes(1 << 20))

    def drip(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def drip_headers(self):
        self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def elsewhere(self):
        self.send_response(302)
        self.send_header("Location", "ftp://example.org/elec2.csv.gz")
        self.end_headers()

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture(autouse=True)
def plain_http(monkeypatch):
    """The server of the tests has no certificate."""
    monkeypatch.setattr(download, "SCHEMES", ("http", "https"))


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
    digest = f"sha256:{hashlib.sha256(GOOD).hexdigest()}" if digest is None else digest
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
    failing_get(tmp_path, "elec2.csv.gz could not be downloaded .*expected sha256 .*, got .*corrupt")


@pytest.mark.parametrize("digest", [None, ""])
def test_a_download_that_ends_early_is_an_error_even_without_a_checksum(monkeypatch, server, tmp_path, digest):
    publish(monkeypatch, server, "short", digest=digest)
    failing_get(tmp_path, f"expected {len(GOOD):,} bytes, got 100")


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
    assert "checksums verified, elec2.csv.gz not verified" in get("elec2", tmp_path)


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
            assert all(url.startswith("https://") for url in remote.urls)
            assert remote.sha256 == "" or (len(remote.sha256) == 64 and int(remote.sha256, 16) >= 0)


def test_a_row_order_is_kept(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "good")
    get("elec2", tmp_path)
    assert np.load(tmp_path / "elec2" / "train_inputs.npy")[:, 0].tolist() == list(range(40))


@pytest.mark.parametrize("place", ["words", "negative", "fraction", "vast"])
def test_a_length_that_is_no_number_is_an_error(monkeypatch, server, tmp_path, place):
    publish(monkeypatch, server, place)
    failing_get(tmp_path, "expected a number of bytes as Content-Length, got")


@pytest.mark.parametrize("place", ["endless", "huge"])
def test_a_file_that_is_larger_than_the_set_can_be_is_cut_off(monkeypatch, server, tmp_path, place):
    publish(monkeypatch, server, place, digest="")
    failing_get(tmp_path, "expected at most [0-9,]+ bytes, got more")


@pytest.mark.parametrize("place", ["drip", "drip-headers"])
def test_a_server_that_sends_a_few_bytes_from_time_to_time_is_given_up(monkeypatch, server, tmp_path, place):
    publish(monkeypatch, server, place, digest="")
    monkeypatch.setattr(download, "WINDOW", 0.5)
    start = time.monotonic()
    failing_get(tmp_path, "expected 10,000 bytes per second, got .* too slow")
    assert time.monotonic() - start < 5


def test_files_are_fetched_over_encrypted_connections_only(monkeypatch, server, tmp_path):
    publish(monkeypatch, server, "elsewhere")
    failing_get(tmp_path, "expected an https address, got ftp://example.org")
    monkeypatch.undo()
    publish(monkeypatch, server, "good")
    failing_get(tmp_path, "expected an https address, got http://127.0.0.1")


def test_how_far_the_checksums_reach_is_told():
    assert download.origin("miniplaces", CATALOGUE["miniplaces"]) == (
        "download of miniplaces, checksums verified (md5: against accidents only), train.txt and val.txt not verified"
    )
    for name in ("mnist", "cifar10", "higgs"):  # the arrays of the first are known
        assert download.origin(name, CATALOGUE[name]) == f"download of {name}, checksums verified"


def test_other_arrays_than_the_original_ones_are_refused(monkeypatch, tmp_path):
    def write(remote, folder, limit, progress):
        shape = (20, 28, 28) if "images" in remote.name else (20,)
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        (folder / remote.name).write_bytes(gzip.compress(header + bytes(np.prod(shape))))

    monkeypatch.setattr(download, "fetch", write)
    with pytest.raises(UserError, match="expected the original arrays of mnist, got others"):
        get("mnist", tmp_path)
    assert not list(tmp_path.iterdir())
