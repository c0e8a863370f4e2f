"""The loop: any task that fits the Task protocol, trained, watched, saved, resumed bit for bit. Knows no task."""
