"""DeepForge mode: from nouns over pages and long-tail entities to chains and vague questions."""
