"""Is this installation sound? What is wrong with it, and what to do about it.

- `findings`: what a check finds.
- `checks`: one function a thing that can be wrong; each may import what it likes.
- `examine`: all checks, each in a child process, since a library that does not fit the processor
  ends the process that imports it.
"""
