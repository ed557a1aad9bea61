"""Tasks with proofs, made from a corpus's own facts and links: `make.make_tasks` tells the whole story."""
