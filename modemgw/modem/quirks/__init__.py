"""What families of modems want done otherwise, as data, and what single modems have taught us."""
