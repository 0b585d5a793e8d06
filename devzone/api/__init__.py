"""The API calls that the zone answers, one module per group of calls, and the table of all calls."""
