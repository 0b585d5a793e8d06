"""Everything that a worker needs to work on a task of one pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from consumer.irods.catalog import Leaf, leaf_vault, only_leaf
from consumer.irods.sessions import Session, Sessions
from consumer.sync.meta import Meta
from consumer.sync.place import Place
from ingest.errors import Refused
from ingest.fingerprint import cache_key, cache_space
from ingest.handlers import signing
from ingest.handlers.loader import Handler, sha256
from ingest.job import Job
from ingest.messages import Fingerprint, path_from_wire
from ingest.paths import join, logical_name, logical_path
from ingest.service import logs
from ingest.store import Store
from scanner.rules import Rules
from scanner.sources import source_of


class Context:
    """A job with its handler, source, sessions and store; raises Refused when the handler cannot be had."""

    def __init__(
        self, job: Job, store: Store, sessions: Sessions, handler: Handler | None = None, *, live: bool = False
    ) -> None:
        """`live`: the work is that of a live pass, which takes single changes and judges no deletions."""
        self.job = job
        self.live = live
        self.store = store
        self.sessions = sessions
        self.source = source_of(job, Rules.of(job))
        self.handler = handler or _handler(job, store)
        characters = self.handler.character_map()
        self.begun: tuple[tuple[bytes, bytes], Fingerprint] | None = None
        """The key of the path whose object was changed last, and what the path cache has if that is not complete."""
        self.report_begun: Callable[[tuple[bytes, bytes], Fingerprint], None] | None = None
        self._translate = None if characters is None else characters.translate
        self.cache_space = cache_space(job)
        self.log: logs.Logger = logs.get("consumer").bind(job=job.name)
        self._vaults: dict[str, str] = {}
        self._leaves: dict[str, Leaf | None] = {}

    def begin(self, key: tuple[bytes, bytes], mark: Fingerprint) -> None:
        """Note that the object of a path is about to be changed; until that is complete its fingerprint is `mark`."""
        self.begun = key, mark
        if self.report_begun is not None:
            self.report_begun(key, mark)

    def session(self, meta: Meta) -> Session:
        """The session in which a path is written: the one of `as_user()`, else the service account's."""
        return self.sessions.get(self.handler.as_user(meta))

    @property
    def lister(self) -> Session:
        """The session in which the catalog is asked: the service account's."""
        return self.sessions.get()

    def name(self, parent: bytes, name: bytes, *, directory: bool) -> str:
        """The logical name of an entry of the source-relative directory `parent`."""
        source = join(self.job.source, join(parent, name))
        return logical_name(source, name, directory=directory, translate=self._translate)

    def place(self, path: bytes | str, *, directory: bool = False) -> Place:
        """The names of a source-relative path; a `str` is its wire form. Raises ValueError for text that is no path."""
        job = self.job
        path = path_from_wire(path) if isinstance(path, str) else path
        target = logical_path(job.source, job.target, path, directory=directory, translate=self._translate)
        return Place(path, join(job.source, path), target, cache_key(job, target, directory=directory))

    def cached(self, key: tuple[bytes, bytes]) -> Fingerprint | None:
        """The fingerprint that the path cache has for a key."""
        directory, name = key
        return self.store.cache.get(self.cache_space, directory, [name])[0]

    def vault_of(self, hierarchy: str) -> str:
        """The vault path of the leaf of a hierarchy; asked once."""
        leaf = hierarchy.rpartition(";")[2]
        if leaf not in self._vaults:
            self._vaults[leaf] = leaf_vault(self.lister, leaf)
        return self._vaults[leaf]

    def only_leaf(self, resource: str) -> Leaf | None:
        """The storage resource at or below a resource, when there is no choice; asked once."""
        if resource not in self._leaves:
            self._leaves[resource] = only_leaf(self.lister, resource)
        return self._leaves[resource]

    @cached_property
    def default_resource(self) -> str | None:
        """The default resource of the client environment."""
        return getattr(self.lister, "default_resource", None) or None


def _handler(job: Job, store: Store) -> Handler:
    if job.handler is None:
        return Handler.default()
    source = store.handlers.get(job.handler)
    if source is None or sha256(source) != job.handler:
        raise Refused(f"the store has lost the event handler of job {job.name}: start the job again")
    signing.check(source, job.handler_signature)
    return Handler.load(source, job.handler_file or "event_handler.py")
