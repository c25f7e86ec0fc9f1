import logging

# bitsandbytes, where it is installed, warns at import that kernels from the hub are not: nothing here asks for them.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
