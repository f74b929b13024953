"""May I tune hyperparameters on a pruned network, and must I tune them again after pruning?"""

__version__ = "0.1.0"
