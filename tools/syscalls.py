"""System calls by name and number, for the two machines whose calls the sandbox knows."""

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""Machines, as ``os.uname().machine`` names them, and the kernel's numbers for them."""

TABLE = """
clone 56 220
fork 57 -
vfork 58 -
clone3 435 435
socket 41 198
socketpair 53 199
connect 42 203
bind 49 200
listen 50 201
sendto 44 206
sendmsg 46 211
sendmmsg 307 269
prlimit64 302 261
ioctl 16 29
truncate 76 45
open 2 -
openat 257 56
openat2 437 437
seccomp 317 277
pidfd_getfd 438 438

chmod 90 -
fchmod 91 52
fchmodat 268 53
fchmodat2 452 452
chown 92 -
lchown 94 -
fchown 93 55
fchownat 260 54
utime 132 -
utimes 235 -
futimesat 261 -
utimensat 280 88

setxattr 188 5
lsetxattr 189 6
fsetxattr 190 7
setxattrat 463 463
removexattr 197 14
lremovexattr 198 15
fremovexattr 199 16
removexattrat 466 466
file_setattr 469 469

acct 163 89
adjtimex 159 171
bpf 321 280
chroot 161 51
clock_adjtime 305 266
clock_settime 227 112
delete_module 176 106
fanotify_init 300 262
finit_module 313 273
fsconfig 431 431
fsmount 432 432
fsopen 430 430
fspick 433 433
init_module 175 105
ioperm 173 -
iopl 172 -
kexec_file_load 320 294
kexec_load 246 104
lookup_dcookie 212 18
mount 165 40
mount_setattr 442 442
move_mount 429 429
open_by_handle_at 304 265
open_tree 428 428
open_tree_attr 467 467
perf_event_open 298 241
pivot_root 155 41
quotactl 179 60
quotactl_fd 443 443
reboot 169 142
setdomainname 171 162
sethostname 170 161
setns 308 268
settimeofday 164 170
swapoff 168 225
swapon 167 224
syslog 103 116
umount2 166 39
unshare 272 97
userfaultfd 323 282
vhangup 153 58

add_key 248 217
io_uring_enter 426 426
io_uring_register 427 427
io_uring_setup 425 425
keyctl 250 219
memfd_create 319 279
memfd_secret 447 447
mq_open 240 180
msgget 68 186
request_key 249 218
semget 64 190
shmat 30 196
shmget 29 194
"""

_ROWS = [block.split("\n") for block in TABLE.strip().split("\n\n")]


def _names(block: int) -> frozenset[str]:
    return frozenset(row.split()[0] for row in _ROWS[block])


METADATA, ATTRIBUTES, ADMINISTRATION, DETOURS = map(_names, range(1, 5))
"""Calls that change mode, owner or times of a file; its extended attributes; the system itself;
and those that lead around file rules, limits or the filter."""


def numbers(machine: str) -> dict[str, int]:
    """The numbers of all calls above that ``machine`` (of :data:`ARCHITECTURES`) has."""
    column = 1 + list(ARCHITECTURES).index(machine)
    rows = (row.split() for block in _ROWS for row in block)
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
