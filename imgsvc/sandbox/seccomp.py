"""seccomp by a filter of our own making: the kernel refuses the calls that no codec needs (x86-64 and 64-bit ARM)."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

# One instruction of the kernel's packet filter is 8 bytes: code, two jumps, value (linux/filter.h).
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
# Where seccomp puts the call's number, the machine it was compiled for and its first argument (struct seccomp_data).
_NUMBER, _MACHINE, _FIRST = 0, 4, 16

# New namespaces, in which a process would be root (linux/sched.h).
_NAMESPACES = 0x7E020000

NEWEST = 469
"""The last call looked at, file_setattr of Linux 6.17; later ones do not exist for a helper."""

_ABSENT = -1
REFUSED: dict[str, tuple[int, int]] = {
    # The network, and file descriptors from elsewhere. The helper's own line needs none of these.
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "connect": (42, 203), "accept4": (288, 242), "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269),
    "recvmmsg": (299, 243),
    # Other processes: their memory, files, priority, limits; and leaving the group that is killed at the end.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "setsid": (112, 157), "setpgid": (109, 154),
    "setpriority": (141, 140), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # What Landlock does not look at: owners, modes, times and attributes, and files by number or without a name.
    "chmod": (90, _ABSENT), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, _ABSENT),
    "lchown": (94, _ABSENT), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, _ABSENT),
    "utimes": (235, _ABSENT), "futimesat": (261, _ABSENT), "utimensat": (280, 88), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "execveat": (322, 281),
    # The file system as a whole.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "open_tree_attr": (467, 467), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "statmount": (457, 457),
    "listmount": (458, 458), "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224),
    "swapoff": (168, 225), "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "acct": (163, 89),
    # The machine, its clock and its keys.
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "syslog": (103, 116),
    "vhangup": (153, 58), "personality": (135, 92), "iopl": (172, _ABSENT), "ioperm": (173, _ABSENT),
    "modify_ldt": (154, _ABSENT), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    # Doors into the kernel that exploits come through.
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "unshare": (272, 97), "setns": (308, 268),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106),
}  # fmt: skip
"""Calls that fail with EPERM: their number on x86-64 and on 64-bit ARM (asm/unistd_64.h, asm-generic/unistd.h)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the filter must know of a kind of processor; `column` is its place in REFUSED."""

    code: int
    column: int
    clone: int
    prlimit: int


MACHINES = {"x86_64": Machine(0xC000003E, 0, 56, 302), "aarch64": Machine(0xC00000B7, 1, 220, 261)}
_CLONE3 = 435


def restrict() -> str:
    """Put the filter up for this thread and what it starts, for good; gives the kind of processor.

    The thread must have given up new privileges. OSError where the kernel has no filters, or the processor no table.
    """
    name = platform.machine()
    if name not in MACHINES:
        raise OSError(errno.ENOSYS, f"no table of system calls for {name}")
    text = program(MACHINES[name])
    room = ctypes.create_string_buffer(text, len(text))
    # struct sock_fprog: the number of instructions, and where they are.
    described = struct.pack("@HP", len(text) // 8, ctypes.addressof(room))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), described, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return name


def program(machine: Machine) -> bytes:
    """The filter for a machine, 8 bytes an instruction.

    Calls compiled for another machine end the process: their numbers mean something else. Calls newer than the table,
    and clone3, whose flags are out of a filter's sight, do not exist; C libraries then use the older ones.
    """
    steps = [_step(_LOAD, _MACHINE), *_unless(_EQUAL, machine.code, _KILL), _step(_LOAD, _NUMBER)]
    steps += _when(_ABOVE, NEWEST, _ERROR | errno.ENOSYS) + _when(_EQUAL, _CLONE3, _ERROR | errno.ENOSYS)
    for numbers in REFUSED.values():
        if numbers[machine.column] != _ABSENT:
            steps += _when(_EQUAL, numbers[machine.column], _ERROR | errno.EPERM)
    flags = [_step(_LOAD, _FIRST), *_when(_ANY_BIT, _NAMESPACES, _ERROR | errno.EPERM), _step(_RETURN, _ALLOW)]
    # Its own limits a process may see and lower; 0 stands for itself.
    own = [_step(_LOAD, _FIRST), *_unless(_EQUAL, 0, _ERROR | errno.EPERM), _step(_RETURN, _ALLOW)]
    for number, checks in ((machine.clone, flags), (machine.prlimit, own)):
        steps += [_step(_EQUAL, number, 0, len(checks)), *checks]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _when(test: int, value: int, answer: int) -> list[bytes]:
    return [_step(test, value, 0, 1), _step(_RETURN, answer)]


def _unless(test: int, value: int, answer: int) -> list[bytes]:
    return [_step(test, value, 1, 0), _step(_RETURN, answer)]
