# safe: refused
# sandbox: failed: Error
import os
for path in ("/evil", "/inside.py", "/usr/lib/evil", "/dev/evil", "/root" "/evil", "OUTSIDE/evil"):
    try:
        open(path, "w").write("x")
        print("ESCAPED", path)
    except OSError:
        pass
os.mkdir("OUTSIDE/evil")
print("ESCAPED")
