"""Mid-training data of four kinds, each with a checker: grounding, plans, tools, trajectories."""
