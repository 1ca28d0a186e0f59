"""Pi by throwing darts: pi.py DARTS, to pi.txt."""

import random
import sys
from pathlib import Path

darts = int(sys.argv[1])
hits = sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(darts))
Path("pi.txt").write_text(f"{4 * hits / darts}\n", encoding="utf-8")
print(f"{darts} darts, {hits} of them within the circle")
