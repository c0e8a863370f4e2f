"""Batches: streams of a long text, padded sequences, and tokens with their characters."""
