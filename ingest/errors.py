"""The one exception whose text is meant for the person at the terminal."""


class Refused(Exception):  # noqa: N818 - it reads as what happens to the request
    """A request cannot be carried out; the message is one sentence that names what to change.

    Command lines print it and exit with status 1; it never carries a secret.
    """
