"""What people found tickets to be, as a dataset that the eye learns from."""
