"""The settings of topics: for those that we create, and checks of those that exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from ingest.errors import Refused
from ingest.service import logs

LARGEST_MESSAGE = 16 << 20
_DAY_MS = 86400 * 1000
_RETENTION_DAYS = 90
# By default, Kafka deletes messages after a week, read or not. Tasks would be lost silently.
SETTINGS = {
    "cleanup.policy": "delete",
    "retention.ms": str(_RETENTION_DAYS * _DAY_MS),
    "retention.bytes": "-1",
    "max.message.bytes": str(LARGEST_MESSAGE),
}
_FOREVER = -1


def check(admin: Any, replicas: Mapping[str, int], replication_factor: int) -> None:
    """Check existing topics, and log a warning for settings that may lose tasks.

    Settings that the account may not read are not checked.

    Args:
        admin: The admin client of kafka-python.
        replicas: The lowest number of replicas of any partition, by topic.
        replication_factor: The number of replicas that is required.

    Raises:
        Refused: A topic is compacted. It accepts only messages with a key, and ours have none.
    """
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(SETTINGS)) for name in replicas]
    found = admin.describe_configs(wanted, config_filter="all").get("topic", {}) if wanted else {}
    for name, count in replicas.items():
        values = {key: str(each["value"]) for key, each in found.get(name, {}).items()}
        if "compact" in values.get("cleanup.policy", ""):
            raise Refused(f"topic {name} is compacted, which loses tasks: set its cleanup.policy to delete")
        for reason in _doubts(values, count, replication_factor):
            logs.get("broker").warning("a topic is not as it should be", topic=name, reason=reason)


def _doubts(values: Mapping[str, str], replicas: int, replication_factor: int) -> Iterator[str]:
    if replicas < replication_factor:
        yield f"it has {replicas} of the {replication_factor} replicas that --replication-factor asks for"
    kept = int(values.get("retention.ms", _FOREVER))
    if "delete" in values.get("cleanup.policy", "") and 0 <= kept < _RETENTION_DAYS * _DAY_MS:
        yield (
            f"Kafka deletes its messages after {kept / _DAY_MS:g} days, done or not: "
            f"set its retention.ms to {SETTINGS['retention.ms']} or more"
        )
    if int(values.get("retention.bytes", _FOREVER)) >= 0:
        yield "Kafka deletes its oldest messages, done or not, when there are many: set its retention.bytes to -1"
    if int(values.get("max.message.bytes", LARGEST_MESSAGE)) < LARGEST_MESSAGE:
        yield f"it may refuse large tasks: set its max.message.bytes to {LARGEST_MESSAGE}"
