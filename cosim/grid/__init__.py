"""Power flow and the verdicts that follow from it."""
