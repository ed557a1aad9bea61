"""What there is in a world and what is so: from a seed to things, claims, and which page says what."""
