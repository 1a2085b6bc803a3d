#!/usr/bin/env python3
"""Recomputes vectors.json from the specification in README.md, without any of the project's code.

BLAKE3 is written out here from its specification (section 2 of the paper), small and slow,
because Python's standard library has none.
"""
import base64, json, pathlib, struct, sys

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, DERIVE_CONTEXT, DERIVE_MATERIAL = 1, 2, 4, 8, 32, 64
CONTEXT = b"packs 2026-11 store-layout v1 directory"
MASK = 0xFFFFFFFF


def rotate(word, count):
    return (word >> count | word << (32 - count)) & MASK


def mix(v, a, b, c, d, x, y):
    v[a] = (v[a] + v[b] + x) & MASK
    v[d] = rotate(v[d] ^ v[a], 16)
    v[c] = (v[c] + v[d]) & MASK
    v[b] = rotate(v[b] ^ v[c], 12)
    v[a] = (v[a] + v[b] + y) & MASK
    v[d] = rotate(v[d] ^ v[a], 8)
    v[c] = (v[c] + v[d]) & MASK
    v[b] = rotate(v[b] ^ v[c], 7)


def compress(chaining, block, counter, flags):
    """Compresses one block of at most 64 bytes to the next chaining value of eight words."""
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, len(block), flags]
    for _ in range(7):
        for a, b, c, d, i in ((0, 4, 8, 12, 0), (1, 5, 9, 13, 2), (2, 6, 10, 14, 4), (3, 7, 11, 15, 6),
                              (0, 5, 10, 15, 8), (1, 6, 11, 12, 10), (2, 7, 8, 13, 12), (3, 4, 9, 14, 14)):
            mix(v, a, b, c, d, words[i], words[i + 1])
        words = [words[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def chunk(key, data, counter, flags):
    """Gives the arguments of a chunk's last compression, so that the root can set its flag."""
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    chaining = key
    for number, block in enumerate(blocks[:-1]):
        chaining = compress(chaining, block, counter, flags | (CHUNK_START if number == 0 else 0))
    return chaining, blocks[-1], counter, flags | CHUNK_END | (CHUNK_START if len(blocks) == 1 else 0)


def node(key, data, counter, flags):
    """Gives the last compression of a subtree: its left side is the largest power of two of chunks."""
    if len(data) <= 1024:
        return chunk(key, data, counter, flags)
    left = 1 << ((len(data) - 1) // 1024).bit_length() - 1
    sides = (node(key, data[:left * 1024], counter, flags), node(key, data[left * 1024:], counter + left, flags))
    return key, b"".join(struct.pack("<8I", *compress(*side)) for side in sides), 0, flags | PARENT


def blake3(data, key=IV, flags=0):
    chaining, block, counter, last = node(key, data, 0, flags)
    return struct.pack("<8I", *compress(chaining, block, counter, last | ROOT))


def derive(context, data):
    return blake3(data, struct.unpack("<8I", blake3(context, IV, DERIVE_CONTEXT)), DERIVE_MATERIAL)


def repeated(content):
    text, star, count = content.rpartition("*")
    return (text * int(count) if star and count.isdigit() else content).encode()


def directory(entries):
    """Computes the digest of a directory from its entries: path below it, kind, content."""
    names = {}
    for path, kind, content in entries:
        name, slash, rest = path.partition("/")
        if slash:
            names.setdefault(name, ("d", []))[1].append((rest, kind, content))
        elif kind == "directory":
            names.setdefault(name, ("d", []))
        elif kind == "symlink":
            names[name] = ("l", content.encode())
        else:
            names[name] = ("x" if kind == "executable" else "f", blake3(repeated(content)))
    text = b""
    for name, (kind, payload) in sorted((name.encode(), node) for name, node in names.items()):
        payload = directory(payload) if kind == "d" else payload
        text += kind.encode() + struct.pack("<I", len(name)) + name + struct.pack("<I", len(payload)) + payload
    return derive(CONTEXT, text)


def main():
    document = json.loads(pathlib.Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))
    bad = 0
    for vector in document["vectors"]:
        digest = directory([(e["path"], e["kind"], e["content"]) for e in vector["entries"]])
        tree = base64.b32encode(digest).decode().lower().rstrip("=")
        if tree != vector["tree"]:
            bad += 1
            print(f"{vector['name']}: expected {vector['tree']}, computed {tree}")
    print(f"{len(document['vectors'])} vectors, {bad} bad")
    sys.exit(bad > 0)


main()
