"""File systems of our own, to fill them up and to cut their power: a tmpfs, and ext4 on an image in memory.

Mounting needs root, and a kernel that has the file system; tests skip, with the reason, where it is impossible.
"""

import ctypes
import fcntl
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time

import pytest

MEMORY = "/dev/shm"
PAGE_BYTES = 4096


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def or_skip(*command):
    """For the first mount of a kind: what this machine does not allow is no failure."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    try:
        run(*command)
    except OSError as error:
        pytest.skip(f"this machine does not allow it: {error}")


class Mounted:
    """A mounted directory; unmounted, and gone, at the end of the `with`."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="kvstore-disk-", dir=MEMORY))
        self.path = self.home / "mount"
        self.path.mkdir()

    def __enter__(self):
        try:
            self.mount_first()
        except BaseException:
            shutil.rmtree(self.home)
            raise
        return self

    def __exit__(self, *_):
        self.unmount()
        shutil.rmtree(self.home)

    def unmount(self):
        for attempt in range(100):
            try:
                return run("umount", self.path)
            except OSError:
                # Whoever was killed on it may still be on the way out.
                if attempt == 99:
                    raise
                time.sleep(0.05)


class Tmpfs(Mounted):
    def __init__(self, mib):
        super().__init__()
        self.mib = mib

    def mount_first(self):
        or_skip("mount", "-t", "tmpfs", "-o", f"size={self.mib}m", "tmpfs", self.path)


class Ext4(Mounted):
    """ext4 on a loop device, whose image lies in memory."""

    GOING_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
    WITHOUT_FLUSHING_THE_JOURNAL = 2

    def __init__(self, mib):
        super().__init__()
        self.image = self.home / "image"
        with self.image.open("wb") as file:
            file.truncate(mib << 20)

    def mount_first(self):
        or_skip("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        or_skip("mount", "-o", "loop", self.image, self.path)

    def cut_power(self):
        """From here on nothing reaches the image: what was not yet there is lost."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, self.GOING_DOWN, struct.pack("I", self.WITHOUT_FLUSHING_THE_JOURNAL))
        finally:
            os.close(folder)

    def power_up(self):
        self.unmount()
        run("mount", "-o", "loop", self.image, self.path)


def write_some_pages(path, share, choice=random):
    """Has the kernel write each page of a file that it holds back with this probability, as it may do at any time."""
    libc = ctypes.CDLL(None, use_errno=True)
    wait_before_write_wait_after = 7
    file = os.open(path, os.O_RDWR)
    try:
        for offset in range(0, os.fstat(file).st_size, PAGE_BYTES):
            if choice.random() >= share:
                continue
            if libc.sync_file_range(file, ctypes.c_int64(offset), ctypes.c_int64(PAGE_BYTES),
                                    ctypes.c_uint(wait_before_write_wait_after)) != 0:
                raise OSError(ctypes.get_errno(), "sync_file_range")
    finally:
        os.close(file)
