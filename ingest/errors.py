"""The exceptions whose text is meant for the user."""


class Refused(Exception):  # noqa: N818 - it names what happens to the request
    """A request cannot be carried out. The message is one sentence that says what to change.

    Commands print the message and exit with status 1. It never contains a secret.
    """


class Unreachable(Exception):  # noqa: N818 - a state of the server, not a fault of this program
    """A server does not answer: the zone, the broker or the store. The message says which, and why.

    A program that can wait tries again. No file counts as failed because of it.
    """


class SourceUnreachable(Unreachable):
    """One source is unreachable from this host. Other sources and the zone may be reachable. The message says why."""


class AccountRefused(Unreachable):
    """The zone refuses the login of the account of this process, or the process has none. The message says why.

    Other consumers may have an account that can log in.
    """
