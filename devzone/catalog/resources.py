"""Resources and their hierarchies: lookup by name, and the choice of the resource for a new replica."""

import random
import sqlite3
from dataclasses import dataclass, field

from devzone.errors import DIRECT_CHILD_ACCESS, HIERARCHY_ERROR, SYS_RESC_DOES_NOT_EXIST, IrodsError

DEFAULT_RESOURCE = "demoResc"
COORDINATING = {"passthru", "random", "replication", "roundrobin", "load_balanced", "deferred", "compound"}


@dataclass(slots=True)
class Resource:
    """One row of the resource table, with its children."""

    id: int
    name: str
    type: str
    location: str
    vault: str
    status: str
    parent: str
    hierarchy: str
    children: list["Resource"] = field(default_factory=list)

    @property
    def is_down(self) -> bool:
        """Whether an administrator set its status to down."""
        return self.status == "down"

    @property
    def root_name(self) -> str:
        """The name of the root of the hierarchy."""
        return self.hierarchy.split(";", 1)[0]

    def holds(self, physical_path: str) -> bool:
        """Whether a physical path is in this resource's vault."""
        return physical_path.startswith(self.vault.rstrip("/") + "/")


class Resources:
    """All resources of the zone, by name and by id."""

    def __init__(self, found: list[Resource]) -> None:
        self.by_id = {resource.id: resource for resource in found}
        self.by_name = {resource.name: resource for resource in found}
        for resource in found:
            if resource.parent:
                self.by_id[int(resource.parent)].children.append(resource)

    def named(self, name: str) -> Resource:
        """The resource with that name; SYS_RESC_DOES_NOT_EXIST if there is none."""
        if name not in self.by_name:
            raise IrodsError(SYS_RESC_DOES_NOT_EXIST, name)
        return self.by_name[name]

    def root(self, name: str) -> Resource:
        """The resource with that name; DIRECT_CHILD_ACCESS if it is not the root of a hierarchy."""
        found = self.named(name)
        if found.parent:
            raise IrodsError(DIRECT_CHILD_ACCESS, "key_word contains child resource")
        return found

    def leaf(self, resource: Resource) -> Resource:
        """The storage resource for a new replica: the resource itself or one below it."""
        while resource.type in COORDINATING:
            usable = [child for child in resource.children if not child.is_down]
            if not usable:
                raise IrodsError(HIERARCHY_ERROR, resource.name)
            resource = random.choice(usable) if resource.type == "random" else usable[0]  # noqa: S311
        return resource

    def for_create(self, name: str) -> Resource:
        """The storage resource for a new replica; the default resource if the named one is down (recorded)."""
        if not name:
            return self.leaf(self.root(DEFAULT_RESOURCE))
        found = self.leaf(self.root(name))
        return self.leaf(self.root(DEFAULT_RESOURCE)) if found.is_down else found


def load_resources(connection: sqlite3.Connection) -> Resources:
    """Read all resources from the catalog."""
    rows = connection.execute("select id, name, type, location, vault, status, parent, hier from resc order by id")
    return Resources([Resource(*row) for row in rows])
