"""The assignment of partitions in a Kafka group: each consumer gets its share of each topic."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription


class _Member(NamedTuple):
    member_id: str
    metadata: Any


class FairAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """Applies kafka-python's cooperative assignor to each topic alone. It keeps the name of that assignor.

    The original counts the partitions of all topics together. So one member may get all partitions of files, and
    another one only partitions of restarts.
    """

    def assign(self, cluster: Any, members: Any) -> dict[str, Any]:
        """Return the partitions of each member by its id. A partition that moves is left out until it is released."""
        shares = defaultdict[str, list[Any]](list)
        for topic in sorted({topic for member in members for topic in member.metadata.topics}):
            interested = [_of(member, topic) for member in members if topic in member.metadata.topics]
            for member_id, share in super().assign(cluster, interested).items():
                shares[member_id] += share.assigned_partitions
        return {
            each.member_id: ConsumerProtocolAssignment(self.version, shares[each.member_id], b"") for each in members
        }


def _of(member: Any, topic: str) -> _Member:
    """Return a member that subscribes to this topic only."""
    owned = [each for each in member.metadata.owned_partitions or () if each.topic == topic]
    return _Member(
        member.member_id,
        ConsumerProtocolSubscription(
            version=CooperativeStickyAssignor.version, topics=[topic], user_data=b"", owned_partitions=owned
        ),
    )
