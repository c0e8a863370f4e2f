"""The training loop for any task that implements the Task protocol, with checkpoints that resume bit for bit."""
