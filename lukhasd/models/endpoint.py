"""An embedder behind any OpenAI-compatible `/embeddings` endpoint that the user chose."""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import numpy as np

from lukhasd.models.embedder import Embedder, EmbedderError, Vectors
from lukhasd.models.posting import Closed, Poster, TooLarge
from lukhasd.models.recent import Recent

BATCH_TEXTS = 32
ONE_TIMEOUT_S = 5.0
"""For a single text, which somebody waits for; the memories' own batches may take the configured time."""
SILENT_S = 10.0
"""After a failure nothing is asked for so long: searches then do not wait for a dead endpoint one by one."""
ANSWER_LIMIT_BYTES = 64_000_000
SHORTEST_CHARS = 200
"""A text that is refused is halved, as its model may count more tokens than we do; a shorter one is not the cause."""
TOO_LONG_STATUSES = (400, 413, 422)
PROBES = ("The harbour lay still at noon.", "Seven invoices are unpaid.", "La pluie tombe sur le toit.")


@dataclass(frozen=True)
class Endpoint:
    base_url: str
    """Up to and with its version, as http://127.0.0.1:11434/v1."""
    model: str
    asked_dimensions: int = 0
    """What it is asked for; 0: the model's own."""

    @property
    def name(self) -> str:
        asked = f", {self.asked_dimensions} dimensions" if self.asked_dimensions else ""
        return f"{self.model} at {self.base_url.rstrip('/')}{asked}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent to it stays on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class Refused(EmbedderError):
    """The endpoint answered with `http_status`."""

    def __init__(self, message: str, http_status: int) -> None:
        super().__init__(message, hint="lukhas embedder test says whether it works again")
        self.http_status = http_status


class Unreachable(EmbedderError):
    """It did not answer, or not in time."""


class WrongDimensions(EmbedderError):
    """Not as many as were asked for."""


class _Row(msgspec.Struct, frozen=True):
    embedding: list[float]
    index: int | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Row]


