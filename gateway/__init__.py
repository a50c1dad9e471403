"""An organisation's one door to generative AI.

Importing this package opens, starts and reads nothing: `gateway.app` is the only module that constructs.
Imports point down the list of rooms in README.md, and a contract in pyproject.toml keeps them so.
"""

__version__ = "0.1.0"
