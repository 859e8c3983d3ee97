"""Hardware: the port, the channel, the driver, profiles, and the worker that keeps a modem going."""
