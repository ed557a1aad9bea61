"""Load rows with datasets as TRL's users do: `read_datasets.py FILE CACHE` prints the rows, without nulls."""

import json
import sys

import datasets


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


rows = datasets.load_dataset("json", data_files=sys.argv[1], split="train", cache_dir=sys.argv[2])
print(json.dumps([without_nulls(row) for row in rows]))
