# safe: refused
# sandbox: failed: FileNotFoundError
import os
os.execv("/bin/sh", ["sh", "-c", "echo ESCAPED"])
