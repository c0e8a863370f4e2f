"""Files to examples to batches: readers, the corpus on disk, streams of batches, and data sets by name."""
