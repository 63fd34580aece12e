# The runs of `npm run bench -- accuracy` in PyTorch and PEFT: the same images, splits, batches, views and learning rates, which
# `accuracy data` wrote. A step is recorded once for each method as a CUDA graph and replayed; its mathematics is transformers' and PEFT's.
# usage: python3 tests/bench/reference.py [--dir .cache/accuracy] [--seconds 540] [--sets a,b] [--amounts 16,all] [--methods a,b] [--seeds 0,1]
# Run in the project's root. Each run has a file in DIR/peft; those that are there are not run again, and none is begun after --seconds.
# Without a CUDA GPU it computes on the processor, for a try with few steps.
import argparse, gzip, json, math, os, time
import numpy as np, torch, torch.nn.functional as F

start = time.time()
arguments = argparse.ArgumentParser()
for name, value in dict(dir=".cache/accuracy", seconds="540", sets="", amounts="16,all", methods="", seeds="", model="public/models/clip-tiny").items():
    arguments.add_argument(f"--{name}", default=value)
given = arguments.parse_args()
plan = json.load(open(f"{given.dir}/plan.json"))
listed = lambda text, all: text.split(",") if text else list(all)
sets, amounts = listed(given.sets, plan["sets"]), listed(given.amounts, plan["steps"])
methods, seeds = listed(given.methods, plan["methods"]), [int(s) for s in listed(given.seeds, map(str, range(plan["seeds"])))]
os.makedirs(f"{given.dir}/peft", exist_ok=True)
cuda = torch.cuda.is_available()
device = "cuda" if cuda else "cpu"
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.set_float32_matmul_precision("highest")
BATCH, LAST, MOST = plan["batch"], 20, max(plan["steps"].values())
TARGETS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
mean, std = (torch.tensor(plan[k], device=device).view(1, 3, 1, 1) for k in ("mean", "std"))

def file_of(set, amount, method, seed): return f"{given.dir}/peft/{set}-{amount}-{method}-{seed}.json"
def unit(x): return x / x.norm(dim=-1, keepdim=True)

def peft_config(id, seed):
    from peft import LoraConfig, RandLoraConfig, VeraConfig
    lane = plan["methods"][id]["lane"]
    method, s = lane["method"], lane["settings"]
    if method == "lora": return LoraConfig(r=s["rank"], lora_alpha=s["alpha"], target_modules=TARGETS)
    if method == "dora": return LoraConfig(r=s["rank"], lora_alpha=s["alpha"], target_modules=TARGETS, use_dora=True)
    if method == "randlora": return RandLoraConfig(r=s["rank"], randlora_alpha=s["alpha"], target_modules=TARGETS, projection_prng_key=seed)
    if method == "vera": return VeraConfig(r=s["rank"], target_modules=TARGETS, projection_prng_key=seed)

class Classifier(torch.nn.Module):
    """Logits of (B, 3, H, W) by the method: a tower, adapted or not, and the class prompts or a linear head."""
    def __init__(self, id, seed):
        super().__init__()
        from transformers import CLIPModel
        torch.manual_seed(seed)
        clip = CLIPModel.from_pretrained(given.model, dtype=torch.float32).requires_grad_(False)
        self.linear = plan["methods"].get(id, {}).get("head") == "linear"
        self.tower = clip.vision_model
        config = peft_config(id, seed) if id in plan["methods"] else None
        if config:
            from peft import get_peft_model
            self.tower = get_peft_model(self.tower, config)
        elif id == "full":
            for part in (self.tower, clip.visual_projection, clip.logit_scale): part.requires_grad_(True)
        width = clip.config.vision_config.hidden_size
        self.projection, self.scale = clip.visual_projection, clip.logit_scale
        if self.linear: self.head = torch.nn.Linear(width, CLASSES)
        self.register_buffer("classes", torch.zeros(CLASSES, clip.config.projection_dim))
    def forward(self, x):
        seen = self.tower(pixel_values=x)
        # As CLIPForImageClassification has it: the mean over the patches.
        if self.linear: return self.head(seen.last_hidden_state[:, 1:].mean(1))
        features = seen.pooler_output
        return self.scale.exp() * unit(self.projection(features)) @ self.classes.T