class EmbeddingsApi:
    """The server behind `endpoint`."""

    def __init__(self, endpoint: Endpoint, api_key: str | None) -> None:
        self.endpoint = endpoint
        self._poster = Poster(endpoint.base_url, api_key, answer_limit_bytes=ANSWER_LIMIT_BYTES)

    def __repr__(self) -> str:
        return f"EmbeddingsApi({self.endpoint!r})"

    def close(self) -> None:
        """Ends the requests under way; any other is refused."""
        self._poster.close()

    def ask(self, texts: Sequence[str], timeout_s: float) -> Vectors:
        """Unit vectors of whatever dimensions it gives. Raises EmbedderError."""
        body: dict[str, object] = {"model": self.endpoint.model, "input": list(texts), "encoding_format": "float"}
        if self.endpoint.asked_dimensions:
            body["dimensions"] = self.endpoint.asked_dimensions
        status, content = self._post(json.dumps(body).encode(), timeout_s)
        where = f"{self.endpoint.base_url}/embeddings"
        if status != 200:
            why = " ".join(content[:500].decode("utf-8", "replace").split())[:300] or "no reason given"
            raise Refused(f"{where} answered {status}: {why}", status)
        try:
            rows = msgspec.json.decode(content, type=_Answer).data
        except msgspec.MsgspecError as error:
            raise EmbedderError(f"{where} does not answer as an embeddings endpoint: {error}") from error
        if sorted(row.index for row in rows if row.index is not None) == list(range(len(rows))):
            rows = sorted(rows, key=lambda row: row.index or 0)
        lengths = {len(row.embedding) for row in rows}
        if len(rows) != len(texts) or len(lengths) != 1 or lengths == {0}:
            raise EmbedderError(f"{where} gave {len(rows)} vectors of {sorted(lengths)} numbers for {len(texts)} texts")
        vectors = np.array([row.embedding for row in rows], dtype=np.float64)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or not np.isfinite(norms).all() or (norms < 1e-9).any():
            raise EmbedderError(f"{where} gave a vector of zeros, or one that is not of finite numbers")
        unit: Vectors = (vectors / norms).astype(np.float32)
        return unit

    def _post(self, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        deadline_s = time.monotonic() + timeout_s
        try:
            connection = self._poster.connection(timeout_s)
            return self._poster.post(connection, "/embeddings", body, deadline_s=deadline_s)
        except Closed as error:
            raise EmbedderError(f"{self.endpoint.base_url} is no longer asked") from error
        except TooLarge as error:
            raise EmbedderError(f"{self.endpoint.base_url}: {error}") from error
        except TimeoutError as error:
            raise Unreachable(f"{self.endpoint.base_url} did not answer within {timeout_s:g} s") from error
        except ConnectionRefusedError as error:
            raise Unreachable(f"nothing answers at {self.endpoint.base_url}", hint="is it running?") from error
        except (http.client.HTTPException, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"{self.endpoint.base_url} broke off: {why}") from error


class EndpointEmbedder:
    """Texts are cut by `tokenizer`, the packaged model: others rarely take fewer tokens."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        dimensions: int,
        tokenizer: Embedder,
        api_key: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.endpoint = endpoint
        self.dimensions = dimensions
        self._tokenizer = tokenizer
        self._api = EmbeddingsApi(endpoint, api_key)
        self._timeout_s = timeout_s
        self._recent = Recent()
        self._silent_until_s = 0.0
        self._failure: EmbedderError | None = None

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def problem(self) -> str | None:
        """What its last request failed with, None where it did not."""
        return str(self._failure) if self._failure is not None else None

    def embed(self, texts: Sequence[str]) -> Vectors:
        known = self._recent.get(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing and self._failure is not None and time.monotonic() < self._silent_until_s:
            raise EmbedderError(self._failure.message, hint=self._failure.hint)
        for start in range(0, len(missing), BATCH_TEXTS):
            some = missing[start : start + BATCH_TEXTS]
            found = dict(zip(some, self._batch(some), strict=True))
            self._recent.keep(found)
            known |= found
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(-1, self.dimensions)

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count_tokens(text)

    def chunks(self, text: str) -> list[str]:
        return self._tokenizer.chunks(text)

    def close(self) -> None:
        """Ends the requests under way; any other is refused."""
        self._api.close()

    def _batch(self, texts: Sequence[str]) -> Vectors:
        timeout_s = min(ONE_TIMEOUT_S, self._timeout_s) if len(texts) == 1 else self._timeout_s
        try:
            vectors = self._api.ask(texts, timeout_s)
            if vectors.shape[1] != self.dimensions:
                raise EmbedderError(
                    f"{self.name} gives {vectors.shape[1]} dimensions, not {self.dimensions} as before",
                    hint="another model answers there? Choose it anew: lukhas embedder use",
                )
        except Refused as error:
            if error.http_status in TOO_LONG_STATUSES and (len(texts) > 1 or len(texts[0]) > SHORTEST_CHARS):
                return np.concatenate([self._half(text) if len(texts) == 1 else self._batch([text]) for text in texts])
            self._fail(error)
            raise
        except EmbedderError as error:
            self._fail(error)
            raise
        self._failure = None
        return vectors

    def _half(self, text: str) -> Vectors:
        return self._batch([text[: len(text) // 2]])

    def _fail(self, error: EmbedderError) -> None:
        self._failure = error
        self._silent_until_s = time.monotonic() + SILENT_S


def probe(endpoint: Endpoint, *, api_key: str | None, timeout_s: float) -> int:
    """The dimensions of what it gives for three texts. Raises EmbedderError where that is no use for finding."""
    vectors = EmbeddingsApi(endpoint, api_key).ask(PROBES, timeout_s)
    dimensions = int(vectors.shape[1])
    if endpoint.asked_dimensions not in (0, dimensions):
        raise WrongDimensions(
            f"{endpoint.model} gives {dimensions} dimensions, not the {endpoint.asked_dimensions} asked for",
            hint=f"leave --dimensions out, or ask for {dimensions}",
        )
    if np.abs(vectors - vectors[0]).max() < 1e-6:
        raise EmbedderError(f"{endpoint.model} gives the same vector for every text", hint="is it an embedding model?")
    return dimensions
