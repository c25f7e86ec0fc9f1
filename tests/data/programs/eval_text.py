# safe: refused
# sandbox: failed: NameError
eval(compile("open('/etc/passwd')" if False else "nowhere", "x", "eval"))
