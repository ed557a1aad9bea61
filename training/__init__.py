"""Tasks, preference pairs, trainers and evaluation."""
