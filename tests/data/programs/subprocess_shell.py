# safe: refused
# sandbox: failed: Error
import subprocess
print("ESCAPED", subprocess.run(["/bin/sh", "-c", "id"], capture_output=True).stdout)
