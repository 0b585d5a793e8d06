"""The exceptions whose text is meant for the person at the terminal."""


class Refused(Exception):  # noqa: N818 - it reads as what happens to the request
    """A request cannot be carried out; the message is one sentence that names what to change.

    Command lines print it and exit with status 1; it never carries a secret.
    """


class Unreachable(Exception):  # noqa: N818 - a state of the other side, not a fault of ours
    """A server does not answer: the zone, the broker or the store. The message says which, and why.

    Whoever can wait does so and tries again; nothing counts as failed for it.
    """


class SourceUnreachable(Unreachable):
    """What the message says keeps this host from one source; others, and the zone, may be within reach."""
