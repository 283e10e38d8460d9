"""Real aircraft: MAVLink 2 over any address."""
