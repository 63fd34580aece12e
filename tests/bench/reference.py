# The same fine-tuning in PyTorch and PEFT: time of a step and accuracy, to be measured in one sitting with tests/bench/page.mjs.
# usage: reference.py SPLIT_JSON [SEEDS]     SPLIT_JSON from `npm run -s bench -- split`; run in the project's root, with a CUDA GPU
# CLIP-tiny's vision tower, EuroSAT sample, frozen text embeddings, 300 steps of 64 images, AdamW, float32 without TF32.
import io, json, math, sys, time, zipfile
import torch, transformers, peft
from PIL import Image
from peft import LoraConfig, RandLoraConfig, get_peft_model
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

STEPS, BATCH, WARMUP, DEVICE = 300, 64, 0.1, "cuda"
TARGETS = r".*vision_model.*\.(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"
split = json.load(open(sys.argv[1]))
seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
folder = "public/models/clip-tiny"
processor = CLIPImageProcessor.from_pretrained(folder)
archive = zipfile.ZipFile("public/data/eurosat-mini.zip")
paths = {name.split("/", 1)[1]: name for name in archive.namelist() if "/" in name}  # without the folder around all

def load(part):
    images = [Image.open(io.BytesIO(archive.read(paths[entry["file"]]))).convert("RGB") for entry in split[part]]
    pixels = processor(images=images, return_tensors="pt")["pixel_values"].to(DEVICE)
    return pixels, torch.tensor([entry["label"] for entry in split[part]], device=DEVICE)

train_x, train_y = load("train")
test_x, test_y = load("validation")

def unit(x): return x / x.norm(dim=-1, keepdim=True)

def build(config):
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).to(DEVICE)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer([split["prompt"].replace("{class}", name) for name in split["classes"]], padding=True, return_tensors="pt").to(DEVICE)
    with torch.no_grad():
        out = model.text_model(**ids)
        classes = unit(model.text_projection(out.pooler_output))
    model = get_peft_model(model, config) if config else model
    base = model.base_model.model if config else model
    def logits(pixels):
        features = base.visual_projection(base.vision_model(pixel_values=pixels).pooler_output)
        return base.logit_scale.exp() * unit(features) @ classes.T
    return model, logits

def accuracy(logits):
    with torch.no_grad(): return (logits(test_x).argmax(-1) == test_y).float().mean().item()

def run(config, lr, seed):
    torch.manual_seed(seed)
    model, logits = build(config)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0)
    rise = int(WARMUP * STEPS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: (s + 1) / rise if s < rise else (1 + math.cos(math.pi * (s - rise) / (STEPS - rise))) / 2)
    order, at, times = torch.randperm(len(train_y)), 0, []
    for _ in range(STEPS):
        if at + BATCH > len(order): order, at = torch.cat([order[at:], torch.randperm(len(train_y))]), 0
        picked = order[at : at + BATCH].to(DEVICE); at += BATCH
        torch.cuda.synchronize(); start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(logits(train_x[picked]), train_y[picked])
        loss.backward(); optimizer.step(); schedule.step()
        torch.cuda.synchronize(); times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    return accuracy(logits), times[len(times) // 2], sum(p.numel() for p in parameters)

print("torch", torch.__version__, "peft", peft.__version__, "transformers", transformers.__version__, torch.cuda.get_device_name())
print(f"{len(train_y)} training images, {len(test_y)} validation images; before training {100 * accuracy(build(None)[1]):.1f} %")
methods = {
    "LoRA r 32": (lambda seed: LoraConfig(r=32, lora_alpha=64, target_modules=TARGETS), 3e-3),
    "RandLoRA r 2": (lambda seed: RandLoraConfig(r=2, randlora_alpha=20, projection_prng_key=seed, target_modules=TARGETS), 1e-3),
}
for name, (config, lr) in methods.items():
    torch.cuda.reset_peak_memory_stats()
    results = [run(config(seed), lr, seed) for seed in range(seeds)]
    scores = [100 * r[0] for r in results]
    print(f"{name:14s} {results[0][2]} trainable, {min(r[1] for r in results):.2f} ms/step, peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB, "
          f"accuracy {', '.join(f'{s:.1f}' for s in scores)} (mean {sum(scores) / len(scores):.1f} %)", flush=True)
