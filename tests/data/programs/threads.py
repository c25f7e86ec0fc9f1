# safe: refused
# sandbox: failed: can't start new thread
import threading
import time
for _ in range(100_000):
    threading.Thread(target=time.sleep, args=(60,)).start()
print("ESCAPED")
