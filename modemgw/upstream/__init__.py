"""The life of an online line: a client that never repeats, the line that sends through it, its breaker and poller."""
