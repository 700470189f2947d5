"""Runs commands, so many at a time, and prints their wall time, processor time and peak memory as JSON.

Reads {"commands": [{"argv": [...], "cwd": "...", "env": {...}}], "jobs": N, "log": "file"} from standard input.
Peak memory is that of the largest process, its children that were waited for included. Node tells a process
nothing of its children's memory; os.wait4 does.
"""

import json
import os
import subprocess
import sys
import time

# What a machine sets for its own sake is no tool's doing: certificates in NODE_EXTRA_CA_CERTS alone take each Node
# process 30 ms, and PYTHONDONTWRITEBYTECODE has Python compile its scripts anew each time.
PLAIN = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR")
plain = {name: os.environ[name] for name in PLAIN if name in os.environ}

task = json.load(sys.stdin)
waiting = list(reversed(task["commands"]))
running = set()
peak = 0
cpu = 0.0
failed = None

with open(task["log"], "wb") as log:
    start = time.monotonic()
    while waiting or running:
        while waiting and len(running) < task["jobs"] and failed is None:
            command = waiting.pop()
            child = subprocess.Popen(
                command["argv"],
                cwd=command.get("cwd"),
                env={**plain, **command.get("env", {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            running.add(child.pid)
            child.returncode = 0  # wait4 below reaps it
        if not running:
            break
        pid, status, usage = os.wait4(-1, 0)
        running.discard(pid)
        peak = max(peak, usage.ru_maxrss)
        cpu += usage.ru_utime + usage.ru_stime
        code = os.waitstatus_to_exitcode(status)
        if code not in task.get("statuses", [0]) and failed is None:
            failed = code
    elapsed = time.monotonic() - start

json.dump(
    {
        "ms": elapsed * 1000,
        "cpuMs": cpu * 1000,
        # Linux counts in KiB, macOS in bytes.
        "peakMb": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "failed": failed,
    },
    sys.stdout,
)
