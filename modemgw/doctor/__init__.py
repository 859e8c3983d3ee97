"""Diagnosis: what is wrong with this machine, its modems and the service, in words, each with what to do about it."""
