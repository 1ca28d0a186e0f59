"""How long a GPU takes to multiply two large matrices, to seconds.txt."""

import time
from pathlib import Path

import torch

one, other = (torch.rand(8192, 8192, device="cuda") for _ in range(2))
torch.cuda.synchronize()
began = time.perf_counter()
product = one @ other
torch.cuda.synchronize()
took = time.perf_counter() - began
print(f"{torch.cuda.get_device_name()}: {took:.3f} s")
Path("seconds.txt").write_text(f"{took}\n", encoding="utf-8")
