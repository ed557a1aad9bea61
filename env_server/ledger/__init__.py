"""The ledger: what was asked, by run, episode, tool and dialect, and what it would have cost elsewhere."""
