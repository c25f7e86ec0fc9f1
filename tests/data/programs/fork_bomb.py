# safe: refused
# sandbox: failed: PermissionError
import os
while True:
    os.fork()
