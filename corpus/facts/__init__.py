"""Typed facts of a snapshot, with the words that state them: beside it, keyed by its id, never served."""
