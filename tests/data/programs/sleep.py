# safe: refused
# sandbox: limit: longer than
import time
time.sleep(600)
print("ESCAPED")
