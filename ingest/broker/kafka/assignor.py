"""Who of a Kafka group gets which partitions: of each topic its share, so that all consumers get work of each kind."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription


class _Member(NamedTuple):
    member_id: str
    metadata: Any


class FairAssignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """Kafka-python's cooperative assignor, topic by topic, under its name: only the leader of a group decides.

    It counts the partitions of all topics alike, and so may give one member all batches of files, another nothing but
    passes to begin.
    """

    def assign(self, cluster: Any, members: Any) -> dict[str, Any]:
        """The partitions of each member by its id; those that change hands are left out until they are given up."""
        shares = defaultdict[str, list[Any]](list)
        for topic in sorted({topic for member in members for topic in member.metadata.topics}):
            interested = [_of(member, topic) for member in members if topic in member.metadata.topics]
            for member_id, share in super().assign(cluster, interested).items():
                shares[member_id] += share.assigned_partitions
        return {
            each.member_id: ConsumerProtocolAssignment(self.version, shares[each.member_id], b"") for each in members
        }


def _of(member: Any, topic: str) -> _Member:
    """A member as if there were this topic alone."""
    owned = [each for each in member.metadata.owned_partitions or () if each.topic == topic]
    return _Member(
        member.member_id,
        ConsumerProtocolSubscription(
            version=CooperativeStickyAssignor.version, topics=[topic], user_data=b"", owned_partitions=owned
        ),
    )
