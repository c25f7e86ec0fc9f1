# safe: refused
# sandbox: failed: Error
import os
os.symlink("/", "/tmp/out")
for path in ("/tmp/out/../inside.py", "/tmp/out/usr/lib/evil", "/tmp/out/OUTSIDE/evil"):
    try:
        open(path, "w").write("x")
        print("ESCAPED", path)
    except OSError:
        pass
open("/tmp/out/OUTSIDE/evil", "w").write("x")
