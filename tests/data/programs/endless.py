# safe: limit
# sandbox: limit: of the processor
x = 0
while True:
    x = x + 1
