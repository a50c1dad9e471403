"""Ids: UUIDs of version 7, and where their randomness comes from."""

from os import urandom
from uuid import UUID, uuid4

from gateway.core.clock import IDS_AT_ONCE, POOL_BYTES, Ids, Noise, uuid7

AT_NS = 1_800_000_000_123_456_789


def test_an_id_is_a_uuid_of_version_7_of_its_millisecond() -> None:
    for _ in range(100):
        noise = uuid4().bytes[:10]
        found = UUID(uuid7(AT_NS, lambda _, noise=noise: noise))
        assert found.version == 7
        assert found.variant == "specified in RFC 4122"
        assert found.int >> 80 == AT_NS // 1_000_000
        assert found.int & (1 << 62) - 1 == int.from_bytes(noise, "big") & (1 << 62) - 1


def test_many_ids_are_what_each_by_itself_would_be() -> None:
    fetched: list[bytes] = []

    def fetch(size: int) -> bytes:
        fetched.append(urandom(size))
        return fetched[-1]

    ids = Ids(fetch)
    times = [AT_NS + number * 100_000 for number in range(2 * IDS_AT_ONCE)]
    made = [ids(at) for at in times]
    assert len(fetched) == 2
    halves = [noise[at : at + 10] for noise in fetched for at in range(0, len(noise), 10)]
    tails = {uuid7(0, lambda _, half=half: half)[14:] for half in halves}
    assert {one[14:] for one in made} == tails
    assert len(tails) == len(made)
    assert [one[:14] for one in made] == [uuid7(at)[:14] for at in times]


def test_noise_hands_out_every_byte_once() -> None:
    asked: list[int] = []

    def fetch(size: int) -> bytes:
        asked.append(size)
        return bytes((len(asked) * 100 + place) % 251 for place in range(size))

    noise = Noise(fetch)
    first = b"".join(noise(10) for _ in range(POOL_BYTES // 10))
    assert asked == [POOL_BYTES]
    assert first == bytes((100 + place) % 251 for place in range(len(first)))
    assert noise(10) == bytes((200 + place) % 251 for place in range(10))
    assert len(noise(POOL_BYTES + 1)) == POOL_BYTES + 1
