"""Ways to act: leaders and followers."""
