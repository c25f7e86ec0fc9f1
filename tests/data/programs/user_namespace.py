# safe: refused
# sandbox: failed: unshare gave -1
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000) == 0:
    print("ESCAPED")
raise OSError(ctypes.get_errno(), "unshare gave -1")
