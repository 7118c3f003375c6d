"""What a change of a stack does, in sentences."""
