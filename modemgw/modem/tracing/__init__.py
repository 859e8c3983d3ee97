"""AT traces: written, read, and made fit for others to see."""