@torch.no_grad()
def embed(set):
    from transformers import AutoTokenizer, CLIPModel
    clip = CLIPModel.from_pretrained(given.model, dtype=torch.float32)
    texts = [set["prompt"].replace("{class}", name) for name in set["classes"]]
    ids = AutoTokenizer.from_pretrained(given.model)(texts, padding=True, return_tensors="pt")
    return unit(clip.text_projection(clip.text_model(**ids).pooler_output)).to(device)

class Images:
    def __init__(self, id):
        self.meta = json.load(open(f"{given.dir}/{id}.json"))
        size = self.meta["size"]
        pixels = np.frombuffer(gzip.open(f"{given.dir}/{id}.bin.gz").read(), np.uint8).reshape(-1, size, size, 3)
        self.pixels = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy()).to(device)
        self.labels = torch.tensor(self.meta["labels"], device=device)
        self.test = torch.tensor(self.meta["test"], device=device)
        self.classes = embed(self.meta)

def moved(pixels, view):
    """view (B, 4): image, shift across, shift down, flip; the edge is repeated."""
    size, at = pixels.shape[-1], torch.arange(pixels.shape[-1], device=device)
    image, across, down, flip = view.long().unbind(1)
    columns = (torch.where(flip[:, None] > 0, size - 1 - at, at) + across[:, None]).clamp(0, size - 1)
    rows = (at + down[:, None]).clamp(0, size - 1)
    b, c = image.view(-1, 1, 1, 1), torch.arange(3, device=device).view(1, 3, 1, 1)
    return (pixels[b, c, rows[:, None, :, None], columns[:, None, None, :]].float() / 255 - mean) / std

class Trainer:
    """One method's model, optimiser and recorded step; `reset` gives it the start of a seed. What changes from run to run lies in tensors."""
    def __init__(self, id, most_images, size):
        self.id = id
        self.starts = {}
        self.model = Classifier(id, seeds[0]).to(device).train()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        make = lambda *shape, dtype=torch.float32: torch.zeros(*shape, dtype=dtype, device=device)
        self.pixels, self.labels = make(most_images, 3, size, size, dtype=torch.uint8), make(most_images, dtype=torch.long)
        self.views, self.rates = make(MOST, BATCH, 4, dtype=torch.int32), make(MOST)
        self.step, self.losses = make(1, dtype=torch.long), make(MOST)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=torch.tensor(1e-3, device=device), betas=(0.9, 0.999), eps=1e-8, weight_decay=0, **(dict(fused=True, capturable=True) if cuda else {}))
        self.graph = None
        if not cuda: return
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3): self.once()
        torch.cuda.current_stream().wait_stream(stream)
        self.optimizer.zero_grad(set_to_none=True)
        self.step.zero_()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph): self.once(clear=False)
    def once(self, clear=True):
        if clear: self.optimizer.zero_grad(set_to_none=True)
        view = self.views[self.step][0]
        loss = F.cross_entropy(self.model(moved(self.pixels, view)), self.labels[view[:, 0].long()])
        loss.backward()
        self.optimizer.param_groups[0]["lr"].copy_(self.rates[self.step][0])
        self.optimizer.step()
        self.losses.index_copy_(0, self.step, loss.detach()[None])
        self.step.add_(1)
    def start_of(self, seed):
        if seed not in self.starts: self.starts[seed] = {k: v.clone().to(device) for k, v in Classifier(self.id, seed).state_dict().items()}
        return self.starts[seed]
    @torch.no_grad()
    def reset(self, images, set, amount, seed):
        start = self.start_of(seed)
        for name, value in self.model.state_dict().items(): value.copy_(start[name])
        for state in self.optimizer.state.values():
            for value in state.values():
                if torch.is_tensor(value): value.zero_()
        self.model.classes.copy_(images.classes)
        self.pixels[: len(images.pixels)].copy_(images.pixels)
        self.labels[: len(images.labels)].copy_(images.labels)
        steps = plan["steps"][amount]
        views = np.fromfile(f"{given.dir}/views/{set}-{amount}-{seed}.bin", np.int32).reshape(steps, BATCH, 4)
        self.views[:steps].copy_(torch.from_numpy(views))
        peak = plan["methods"][self.id]["rates"][amount]
        self.rates[:steps].copy_(torch.tensor(plan["rates"][amount]) * peak)
        self.step.zero_()
        return steps
    def run(self, images, set, amount, seed):
        steps = self.reset(images, set, amount, seed)
        begun = time.time()
        for _ in range(steps): self.graph.replay() if self.graph else self.once()
        losses = self.losses[max(0, steps - LAST) : steps].mean().item()
        save(set, amount, self.id, seed, sum(p.numel() for p in self.parameters), losses, hits_of(self.model, images), 1e3 * (time.time() - begun) / steps)

