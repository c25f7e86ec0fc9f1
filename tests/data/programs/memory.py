# safe: refused
# sandbox: limit: MemoryError
kept = []
for _ in range(100):
    kept.append(bytes(100_000_000))
print("ESCAPED")
