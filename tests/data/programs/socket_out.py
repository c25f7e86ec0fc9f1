# safe: refused
# sandbox: failed: PermissionError
import socket
socket.create_connection(("1.1.1.1", 53), 2)
print("ESCAPED")
