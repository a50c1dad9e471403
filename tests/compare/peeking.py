"""Sequences by the thousand: the arithmetic of `betting.BoundedMean`, for many runs at once."""

import numpy as np

from gateway.compare.statistics.betting import BETS


def log_capital(runs: np.ndarray, sign: float, mean: float = 0.0) -> np.ndarray:
    """After each value (second axis) of each run (first axis), values on a scale of -1 to 1: the log of the capital that
    bets for a mean above (sign 1) or below (sign -1) `mean` are worth, per stake."""
    bets = sign * np.array(BETS)
    values, which = np.unique(runs, return_inverse=True)
    per_value = np.log1p(values[:, None] * bets) - np.log1p(mean * bets)
    gains = np.cumsum(per_value[which.reshape(runs.shape)], axis=1)
    most = gains.max(axis=2)
    return most + np.log(np.exp(gains - most[:, :, None]).mean(axis=2))


def log_e_values(runs: np.ndarray) -> np.ndarray:
    """Two-sided, against a mean of 0."""
    return np.logaddexp(log_capital(runs, 1.0), log_capital(runs, -1.0)) - np.log(2.0)
