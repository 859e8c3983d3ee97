"""Hardware. Here is the life of a line: finder, worker, session, receiver, ladder; below it, what it is made of."""
