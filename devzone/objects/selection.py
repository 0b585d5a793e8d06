"""Choice of the replica or resource for a call: by keywords, by the replica's status, by the resource's status."""

from devzone.catalog.resources import DEFAULT_RESOURCE, Resource, Resources
from devzone.catalog.rows import GOOD, Replica
from devzone.errors import HIERARCHY_ERROR, IrodsError
from devzone.objects.replicas import best_first


def named_root(resources: Resources, keywords: dict[str, str]) -> Resource | None:
    """The root resource in the keywords; None if they contain none."""
    name = keywords.get("destRescName") or keywords.get("rescName")
    return resources.root(name) if name else None


def on_root(resources: Resources, found: list[Replica], root: Resource) -> list[Replica]:
    """The replicas in the hierarchy of a root resource, the best first."""
    return [r for r in best_first(found) if resources.by_id[r.resc_id].root_name == root.name]


def in_hierarchy(resources: Resources, found: list[Replica], keywords: dict[str, str]) -> list[Replica]:
    """The replicas in the hierarchy of the keyword rescHier. If there are none, callers ignore it (recorded)."""
    wanted = keywords.get("rescHier")
    return [r for r in found if wanted and resources.by_id[r.resc_id].hierarchy == wanted]


def for_reading(resources: Resources, found: list[Replica], keywords: dict[str, str]) -> Replica:
    """The replica to read: the requested one if it is usable, else the best; HIERARCHY_ERROR if none can be read."""
    usable = [r for r in found if r.status <= GOOD and not resources.by_id[r.resc_id].is_down]
    if not usable:
        raise IrodsError(HIERARCHY_ERROR)
    root = named_root(resources, keywords)
    by_number = [r for r in usable if str(r.number) == keywords.get("replNum")]
    by_root = on_root(resources, usable, root) if root else []
    return (by_number or in_hierarchy(resources, usable, keywords) or by_root or best_first(usable))[0]


def for_writing(
    resources: Resources, found: list[Replica], keywords: dict[str, str], create: bool
) -> Replica | Resource:
    """The replica to write, or the storage resource for a further replica.

    If ``create`` is true and the keywords contain no resource, the default resource is chosen, even if the object has
    no replica there (recorded: obj.open_modes_without_resource).
    """
    requested = in_hierarchy(resources, found, keywords)
    if requested:
        return requested[0]
    root = named_root(resources, keywords)
    if root is None and not create:
        usable = [r for r in best_first(found) if not resources.by_id[r.resc_id].is_down]
        if not usable:
            raise IrodsError(HIERARCHY_ERROR)
        return usable[0]
    root = root or resources.root(DEFAULT_RESOURCE)
    inside = on_root(resources, found, root)
    if inside:
        return inside[0]
    return resources.for_create(root.name) if create else best_first(found)[0]
