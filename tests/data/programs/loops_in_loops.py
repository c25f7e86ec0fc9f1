# safe: limit
# sandbox: limit: of the processor
x = 0
for a in range(10**9):
    for b in range(10**9):
        x = x + a * b
