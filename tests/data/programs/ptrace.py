# safe: refused
# sandbox: failed: ptrace gave -1
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, 1, 0, 0) == 0:
    print("ESCAPED")
raise OSError(ctypes.get_errno(), "ptrace gave -1")
