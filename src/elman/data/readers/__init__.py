"""Readers: text files, tables, JSON Lines and files of tokens, with the place of every error."""
