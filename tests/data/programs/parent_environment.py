# safe: refused
# sandbox: failed: FileNotFoundError
import os
found = [name for name in os.environ if name not in ("PYTHONHASHSEED", "LC_ALL", "PWD")]
if found:
    print("ESCAPED", found)
for number in (1, os.getppid(), "self"):
    print("ESCAPED", open(f"/proc/{number}/environ").read())
