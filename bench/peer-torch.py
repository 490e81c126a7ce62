"""A plain eager BEiT training step in PyTorch, for bench/run.mjs: python3 bench/peer-torch.py tiny|base BATCH.

Says what it is in one line of JSON, then takes one step per line on stdin and answers with its milliseconds. Patch
embedding, [CLS], blocks with one shared relative position bias, layer scale and drop-path, mean pooling, two classes,
cross-entropy with label smoothing, clipping at 1, AdamW: the same work as `beit train` does, on the same pixels again.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = {"tiny": (192, 12, 3, 768), "small": (384, 12, 6, 1536), "base": (768, 12, 12, 3072)}
GRID = 14  # patches a side at 224 px
DROP_PATH = 0.1


class Block(nn.Module):
    def __init__(self, width, heads, hidden, drop_path):
        super().__init__()
        self.heads, self.drop_path = heads, drop_path
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.lambda1, self.lambda2 = nn.Parameter(torch.full((width,), 0.1)), nn.Parameter(torch.full((width,), 0.1))

    def attention(self, x, bias):
        batch, tokens, width = x.shape
        split = lambda y: y.view(batch, tokens, self.heads, -1).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1) + bias
        return self.output((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, width))

    def dropped(self, x):
        if self.drop_path == 0:
            return x
        return x * x.new_empty(x.shape[0], 1, 1).bernoulli_(1 - self.drop_path).div_(1 - self.drop_path)

    def forward(self, x, bias):
        x = x + self.dropped(self.lambda1 * self.attention(self.norm1(x), bias))
        return x + self.dropped(self.lambda2 * self.fc2(F.gelu(self.fc1(self.norm2(x)))))


def relative_index():
    """Rows of the bias table for every pair of tokens, [CLS] first (unilm beit/modeling_finetune.py)."""
    y, x = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    at = torch.stack([y.flatten(), x.flatten()])
    delta = (at[:, :, None] - at[:, None, :]) + GRID - 1
    rows = (2 * GRID - 1) ** 2
    index = torch.zeros(GRID * GRID + 1, GRID * GRID + 1, dtype=torch.long)
    index[1:, 1:] = delta[0] * (2 * GRID - 1) + delta[1]
    index[0, :], index[:, 0], index[0, 0] = rows, rows + 1, rows + 2
    return index


class Beit(nn.Module):
    def __init__(self, width, layers, heads, hidden):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.table = nn.Parameter(torch.zeros((2 * GRID - 1) ** 2 + 3, heads))
        self.register_buffer("index", relative_index())
        rates = [DROP_PATH * i / (layers - 1) for i in range(layers)]
        self.blocks = nn.ModuleList(Block(width, heads, hidden, rate) for rate in rates)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1)
        bias = self.table[self.index].permute(2, 0, 1)
        for block in self.blocks:
            x = block(x, bias)
        return self.head(self.norm(x[:, 1:].mean(1)))


def blas():
    """The BLAS libraries mapped into this process."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line}
    return sorted(paths)


def main(preset, batch):
    torch.manual_seed(0)
    model = Beit(*WIDTHS[preset]).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.05)
    pixels, labels = torch.randn(batch, 3, 224, 224), torch.arange(batch) % 2
    model(pixels[:1])
    threads, version = torch.get_num_threads(), torch.__version__
    print(json.dumps({"torch": version, "blas": blas(), "threads": threads}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(pixels), labels, label_smoothing=0.1).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(json.dumps({"ms": 1000 * (time.perf_counter() - start)}), flush=True)


main(sys.argv[1], int(sys.argv[2]))
