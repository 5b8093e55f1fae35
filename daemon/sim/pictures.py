"""Small true files, drawn and not stored, and what a file's first bytes say of it: pictures, silk, video, PDF."""

import struct
import zlib
from collections.abc import Iterator

from attrs import frozen

BLOCK = 8  # pixels on a side of a JPEG block
SILK = b"\x02#!SILK_V3"
_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "video/mp4": "mp4",
    "audio/silk": "silk",
}


@frozen
class Seen:
    """A file as its bytes show it; no width where it is no picture."""

    type: str
    length: int
    width: int = 0
    height: int = 0

    @property
    def is_picture(self) -> bool:
        return self.type.startswith("image/")

    @property
    def suffix(self) -> str:
        return _SUFFIXES.get(self.type, "bin")


def seen(data: bytes) -> Seen:
    """What it is, by its bytes alone; `application/octet-stream` where they say nothing."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        return Seen("image/png", len(data), *struct.unpack(">II", data[16:24]))
    if data.startswith(b"\xff\xd8"):
        return Seen("image/jpeg", len(data), *_jpeg_size(data))
    if data[:4] == b"GIF8" and len(data) >= 10:
        return Seen("image/gif", len(data), *struct.unpack("<HH", data[6:10]))
    for type_, start, mark in (
        ("image/webp", 8, b"WEBP"),
        ("application/pdf", 0, b"%PDF"),
        ("video/mp4", 4, b"ftyp"),
        ("audio/silk", 0, SILK),
        ("audio/silk", 0, SILK[1:]),
    ):
        if data[start : start + len(mark)] == mark:
            return Seen(type_, len(data))
    return Seen("text/plain" if _is_text(data) else "application/octet-stream", len(data))


def _is_text(data: bytes) -> bool:
    try:
        return bool(data) and "\x00" not in data.decode()
    except UnicodeDecodeError:
        return False


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Of the frame header, which comes after segments of any number."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return 0, 0


def png(width: int, height: int, *, red: int = 200, green: int = 80, blue: int = 40) -> bytes:
    """A PNG of one colour."""
    rows = b"".join(b"\x00" + bytes((red, green, blue)) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(width: int, height: int, *, shade: int = 0) -> bytes:
    """A grey baseline JPEG, darker from block to block; `shade` makes another picture of it."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    dc_table = b"\x00" + bytes((0, 0, 0, 12)) + bytes(12) + bytes(range(12))  # twelve sizes, each a code of four bits
    ac_table = b"\x10" + bytes((1,)) + bytes(15) + b"\x00"  # "end of block" alone, as one bit
    parts = (
        (0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
        (0xDB, b"\x00" + bytes([8]) * 64),
        (0xC0, frame),
        (0xC4, dc_table),
        (0xC4, ac_table),
        (0xDA, b"\x01\x01\x00\x00\x3f\x00"),
    )
    head = b"".join(struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data for mark, data in parts)
    blocks = -(-width // BLOCK) * -(-height // BLOCK)
    bits = "".join(_block_bits(blocks, shade))
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    return b"\xff\xd8" + head + scan + b"\xff\xd9"


def _block_bits(blocks: int, shade: int) -> Iterator[str]:
    before = 0
    for number in range(blocks):
        value = 100 - (200 * number // max(1, blocks) + shade) % 200
        step, before = value - before, value
        size = abs(step).bit_length()
        yield f"{size:04b}"
        if size:
            yield f"{step if step > 0 else step + (1 << size) - 1:0{size}b}"
        yield "0"


def silk(seconds: float = 2.0) -> bytes:
    """The shape of a silk recording: its mark, and a packet for every 20 ms. There is no voice in it."""
    packets = max(1, int(seconds * 50))
    return SILK + b"".join(struct.pack("<H", 10) + bytes(((n * 37 + 11) % 251,)) * 10 for n in range(packets))


def mp4(seconds: int = 3) -> bytes:
    """A box that says it is an MP4, and a box of nothing, 1 kB a second."""
    kind = b"isom" + struct.pack(">I", 512) + b"isomiso2mp41"
    return _box(b"ftyp", kind) + _box(b"mdat", bytes(1024 * seconds))


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def pdf(words: str = "Hello") -> bytes:
    """A page with one line on it (ASCII)."""
    shown = words.encode("ascii", "replace").replace(b"(", b"[").replace(b")", b"]")
    stream = b"BT /F1 18 Tf 40 100 Td (" + shown + b") Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    out_table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return out + out_table + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
