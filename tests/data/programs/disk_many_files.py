# safe: refused
# sandbox: failed: No space left
for number in range(1000):
    with open(f"/tmp/{number}", "wb") as file:
        file.write(bytes(900_000))
print("ESCAPED")
