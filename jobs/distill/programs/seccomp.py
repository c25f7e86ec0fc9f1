"""Kernel calls that a program in the sandbox may not make, as a filter for the kernel (classic BPF).

The second wall behind the namespaces: no process and no thread beside the first, no socket, nothing that mounts, traces,
loads or makes a namespace. A refused call fails with "operation not permitted"; a call made in the way of another
processor architecture ends the program.
"""

from __future__ import annotations

import errno
import platform
import struct

# name: its number on x86_64 and on aarch64; None where that architecture has no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    "clone": (56, 220), "fork": (57, None), "vfork": (58, None), "kill": (62, 129), "tkill": (200, 130), "ptrace": (101, 117),
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "connect": (42, 203),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "mknod": (133, None), "mknodat": (259, 33),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "acct": (163, 89),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266), "syslog": (103, 116),
    "quotactl": (179, 60), "iopl": (172, None), "ioperm": (173, None), "personality": (135, 92), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "vmsplice": (278, 75), "process_madvise": (440, 440),
}  # fmt: skip
CLONE3 = 435  # on both; "no such call" makes the C library fall back to clone, which is refused
X32 = 0x40000000  # numbers from here on are the x32 way of calling an x86_64 kernel
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}

LOAD, EQUAL, ABOVE, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT = 0, 4  # in the kernel's struct seccomp_data
ALLOW, FAIL, KILL = 0x7FFF0000, 0x00050000, 0x80000000


def machine() -> str:
    return platform.machine()


def known(architecture: str) -> bool:
    """Whether there is a filter for this processor architecture."""
    return architecture in ARCHITECTURES


def bpf(architecture: str) -> bytes:
    """The filter as bwrap --seccomp reads it: eight bytes an instruction. Raises KeyError for an unknown architecture."""
    column, audit = ARCHITECTURES[architecture]
    numbers = sorted({n for pair in REFUSED.values() if (n := pair[column]) is not None})
    out = [(LOAD, 0, 0, ARCHITECTURE_AT), (EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER_AT)]
    if column == 0:
        out += [(ABOVE, 0, 1, X32), (RETURN, 0, 0, KILL)]
    out += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, FAIL | errno.ENOSYS)]
    for number in numbers:
        out += [(EQUAL, 0, 1, number), (RETURN, 0, 0, FAIL | errno.EPERM)]
    out.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in out)
