"""A worker for tests of shared answers: puts and gets as fast as it can and checks every byte it gets.

`python share_answers.py PATH SEED`; tells its hits now and then, and leaves with 0 when its input ends.
"""

from __future__ import annotations

import os
import random
import select
import sys

from env_server.shared_answers import SharedAnswers

KEYS = 300


def fields_of(number: int, length: int) -> tuple[object, ...]:
    return 200, [(b"x-number", b"%d" % number)], (b"%d," % number) * length, length


def main(path: str, seed: int) -> None:
    answers, rng, hits = SharedAnswers(path), random.Random(seed), 0
    while True:
        for _ in range(500):
            number = rng.randrange(KEYS)
            key = b"key %d" % number
            if rng.random() < 0.5:
                answers.put(key, fields_of(number, rng.randrange(1, 2000)))
            elif (found := answers.get(key)) is not None:
                # Whole and of one writer: the length that it says it has, and nothing of another key.
                assert found == fields_of(number, int(found[3])), (number, found[3], len(found[2]))
                hits += 1
        leaves = select.select([sys.stdin], [], [], 0)[0]
        os.write(1, b"%d\n" % hits)
        if leaves:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
