"""
Adapters and models between this program and Python, in both directions, with unmodified PEFT and transformers:

    python3 tests/roundtrip.py make DIR     small random models, and adapters that PEFT saved for them
    npm run roundtrip -- DIR                the program takes those adapters in and out again, and exports every method
    python3 tests/roundtrip.py check DIR    transformers and PEFT load all of it: keys, and logits against the recorded ones

`make` and `check` need torch, transformers, peft and safetensors, and run on the CPU. Exits with 1 when anything is off.
"""

import json
import os
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftConfig, PeftModel, RandLoraConfig, VeraConfig, get_peft_model
from peft.utils import load_peft_weights, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForImageClassification,
    CLIPConfig,
    CLIPForImageClassification,
    CLIPModel,
    Dinov2Config,
    Dinov2ForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

CLASSES, BATCH, TEXT, END = 5, 4, 12, 98
TOLERANCE = 1e-4
SIZES = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3)


def models():
    """name -> (model, side of its images, has a linear head, what PEFT adapts)"""
    image = dict(num_labels=CLASSES)
    clip = CLIPConfig(
        text_config=dict(hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, vocab_size=99,
                         max_position_embeddings=TEXT, eos_token_id=END, bos_token_id=97, pad_token_id=0, projection_dim=36),
        vision_config=dict(intermediate_size=96, image_size=32, patch_size=8, projection_dim=36, **SIZES),
        projection_dim=36,
        **image,
    )
    leaves = ["q_proj", "k_proj", "v_proj", "o_proj", "fc1", "fc2"]
    dino = ["query", "key", "value", "dense", "fc1", "fc2", "weights_in", "weights_out"]
    vision = r"vision_model\.encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"
    yield "vit", ViTForImageClassification(ViTConfig(intermediate_size=96, image_size=32, patch_size=8, **SIZES, **image)), 32, True, leaves
    yield "dinov2", Dinov2ForImageClassification(Dinov2Config(mlp_ratio=2, image_size=56, patch_size=14, layerscale_value=0.5, **SIZES, **image)), 56, True, dino
    yield "dinov2-swiglu", Dinov2ForImageClassification(Dinov2Config(mlp_ratio=2, image_size=28, patch_size=14, layerscale_value=0.5, use_swiglu_ffn=True, **SIZES, **image)), 28, True, dino
    yield "clip", CLIPModel(clip), 32, False, vision
    yield "clip-both", CLIPModel(clip), 32, False, ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
    yield "clip-linear", CLIPForImageClassification(clip), 32, True, vision


def methods(common):
    yield "lora", LoraConfig(r=4, lora_alpha=8, **common)
    yield "rslora", LoraConfig(r=4, lora_alpha=8, use_rslora=True, **common)
    yield "dora", LoraConfig(r=4, lora_alpha=8, use_dora=True, **common)
    yield "vera", VeraConfig(r=9, projection_prng_key=3, **common)
    yield "randlora", RandLoraConfig(r=5, randlora_alpha=10, projection_prng_key=3, **common)
    yield "randlora-sparse", RandLoraConfig(r=5, randlora_alpha=10, sparse=True, projection_prng_key=3, **common)
    yield "randlora-verysparse", RandLoraConfig(r=5, randlora_alpha=10, very_sparse=True, projection_prng_key=3, **common)
    yield "randlora-seed", RandLoraConfig(r=5, randlora_alpha=10, projection_prng_key=3, save_projection=False, **common)


def logits(model, inputs):
    with torch.no_grad():
        return model(**inputs).logits_per_image if "input_ids" in inputs else model(**inputs).logits


def disturb(model, scale, only=""):
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.requires_grad and only in name and "logit_scale" not in name:
                p.add_(scale * torch.randn_like(p))


