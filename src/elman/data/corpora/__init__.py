"""Corpora: what the tasks have in common when they write examples to disk and read them again."""
