# safe: refused
# sandbox: failed: PermissionError
import socket
server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/here")
print("ESCAPED")
