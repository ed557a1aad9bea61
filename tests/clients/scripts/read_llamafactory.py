"""`read_llamafactory.py DATASET_DIR MODEL SFT_SET DPO_SET` loads sets as LLaMA-Factory does and prints of each row what
has loss and what has none."""

import contextlib
import json
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

# Sound is not among our data, and torchaudio's builds look for a GPU's libraries.
fake_torchaudio = ModuleType("torchaudio")
fake_torchaudio.__spec__ = ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = fake_torchaudio
os.environ["DISABLE_VERSION_CHECK"] = "1"

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.hparams import get_train_args  # noqa: E402
from llamafactory.model import load_tokenizer  # noqa: E402

folder, model, sft_set, dpo_set = sys.argv[1:]


def rows(name, stage):
    options = {
        "model_name_or_path": model,
        "stage": {"rm": "dpo"}.get(stage, stage),
        "do_train": True,
        "finetuning_type": "lora",
        "dataset": name,
        "dataset_dir": folder,
        "template": "chatml",
        "cutoff_len": 16384,
        "output_dir": f"{folder}/out",
        "cache_dir": f"{folder}/cache",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
    }
    model_args, data_args, training_args, _, _ = get_train_args(options)
    module = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
    found = get_dataset(template, model_args, data_args, training_args, stage=stage, **module)["train_dataset"]
    return [
        {
            side: told(module["tokenizer"], row[f"{side}input_ids"], row[f"{side}labels"])
            for side in (("",) if stage == "sft" else ("chosen_", "rejected_"))
        }
        for row in found
    ]


def told(tokenizer, ids, labels):
    pairs = list(zip(ids, labels, strict=True))
    with_loss = tokenizer.decode([one for one, label in pairs if label != -100])
    return {"with": with_loss, "without": tokenizer.decode([one for one, label in pairs if label == -100])}


with contextlib.redirect_stdout(sys.stderr):
    read = {"sft": rows(sft_set, "sft"), "dpo": rows(dpo_set, "rm")}
print(json.dumps(read))
