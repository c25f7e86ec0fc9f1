# safe: refused
# sandbox: failed: SIGSEGV
import ctypes
ctypes.string_at(0)
print("ESCAPED")
