"""What homes own and how they bid and act."""
