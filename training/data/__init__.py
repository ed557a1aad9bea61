"""Sets to train on, made of a run's records and its tasks: SFT, DPO, RL. docs/data-sets.md tells what is in them."""
