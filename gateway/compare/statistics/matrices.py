"""Small symmetric matrices, as lists of rows: what Bradley-Terry needs of linear algebra."""

import math
from collections.abc import Sequence
from operator import mul

Matrix = list[list[float]]
_NOTHING = 1e-12


def cholesky(matrix: Sequence[Sequence[float]]) -> Matrix:
    """The lower triangle L with L Lᵀ = matrix. A direction without variance is left out, and the matrix need not be
    of full rank."""
    size = len(matrix)
    lower: Matrix = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row][column] - _dot(lower[row][:column], lower[column][:column])
            if row == column:
                lower[row][row] = math.sqrt(rest) if rest > _NOTHING * max(1.0, matrix[row][row]) else 0.0
            elif lower[column][column]:
                lower[row][column] = rest / lower[column][column]
    return lower


def inverse(matrix: Sequence[Sequence[float]]) -> Matrix:
    """Of a positive definite matrix."""
    lower, size = cholesky(matrix), len(matrix)
    # The rows of L⁻¹, by forward substitution; the inverse is its transpose times itself.
    turned: Matrix = []
    for row, line in enumerate(lower):
        filled = [-_dot(line, [one[column] for one in turned]) / line[row] for column in range(row)]
        turned.append([*filled, 1.0 / line[row], *([0.0] * (size - row - 1))])
    columns = list(zip(*turned, strict=True))
    return [[_dot(one, other) for other in columns] for one in columns]


def times(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [[_dot(row, column) for column in columns] for row in left]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    """Up to the end of the shorter one."""
    return sum(map(mul, one, other))
