# safe: refused
# sandbox: failed: FileNotFoundError
print("ESCAPED", open("/etc/passwd").read())