def make(folder):
    torch.manual_seed(1)
    for name, model, side, linear, targets in models():
        torch.manual_seed(2)
        model = model.eval()
        disturb(model, 0.05)
        at = folder / name
        model.save_pretrained(at / "base")
        inputs = {"pixel_values": torch.randn(BATCH, 3, side, side)}
        if not linear:
            ids, mask = torch.zeros(CLASSES, TEXT, dtype=torch.long), torch.zeros(CLASSES, TEXT, dtype=torch.long)
            for i in range(CLASSES):
                k = 3 + i
                ids[i, 0], ids[i, 1 : 1 + k], ids[i, 1 + k], mask[i, : k + 2] = 97, torch.randint(1, 97, (k,)), END, 1
            inputs |= {"input_ids": ids, "attention_mask": mask}
        save_file(inputs, at / "inputs.safetensors")
        for method, config in methods(dict(target_modules=targets, modules_to_save=["classifier"] if linear else None)):
            adapted = get_peft_model(type(model).from_pretrained(at / "base"), config).eval()
            disturb(adapted, 0.1)
            adapted.save_pretrained(at / f"{method}.in")
            save_file({"logits": logits(adapted, inputs).contiguous()}, at / f"{method}.in" / "logits.safetensors")
        print(name, "made", flush=True)


class Report:
    def __init__(self):
        self.rows, self.bad = [], 0

    def add(self, what, problems, difference=float("nan"), note=""):
        good = not problems and difference <= TOLERANCE
        self.bad += not good
        print(f"{'ok  ' if good else 'FAIL'} {what:48} largest logit difference {difference:.1e} {note}{' '.join(problems)}", flush=True)


def adapter(report, what, base, path, inputs):
    """Loads an adapter twice: key by key, and as its users would."""
    config = PeftConfig.from_pretrained(path)
    model = get_peft_model(base(), config).eval()
    weights = load_peft_weights(str(path), device="cpu")
    result = set_peft_model_state_dict(model, weights)
    tags = ("lora_", "vera_", "randlora_", "modules_to_save")
    missing = [k for k in result.missing_keys if any(t in k for t in tags)]
    # The frozen bases are one tensor that every module sees: in the file it may stand once, for the model.
    seen = [k for k in missing if k.endswith(("randlora_A.default", "randlora_B.default", "vera_A.default", "vera_B.default"))]
    once = any(k.startswith("base_model.randlora_A") or k.startswith("base_model.vera_A") for k in weights)
    missing = [k for k in missing if not (once and k in seen and k.count(".") > 3)]
    problems = [f"missing {k}" for k in missing[:3]] + [f"unexpected {k}" for k in result.unexpected_keys[:3]]
    want = load_file(path / "logits.safetensors")["logits"]
    loaded = PeftModel.from_pretrained(base(), path).eval()
    difference = max((logits(m, inputs) - want).abs().max().item() for m in (model, loaded))
    report.add(what, problems, difference, f"({len(seen)} shared bases once) " if seen and once else "")


def whole(report, what, cls, path, inputs):
    model, info = cls.from_pretrained(path, output_loading_info=True)
    problems = [f"{kind} {sorted(info[kind])[:3]}" for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(kind)]
    want = load_file(path / "logits.safetensors")["logits"]
    report.add(what, problems, (logits(model.eval(), inputs) - want).abs().max().item())


def check(folder):
    report = Report()
    for at in sorted(p for p in folder.iterdir() if (p / "base").is_dir()):
        architecture = json.loads((at / "base" / "config.json").read_text())["architectures"][0]
        cls = {"CLIPModel": CLIPModel, "CLIPForImageClassification": CLIPForImageClassification}.get(architecture, AutoModelForImageClassification)
        inputs = load_file(at / "inputs.safetensors")
        base = lambda: cls.from_pretrained(at / "base")
        for path in sorted(at.iterdir()):
            if path.suffix in (".out", ".modules", ".back"):
                adapter(report, f"{at.name} {path.name}", base, path, inputs)
            elif path.suffix == ".merged":
                whole(report, f"{at.name} {path.name}", cls, path, inputs)
    print("all good" if report.bad == 0 else f"{report.bad} off")
    return report.bad


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    command, folder = sys.argv[1], Path(sys.argv[2])
    if command == "make":
        make(folder)
    else:
        sys.exit(1 if check(folder) else 0)
