"""llama.cpp in a process of its own: is told what to serve on stdin, says where on stdout, and ends with its stdin.

Run as a script, so that it imports nothing but xllamacpp.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
NICENESS = 5
OOM_SCORE = "500"


def serve() -> None:
    told = json.loads(sys.stdin.readline())
    _be_a_lodger(told["parent"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever native code prints is no answer of ours
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = told["file"]
    parameters.model_alias = told["name"]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [told["key"]]
    parameters.n_ctx = told["context_tokens"]
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = told["threads"]
    parameters.cpuparams.poll = 0  # a waiting thread sleeps rather than spins
    parameters.cache_ram_mib = 0
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.warmup = False
    parameters.fit_params = False
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    print(json.dumps({"address": server.listening_address}), file=answers, flush=True)
    sys.stdin.read()
    os._exit(0)  # native threads may never end by themselves


def _be_a_lodger(parent: int) -> None:
    """Dies with the daemon, yields to it, goes first when memory runs out, and leaves no core file with texts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


if __name__ == "__main__":
    serve()