@torch.no_grad()
def hits_of(model, images):
    model.eval()
    hits = []
    for some in images.test.split(500):
        hits.append(model((images.pixels[some].float() / 255 - mean) / std).argmax(-1) == images.labels[some])
    model.train()
    return torch.cat(hits).int().tolist()

def save(set, amount, method, seed, parameters, loss, hits, ms):
    result = dict(set=set, amount=amount, method=method, seed=seed, parameters=parameters, loss=loss, hits="".join(map(str, hits)))
    with open(file_of(set, amount, method, seed) + ".part", "w") as file: json.dump(result, file)
    os.replace(file.name, file_of(set, amount, method, seed))
    print(f"{set} {amount} {method} {seed}: {100 * sum(hits) / len(hits):.1f} %, loss {loss:.3f}, {ms:.2f} ms/step", flush=True)

import peft, transformers
transformers.utils.logging.disable_progress_bar()
print("torch", torch.__version__, "peft", peft.__version__, "transformers", transformers.__version__, torch.cuda.get_device_name() if cuda else "CPU", flush=True)
loaded = {id: Images(id) for id in sets}
counts = {len(images.meta["classes"]) for images in loaded.values()}
if len(counts) != 1: raise SystemExit(f"a recorded step has one number of classes, the sets have {sorted(counts)}: name sets of one number in --sets")
CLASSES = counts.pop()
for set, images in loaded.items():
    if os.path.exists(file_of(set, "all", "zero-shot", 0)) or "all" not in amounts or 0 not in seeds: continue
    model = Classifier("zero-shot", 0).to(device)
    model.classes.copy_(images.classes)
    with torch.no_grad():
        logits = torch.cat([model((images.pixels[some].float() / 255 - mean) / std) for some in images.test.split(500)])
    save(set, "all", "zero-shot", 0, 0, F.cross_entropy(logits, images.labels[images.test]).item(), (logits.argmax(-1) == images.labels[images.test]).int().tolist(), 0)
most, size = max(len(images.pixels) for images in loaded.values()), next(iter(loaded.values())).meta["size"]
for method in methods:
    left = [(s, a, seed) for s in sets for seed in seeds for a in amounts if not os.path.exists(file_of(s, a, method, seed))]
    if not left: continue
    if time.time() - start > float(given.seconds): break
    trainer = Trainer(method, most, size)
    print(method, sum(p.numel() for p in trainer.parameters), f"trainable, ready after {time.time() - start:.0f} s", flush=True)
    for s, a, seed in left:
        if time.time() - start > float(given.seconds): break
        trainer.run(loaded[s], s, a, seed)
    del trainer
    if cuda: torch.cuda.empty_cache()
if time.time() - start > float(given.seconds): print("Time is up; the same command goes on.")
