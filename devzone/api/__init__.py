"""The API calls that the zone answers, one module per group, and the table of them."""
