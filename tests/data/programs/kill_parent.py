# safe: refused
# sandbox: failed: PermissionError
import os
os.kill(os.getppid(), 9)
print("ESCAPED")
