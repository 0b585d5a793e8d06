"""The parent process of a consumer: it polls records, hands them to workers, and settles what they report."""
