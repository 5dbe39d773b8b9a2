"""What the offline planner can do, one skill a file."""
