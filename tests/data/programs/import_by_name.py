# safe: refused
# sandbox: failed: PermissionError
__import__("os").fork()
