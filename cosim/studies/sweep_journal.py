"""A file that only grows: one record for every finished task, on the disk before it counts.

One file rather than one for each task: an append and a flush is all a task costs, thousands of
tasks leave one file, and reading them all is one pass. A record is a header (marker, lengths,
checksum of what follows, checksum of the header), the task's key and its content. What stands
behind the last whole record is a write that was cut short: it is dropped and its task done again.
"""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from cosim.errors import RunFolderError
from cosim.whole_files import sync_folder

MAGIC = b"cosim journal 1\n"
MARKER = 0xA7C3E91D
MARKER_BYTES = MARKER.to_bytes(4, "little")
HEADER = struct.Struct("<IIQI")  # marker, bytes of the key, bytes of the content, checksum of both
CHECKSUM = struct.Struct("<I")  # of the header
HEAD_BYTES = HEADER.size + CHECKSUM.size


class Journal:
    """An open journal. Records are found by their key."""

    def __init__(self, file: Path) -> None:
        """Open `file`, which is made if it is not there; drop a record that was cut short.

        Raises:
            RunFolderError: a record other than the last is damaged, or the file cannot be used.
        """
        self._file = file
        self._places: dict[str, tuple[int, int, int]] = {}  # offset and bytes of content, checksum
        try:
            is_new = not file.exists()
            self._stream: BinaryIO = file.open("r+b" if not is_new else "x+b", buffering=0)
        except OSError as error:
            raise RunFolderError(f"{file}: cannot be opened ({error.strerror})") from error
        try:
            self._end = self._scan()
            if self._end < self._size():
                self._stream.truncate(self._end)
                os.fsync(self._stream.fileno())
            if self._end == 0:
                self._write(MAGIC)
            if is_new:
                sync_folder(file.parent)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> "Journal":
        """Nothing is left to do."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._stream.close()

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all records, in the order they were written."""
        return tuple(self._places)

    def append(self, key: str, content: bytes) -> None:
        """Add a record; once this returns it survives whatever happens.

        Raises:
            RunFolderError: there is one of that key, or it cannot be written.
        """
        if key in self._places:
            raise RunFolderError(f"{self._file}: holds task {key!r} already")
        name = key.encode()
        checksum = zlib.crc32(content, zlib.crc32(name))
        header = HEADER.pack(MARKER, len(name), len(content), checksum)
        begin = self._end + HEAD_BYTES
        self._write(b"".join((header, CHECKSUM.pack(zlib.crc32(header)), name, content)))
        self._places[key] = (begin, len(name), len(content))

    def read(self, key: str) -> bytes:
        """Return the content of a record.

        Raises:
            RunFolderError: it is damaged.
        """
        begin, of_name, of_content = self._places[key]
        _, _, _, checksum = HEADER.unpack(self._at(begin - HEAD_BYTES, HEADER.size))
        body = self._at(begin, of_name + of_content)
        if zlib.crc32(body) != checksum:
            raise RunFolderError(self._damage(begin))
        return body[of_name:]

    def _write(self, content: bytes) -> None:
        try:
            self._stream.seek(self._end)
            left = memoryview(content)
            while left:
                left = left[self._stream.write(left) :]
            os.fsync(self._stream.fileno())
        except OSError as error:
            with suppress(OSError):  # else the next one to open it drops what came to the disk
                self._stream.truncate(self._end)
            raise RunFolderError(f"{self._file}: cannot be written ({error.strerror})") from error
        self._end += len(content)

    def _scan(self) -> int:
        """Find all records and return where the last whole one ends."""
        size = self._size()
        start = self._at(0, len(MAGIC))
        if start != MAGIC:
            if MAGIC.startswith(self._at(0, size).rstrip(b"\0")):
                return 0
            raise RunFolderError(f"{self._file}: is no journal of a study, or a damaged one")
        end = len(MAGIC)
        while end < size:
            after = self._record(end, size)
            if after is None:
                break
            end = after
        return end

    def _record(self, begin: int, size: int) -> int | None:
        """Note the record that begins there and return its end, None if it was cut short."""
        head = self._at(begin, HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return None
        marker, of_name, of_content, checksum = HEADER.unpack_from(head)
        (of_head,) = CHECKSUM.unpack_from(head, HEADER.size)
        if marker != MARKER or zlib.crc32(head[: HEADER.size]) != of_head:
            self._check_nothing_follows(begin, size)
            return None
        end = begin + HEAD_BYTES + int(of_name) + int(of_content)
        if end > size:
            return None
        body = self._at(begin + HEAD_BYTES, of_name + of_content)
        if zlib.crc32(body) != checksum:
            self._check_nothing_follows(begin, size)
            return None
        key = body[:of_name].decode()
        self._places[key] = (begin + HEAD_BYTES, of_name, of_content)
        return end

    def _check_nothing_follows(self, begin: int, size: int) -> None:
        """Return if what begins there can be a write cut short: no whole record comes after it.

        A machine that stops may leave gaps in the last record, for its parts reach the disk in any
        order; but a record is begun only once the one before it is whole.
        """
        rest = self._at(begin, size - begin)
        place = rest.find(MARKER_BYTES, 1)
        while place >= 0:
            if _is_whole(rest[place:]):
                raise RunFolderError(self._damage(begin))
            place = rest.find(MARKER_BYTES, place + 1)

    def _damage(self, place: int) -> str:
        return (
            f"{self._file}: is damaged at byte {place}, after {len(self._places)} whole tasks; "
            "put back a copy of it, or begin anew in another folder"
        )

    def _at(self, place: int, count: int) -> bytes:
        self._stream.seek(place)
        parts = []
        while count > 0 and (part := self._stream.read(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _size(self) -> int:
        return os.fstat(self._stream.fileno()).st_size


def _is_whole(content: bytes) -> bool:
    """Return whether content begins with a whole record."""
    if len(content) < HEAD_BYTES:
        return False
    _, of_name, of_content, checksum = HEADER.unpack_from(content)
    (of_head,) = CHECKSUM.unpack_from(content, HEADER.size)
    if zlib.crc32(content[: HEADER.size]) != of_head:
        return False
    length = int(of_name) + int(of_content)
    body = content[HEAD_BYTES : HEAD_BYTES + length]
    return len(body) == length and zlib.crc32(body) == int(checksum)
