"""A random fault campaign: the real program, random changes and faults, and the zone as the judge."""
