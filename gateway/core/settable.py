"""Structs whose attributes are set many times a call."""

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def settable(kind: type[T]) -> type[T]:
    """A decorator for structs with `gc=False`: setting an attribute becomes a matter of the interpreter.

    msgspec's own way of setting does the same, and then tells the garbage collector, which knows nothing of such a
    struct. But it is a function that the interpreter must call, after it has looked the attribute up: 20 to 100 ns each
    time, and a call sets sixty. By way of `object` it is one step of the interpreter, and takes 3.
    """
    assert not kind.__struct_config__.gc, "the garbage collector would have to be told"
    # Both at once: a type has one slot for the two.
    kind.__delattr__ = object.__delattr__  # type: ignore[method-assign]
    kind.__setattr__ = object.__setattr__  # type: ignore[method-assign]
    return kind
