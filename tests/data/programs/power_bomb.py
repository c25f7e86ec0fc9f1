# safe: limit
# sandbox: limit: of the processor
x = 9 ** 9 ** 9
print(x)
