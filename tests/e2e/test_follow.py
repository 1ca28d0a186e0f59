"""What the jobs print, while they run."""

from __future__ import annotations

import subprocess

from helpers.tool import COMMAND, Tool, shell


def test_the_output_of_a_job_is_shown_before_it_ends(tool: Tool) -> None:
    gate = tool.place / "gate"
    wait = f"while ! test -e '{gate}'; do sleep 0.05; done"
    bag = tool.bag(shell("slow", f"printf 'be\\033gin\\n'; {wait}; echo end"), shell("quick", "echo hello"))
    with subprocess.Popen(
        [*COMMAND, "--local", "-L", "warn", "--follow", str(bag)],
        cwd=tool.cwd, env=tool.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            first = {process.stdout.readline(), process.stdout.readline()}
            assert first == {"slow: be\\x1bgin\n", "quick: hello\n"}
            assert not (tool.cwd / "slow.out").exists()
        finally:
            gate.touch()
        rest, err = process.communicate(timeout=60)
    assert (process.returncode, rest, err) == (0, "slow: end\n", "")
