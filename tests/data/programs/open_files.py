# safe: refused
# sandbox: failed: Too many open files
kept = [open("/dev/null") for _ in range(1000)]
print("ESCAPED", len(kept))
