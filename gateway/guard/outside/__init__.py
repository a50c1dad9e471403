"""Judges that are asked over the network: services of others, and classifiers served behind the gateway.

Must never: see what a guard has taken out of a request, or decide what happens where one could not be asked.
"""
