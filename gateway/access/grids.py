"""Combinations of values, bounded in number: every one of them if that is few, else the ones that matter most."""

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

Point = tuple[int, ...]


class Axis(msgspec.Struct, frozen=True):
    """Something that may have these values; the first is the ordinary one."""

    name: str
    values: tuple[Any, ...]


class Grid:
    """Points, each with one value of every axis.

    Attributes:
        points: for each point the number of its value on each axis. left_out: how many more there would be.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        most: int,
        first: Sequence[Mapping[str, int]] = (),
        sensible: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    ) -> None:
        """`first`: points to take before others, by the axes on which they are not ordinary. `sensible`: whether such a
        combination of values can be at all."""
        self.axes = tuple(axes)
        found: dict[Point, None] = {}
        for point in itertools.chain(self._wanted(first), self._by_deviations()):
            if point not in found and sensible(self._values(point)):
                found[point] = None
                if len(found) == most:
                    break
        self.points = tuple(found)
        whole = math.prod(len(axis.values) for axis in axes)
        self.left_out = 0 if len(found) < most else max(0, whole - len(found))

    def values(self, number: int) -> dict[str, Any]:
        """The values of one point, by axis."""
        return self._values(self.points[number])

    def parts(self, chosen: Collection[int]) -> list[dict[str, tuple[Any, ...]]]:
        """The points as few descriptions: each an axis's values where they are not all it has. No description at all:
        all points."""
        if len(chosen) == len(self.points):
            return []
        points = [self.points[number] for number in chosen]
        spans = [{point[number] for point in points} for number in range(len(self.axes))]
        within = [
            point for point in self.points if all(value in span for value, span in zip(point, spans, strict=True))
        ]
        if len(within) == len(points):
            return [self._part(spans)]
        return [self._part([{value} for value in point]) for point in sorted(points)]

    def widened(self, chosen: Collection[int], free: Collection[int]) -> frozenset[int]:
        """The points, with `free` ones where all values of an axis then need not be told apart."""
        found = set(chosen)
        for place in range(len(self.axes)):
            lines: dict[Point, set[int]] = {}
            for number, point in enumerate(self.points):
                lines.setdefault((*point[:place], *point[place + 1 :]), set()).add(number)
            wider = found.union(*(line for line in lines.values() if line & found))
            if wider <= found.union(free):
                found = wider
        return frozenset(found)

    def _part(self, spans: Sequence[set[int]]) -> dict[str, tuple[Any, ...]]:
        return {
            axis.name: tuple(axis.values[number] for number in sorted(span))
            for axis, span in zip(self.axes, spans, strict=True)
            if len(span) < len(axis.values)
        }

    def _values(self, point: Point) -> dict[str, Any]:
        return {axis.name: axis.values[number] for axis, number in zip(self.axes, point, strict=True)}

    def _wanted(self, first: Sequence[Mapping[str, int]]) -> Iterator[Point]:
        for one in first:
            yield tuple(one.get(axis.name, 0) for axis in self.axes)

    def _by_deviations(self) -> Iterator[Point]:
        """The ordinary point, then those that differ from it on one axis, on two, and so on."""
        for count in range(len(self.axes) + 1):
            for deviating in itertools.combinations(range(len(self.axes)), count):
                ranges = [
                    range(1, len(axis.values)) if number in deviating else (0,) for number, axis in enumerate(self.axes)
                ]
                yield from itertools.product(*ranges)
