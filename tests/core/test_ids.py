"""Ids: UUIDs of version 7, and where their randomness comes from."""

from uuid import UUID, uuid4

from gateway.core.clock import POOL_BYTES, Noise, uuid7

AT_NS = 1_800_000_000_123_456_789


def test_an_id_is_a_uuid_of_version_7_of_its_millisecond() -> None:
    for _ in range(100):
        noise = uuid4().bytes[:10]
        found = UUID(uuid7(AT_NS, lambda _, noise=noise: noise))
        assert found.version == 7
        assert found.variant == "specified in RFC 4122"
        assert found.int >> 80 == AT_NS // 1_000_000
        assert found.int & (1 << 62) - 1 == int.from_bytes(noise, "big") & (1 << 62) - 1


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
