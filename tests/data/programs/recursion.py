# safe: limit
# sandbox: failed: RecursionError
def again(n):
    return again(n + 1)
print(again(0))
