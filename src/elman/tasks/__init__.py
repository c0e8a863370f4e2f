"""One file a task: its torch model, its loss, its training defaults. What it predicts with is in runtime/."""
