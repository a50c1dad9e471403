"""What a run wants to know of the gateway before it asks the first question, and vectors, which are no answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.compare.grading.judging.judges import Vectors
from gateway.compare.running.over_http import nano_of
from gateway.core.faults import Fault
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import parse_url

_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=60.0, idle_s=60.0, total_s=120.0)
MAX_SHOWN = 300


class Unusable(Exception):
    """The gateway cannot be asked. Says why, and what to do."""


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class KnownGateway:
    """A gateway at a URL, with a key.

    Args:
        url: without `/v1`.

    Attributes:
        unpriced: how often vectors had no price, and count as nothing.
    """

    def __init__(self, client: HttpClient, url: str, key: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self.unpriced = 0
        self._headers = {"authorization": f"Bearer {key}", "accept-encoding": "identity"}

    async def models(self) -> list[str]:
        """The names that the key's team may use.

        Raises:
            Unusable: nobody is there, or the key is not known.
        """
        body, _ = await self._get("GET", "models", b"")
        try:
            return sorted(model.id for model in msgspec.json.decode(body, type=_Models).data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unusable(f"what answers at {self._url} is no such gateway: /v1/models holds no list") from None

    async def embed(self, model: str, texts: Sequence[str]) -> Vectors:
        """One vector for each text.

        Raises:
            Unusable: it gave none.
        """
        body = msgspec.json.encode({"model": model, "input": list(texts), "encoding_format": "float"})
        answer, cost = await self._get("POST", "embeddings", body)
        try:
            data = sorted(msgspec.json.decode(answer, type=_Vectors).data, key=lambda one: one.index)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unusable(f"the model `{model}` gave no vectors") from None
        self.unpriced += cost is None
        return Vectors([one.embedding for one in data], cost or 0)

    async def _get(self, method: str, path: str, body: bytes) -> tuple[bytes, int | None]:
        """The answer, and what its header says it cost."""
        headers: Mapping[str, str] = {**self._headers, **({"content-type": "application/json"} if body else {})}
        try:
            url = parse_url(f"{self._url}/v1/{path}")
            exchange = await self._client.send(url, headers, body, _TIMEOUTS, method)
            answer = await exchange.read()
        except Fault:
            said = f"no gateway answers at {self._url}; start it with `gateway serve`, or say where it is (--gateway)"
            raise Unusable(said) from None
        except ValueError as error:
            raise Unusable(f"{self._url} is no URL of a gateway: {error}") from None
        if exchange.status == 401:
            raise Unusable(f"the gateway at {self._url} does not know the key; give another one (--key-file)")
        if exchange.status != 200:
            raise Unusable(f"{self._url}/v1/{path} answered {exchange.status}: {_words(answer)}")
        told = dict(exchange.headers)
        return answer, 0 if told.get("x-cache", "") in ("hit", "stale") else nano_of(told.get("x-gateway-cost-usd"))


def _words(answer: bytes) -> str:
    try:
        said: Any = msgspec.json.decode(answer)
        return str(said["error"]["message"])[:MAX_SHOWN]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return answer[:MAX_SHOWN].decode("utf-8", "replace")
