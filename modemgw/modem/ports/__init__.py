"""Ports: what opens them, where they are, when they come and go. Knows no AT."""
