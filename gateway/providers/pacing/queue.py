"""Whose call goes next: start-time fair queueing, in two levels.

Of the flows that wait the one with the smallest start tag goes first. A flow's start tag is where it left off (its last
call's start plus cost by weight), or the queue's virtual time if that is later, so that who was away has saved nothing
up. Virtual time is the start tag of the call served last. Two flows that both wait differ, in cost by weight, by at
most one largest call of each (Goyal, Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996).

Above it the same between the priorities: interactive traffic weighs nine times what batch does. Interactive calls
that come while only batch waits thus go first, and batch never gets less than BATCH_FLOOR of what is served.
"""

from collections.abc import Iterable
from typing import Any

from gateway.core.share import Priority, Share

BATCH_FLOOR = 0.1


class Waiting:
    """A call in the queue. `demand` and `wake` belong to whoever put it there."""

    __slots__ = ("cost", "demand", "flow", "priority", "wake")

    def __init__(self, share: Share, cost: float, demand: Any, wake: Any) -> None:
        self.priority: Priority = share.priority
        self.flow = share.flow
        self.cost = cost
        self.demand = demand
        self.wake = wake


class _Tags:
    """Where one of those that share stands in virtual time."""

    __slots__ = ("finish", "start", "weight")

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.start = self.finish = 0.0

    def begin(self, virtual: float) -> None:
        self.start = max(virtual, self.finish)

    def serve(self, cost: float) -> float:
        """A call of this cost goes; the virtual time then."""
        virtual = self.start
        self.start = self.finish = virtual + cost / self.weight
        return virtual


class _Flow(_Tags):
    """Attributes:
    waiting: oldest first; a dict, so that one that hangs up leaves from anywhere at once.
    """

    __slots__ = ("cost", "waiting")

    def __init__(self, weight: float) -> None:
        super().__init__(weight)
        self.waiting: dict[Waiting, None] = {}
        self.cost = 0.0

    @property
    def length(self) -> float:
        """How much it waits for, by weight."""
        return self.cost / self.weight


class _Class(_Tags):
    __slots__ = ("active", "flows", "virtual")

    def __init__(self, weight: float) -> None:
        super().__init__(weight)
        self.virtual = 0.0
        self.flows: dict[str, _Flow] = {}
        self.active: dict[str, _Flow] = {}  # those of `flows` that wait


class FairQueue:
    """No bound of its own: who pushes asks for its `length` first, and `newest_of_longest` for whom to send away."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._classes = {"interactive": _Class(1 - BATCH_FLOOR), "batch": _Class(BATCH_FLOOR)}
        self._virtual = 0.0
        self.length = 0

    def _active(self) -> Iterable[_Flow]:
        return (flow for group in self._classes.values() for flow in group.active.values())

    def push(self, share: Share, cost: float, demand: Any = None, wake: Any = None) -> Waiting:
        """Add a call behind those of its flow. `cost` > 0, in tokens."""
        waiting = Waiting(share, cost, demand, wake)
        group = self._classes[share.priority]
        if not group.active:
            group.begin(self._virtual)
        flow = group.flows.get(share.flow)
        if flow is None:
            flow = group.flows[share.flow] = _Flow(share.weight)
        flow.weight = share.weight
        if not flow.waiting:
            flow.begin(group.virtual)
            group.active[share.flow] = flow
        flow.waiting[waiting] = None
        flow.cost += cost
        self.length += 1
        return waiting

    def head(self) -> Waiting | None:
        """Who goes next."""
        group = self._first()
        return None if group is None else next(iter(_first_flow(group).waiting))

    def pop(self) -> Waiting:
        """Take the head out, as served.

        Raises:
            LookupError: nobody waits.
        """
        group = self._first()
        if group is None:
            raise LookupError("nobody waits")
        flow = _first_flow(group)
        waiting = next(iter(flow.waiting))
        self._virtual = group.serve(waiting.cost)
        group.virtual = flow.serve(waiting.cost)
        self.discard(waiting)
        return waiting

    def discard(self, waiting: Waiting) -> None:
        """Take a call out that has given up; nothing is counted for it. One that is not there changes nothing."""
        group = self._classes[waiting.priority]
        flow = group.active.get(waiting.flow)
        if flow is None or waiting not in flow.waiting:
            return
        del flow.waiting[waiting]
        flow.cost -= waiting.cost
        self.length -= 1
        if not flow.waiting:
            flow.cost = 0.0
            del group.active[waiting.flow]
        if not self.length:
            self._reset()  # the contest is over; what it has left behind counts for nothing in the next

    def newest_of_longest(self, share: Share, cost: float) -> Waiting | None:
        """Whom to send away for a call that comes to a full queue: the newest of the flow that waits for most by its
        weight, batch before interactive. None if that is the call's own flow."""
        group = self._classes["batch"]
        if not group.active:
            group = self._classes["interactive"]
            if share.priority == "batch":
                return None
        name, longest = max(group.active.items(), key=lambda item: item[1].length)
        if share.priority == "batch" or not self._classes["batch"].active:
            own = group.flows.get(share.flow)
            length = cost / share.weight + (own.length if own is not None and own.waiting else 0.0)
            if name == share.flow or length >= longest.length:
                return None
        return next(reversed(longest.waiting))

    def ahead(self, share: Share, cost: float) -> tuple[float, float]:
        """(calls, cost) that will be served until a call that comes now has been, itself included: its flow's share of
        the queue decides, and never more than all that waits."""
        total = cost + sum(flow.cost for flow in self._active())
        group, other = self._classes[share.priority], self._classes[_OTHER[share.priority]]
        own = group.active.get(share.flow)
        before = cost + (own.cost if own is not None else 0.0)
        weights = share.weight + sum(flow.weight for name, flow in group.active.items() if name != share.flow)
        part = share.weight / weights * (group.weight if other.active else 1.0)
        served = min(total, before / part)
        return (self.length + 1) * served / total, served

    def _first(self) -> _Class | None:
        interactive, batch = self._classes["interactive"], self._classes["batch"]
        if not interactive.active:
            return batch if batch.active else None
        return batch if batch.active and batch.start < interactive.start else interactive


_OTHER: dict[Priority, Priority] = {"interactive": "batch", "batch": "interactive"}


def _first_flow(group: _Class) -> _Flow:
    return min(group.active.values(), key=lambda flow: flow.start)
