"""Use cases: admission, dispatch, sending, receiving, matching, callbacks. Knows no SQLite and no port."""
