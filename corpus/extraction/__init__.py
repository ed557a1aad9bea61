"""How HTML becomes Markdown with its links beside it: walk, writer, tables. `corpus.extract` is the door."""
