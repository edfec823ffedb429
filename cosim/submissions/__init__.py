"""Trades and bids that somebody hands over: read, checked, judged and written down."""
