"""Reports a person reads."""
