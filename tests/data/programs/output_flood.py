# safe: failed
# sandbox: limit: prints more than
while True:
    print("x" * 1000)
