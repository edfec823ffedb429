"""The games with closed forms as learners play them."""
