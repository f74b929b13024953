"""Settings that all tests share."""

import os

# Before torch is imported: one thread per process, as in every run.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")
