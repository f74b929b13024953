"""Runs: what one is, how it is made, and how any record is made once."""

from pruneproxy.runs.ensuring import (
    DEFAULTS,
    BudgetSpent,
    Conditions,
    alone,
    ensure,
    failed,
    finished,
    out_of_time,
    pause,
)
from pruneproxy.runs.execution import (
    CHECKPOINT_AFTER,
    execute,
    finished_or_stopped,
    hook,
    network,
    scoring_batch,
    train,
    trained_weights,
)
from pruneproxy.runs.kinds import Kind
from pruneproxy.runs.recording import data_facts
from pruneproxy.runs.spec import WEIGHTS, ChannelsSpec, Finding, Pruning, RoundSpec, RunSpec, Ticket
