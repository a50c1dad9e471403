"""Structs whose attributes the interpreter sets by itself."""

import msgspec
import pytest

from gateway.core.attempt import Attempt
from gateway.core.call import Served
from gateway.core.record import Record
from gateway.core.settable import settable


@pytest.mark.parametrize("kind", [Attempt, Record, Served])
def test_it_is_set_by_way_of_object(kind: type[msgspec.Struct]) -> None:
    assert kind.__setattr__ is object.__setattr__, "or each setting costs a call and a look-up"


def test_it_is_a_struct_as_any_other() -> None:
    attempt = Attempt(n=2)
    attempt.target = "a/b"
    assert attempt == Attempt(n=2, target="a/b")
    assert msgspec.json.encode(attempt) == b'{"n":2,"target":"a/b"}'
    assert msgspec.structs.replace(attempt, n=3).target == "a/b"
    with pytest.raises(AttributeError):
        attempt.targt = "c/d"  # type: ignore[attr-defined]
    del attempt.target
    with pytest.raises(AttributeError):
        attempt.target  # noqa: B018


def test_one_that_the_garbage_collector_knows_is_refused() -> None:
    class Tracked(msgspec.Struct):
        held: object = None

    with pytest.raises(AssertionError):
        settable(Tracked)
