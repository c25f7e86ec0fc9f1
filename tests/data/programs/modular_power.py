# safe: limit
# sandbox: limit: of the processor
a = 2**4095 - 1
b = 2**4095 - 3
c = 2**4095 - 5
while True:
    x = pow(a, b, c)
