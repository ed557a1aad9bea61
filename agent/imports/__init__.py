"""Other people's trajectories as records: what they do not tell is named in `origin.unknown`."""
