"""What the kernel denies a process that measures texts, so that one which breaks it still reaches nothing.

Loaded by `zygote`, also in a bare interpreter, so it imports nothing beyond the standard library and speaks to the
kernel by `ctypes`. Sources: man pages landlock(7), seccomp(2), capabilities(7); linux/landlock.h, linux/seccomp.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

MEMORY_LIMIT = 3 * 2**30
"""Bytes of address space that one worker may map."""

_libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG, _PR_GET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 21, 24, 38  # linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_THREAD = 0x10000000, 0x40000000, 0x10000  # linux/sched.h
_CAPABILITIES_V3, _CAPABILITIES = 0x20080522, 64  # linux/capability.h

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # how many bits, from which version on
_TCP = 0b11  # bind and connect, from version 4 on
_SCOPES = 0b11  # abstract sockets and signals to processes outside, from version 6 on

_SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW = 1, 1 << 2  # the flag: no slower branches in return for nothing
_ALLOW, _DENY, _ABSENT, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000  # EPERM, ENOSYS
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
"""Per machine: its place in the numbers below, its AUDIT_ARCH, and the number of seccomp(2)."""

_CALLS: dict[str, tuple[int, int | None]] = {
    "clone": (56, 220), "clone3": (435, 435), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "sendto": (44, 206),
    "sendmsg": (46, 211), "bind": (49, 200), "listen": (50, 201), "socketpair": (53, 199),
    "accept4": (288, 242), "sendmmsg": (307, 269), "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "perf_event_open": (298, 241),
    "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268), "open_by_handle_at": (304, 265),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "memfd_create": (319, 279),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "reboot": (169, 142), "personality": (135, 92), "prlimit64": (302, 261),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None), "fchown": (93, 55),
    "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "setpriority": (141, 140),
    "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
}  # fmt: skip
"""What measuring a text has no use for: the number of each system call per machine, None where there is none."""


def confine_lane(folder: Path) -> list[str]:
    """Confine this process and its children, as far as the platform lets us; return what it doesn't.

    `folder` is the one that texts are measured in.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    measures = {
        "no network (namespaces)": _leave_network(),
        "no files but what Python needs (Landlock)": _restrict_files(_readable(folder)),
        "no capabilities": _drop_capabilities(),
        "no programs, processes, sockets (seccomp)": platform.machine() in _MACHINES
        and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0,
    }
    return [name for name, holds in measures.items() if not holds]


def confine_worker() -> None:
    """Deny this process, which starts no other, the system calls that measuring a text has no use for."""
    if platform.machine() in _MACHINES:
        deny_calls(_CALLS)


def deny_calls(calls: dict[str, tuple[int, int | None]]) -> None:
    """Deny this process some system calls, by name and number per machine, for good."""
    place, architecture, seccomp = _MACHINES[platform.machine()]
    numbers = {name: number for name, per_machine in calls.items() if (number := per_machine[place]) is not None}
    program = _program(architecture, numbers, os.getpid())
    code = ctypes.create_string_buffer(program)
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _libc.syscall(seccomp, _SECCOMP_SET_MODE_FILTER, _SPEC_ALLOW, described)


def end_with_parent(parent: int) -> None:
    """Have the kernel end this process with its parent, the process `parent`."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before we asked
        os._exit(1)


def _leave_network() -> bool:
    if _libc.unshare(_CLONE_NEWNET) == 0:
        return True
    alone: int = _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    return alone == 0


def _drop_capabilities() -> bool:
    for capability in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITIES_V3, 0)
    dropped: int = _libc.capset(header, struct.pack("6I", *[0] * 6))
    return dropped == 0


def _readable(folder: Path) -> set[Path]:
    """Return what this interpreter may have to read while it measures a text."""
    found = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
    devices = ("/dev/null", "/dev/urandom", "/etc/ssl/openssl.cnf")
    found |= {Path(path) for path in (*libraries, *devices, sysconfig.get_config_var("LIBDIR") or "/lib")}
    found |= {folder, *(link.resolve() for link in folder.glob("packages/*"))}
    if not sys.flags.no_site:  # our own interpreter, and our own filters
        found |= {Path(path) for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
        found.add(Path(__file__).parents[1])
    return {path for path in found if path.exists()}


def _restrict_files(readable: Iterable[Path]) -> bool:
    """Deny all use of files but to read these and what lies below; from version 4 on TCP, from 6 on signals."""
    version = _libc.syscall(_LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        return False
    rights = (1 << next(bits for since, bits in reversed(_FILE_RIGHTS.items()) if version >= since)) - 1
    handled = struct.pack("3Q", rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _libc.syscall(_LANDLOCK_CREATE, handled, size, 0)
    if ruleset < 0:
        return False
    for path in readable:
        with contextlib.suppress(OSError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
            _libc.syscall(_LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", allowed, place), 0)
            os.close(place)
    restricted: int = _libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)
    return restricted == 0


def _program(architecture: int, numbers: dict[str, int], own: int) -> bytes:
    """Return a filter in classic BPF: struct sock_filter {code, jump if true, jump if false, operand}.

    Threads may start, signals go to this process itself, its own limits be asked for; what another architecture
    calls ends it.
    """
    load, equal, at_least, set_, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    number_at, architecture_at, first_argument_at = 0, 4, 16  # struct seccomp_data, low half of the argument

    def step(code: int, operand: int, true: int = 0, false: int = 0) -> bytes:
        return struct.pack("HBBI", code, true, false, operand)

    steps = [
        step(load, architecture_at), step(equal, architecture, 1), step(answer, _KILL),
        step(load, number_at), step(at_least, 0x40000000, 0, 1), step(answer, _DENY),  # x32's calls
    ]  # fmt: skip
    only = {"kill": own, "tgkill": own, "prlimit64": 0}
    for name, number in numbers.items():
        if name == "clone":
            inner = [step(load, first_argument_at), step(set_, _CLONE_THREAD, 1), step(answer, _DENY)]
        elif name in only:
            inner = [step(load, first_argument_at), step(equal, only[name], 1), step(answer, _DENY)]
        else:
            inner = [step(answer, _ABSENT if name == "clone3" else _DENY)]
        allow = [step(answer, _ALLOW)] if len(inner) > 1 else []
        steps += [step(equal, number, 0, len(inner + allow)), *inner, *allow]
    return b"".join([*steps, step(answer, _ALLOW)])
