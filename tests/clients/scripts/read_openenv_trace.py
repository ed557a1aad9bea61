"""Read traces with OpenEnv itself: `read_openenv_trace.py FILE` prints each as it gives it back."""

import json
import sys
from pathlib import Path

from openenv.core.harness.training import TrainingTrace

lines = Path(sys.argv[1]).read_bytes().splitlines()
print(json.dumps([TrainingTrace.model_validate_json(line).model_dump() for line in lines]))
