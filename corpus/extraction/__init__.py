"""How HTML becomes Markdown with its links beside it: the walk, the writer, the tables. `corpus.extract` is the door."""
