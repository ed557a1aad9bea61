"""Read trajectories with Harbor's models: `read_atif.py FILE` prints each as it gives it back."""

import json
import sys
from pathlib import Path

from harbor.models.trajectories import Trajectory

lines = Path(sys.argv[1]).read_bytes().splitlines()
print(json.dumps([Trajectory.model_validate_json(line).to_json_dict() for line in lines]))
