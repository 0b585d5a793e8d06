"""Cases of the record in which the development zone is known to differ from a real server: case -> reason.

``test_facts.py`` fails for a difference that is not here, and for an entry that no longer differs. It is empty:
the zone answers all recorded cases as the real server did.
"""

DIFFERENCES: dict[str, str] = {}
