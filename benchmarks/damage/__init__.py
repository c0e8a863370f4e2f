"""Damaged files for damaged_files.py: intact folders, kinds of damage, and a process that opens what results."""
