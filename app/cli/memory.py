"""Peak memory of a process and all below it, from /proc. Pages shared between processes count once for each."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


class Peak:
    """The highest sum of resident memory seen by `sample`, in bytes; 0 where there is no /proc."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bytes = 0

    def sample(self) -> int:
        self.bytes = max(self.bytes, sum(_resident(pid) for pid in family(self.pid)))
        return self.bytes


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        children.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
    pids = [pid]
    for parent in pids:
        pids += children.get(parent, [])
    return pids


def _parent(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError, ValueError):
        return -1


def _resident(pid: int) -> int:
    try:
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def in_words(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size else "unknown here"
