"""What comes from outside: profiles, prices, forecasts."""
