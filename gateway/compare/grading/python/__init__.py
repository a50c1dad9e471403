"""`python` assertions: an organisation's own code, on its own machine, when its caller says so.

It is not a sandbox. The code runs with the rights of whoever runs the command, in a process of its own with an empty
environment and limits on time, memory and output, so that a slip cannot hang or fill the machine. Never on a server
that grades what others send.
"""
