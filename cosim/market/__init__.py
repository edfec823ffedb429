"""Auction, tariffs, wholesale and settlement."""
