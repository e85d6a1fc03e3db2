# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Run lengths (RLE) of masks as COCO writes them, without pycocotools.

The pixels of a mask (h, w) are read column by column; the lengths of the runs
of off and on pixels follow each other, the first is of off pixels and may be
0. As text, each number is written in groups of 5 bits, least first, with a bit
that more follow; from the fourth on, as the difference to the one before the
last.
"""

import numpy as np


def encode_mask(mask: np.ndarray) -> dict:
    """Encode a mask as COCO's compressed run lengths.

    Args:
        mask (np.ndarray): (h, w) bool.

    Returns:
        dict: ``size`` [h, w] in px and ``counts`` (str), which JSON holds and
        pycocotools reads.
    """
    pixels = mask.ravel(order='F')
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    bounds = np.r_[0, changes, len(pixels)]
    if pixels.size and pixels[0]:
        bounds = np.r_[0, bounds]
    return {'size': list(mask.shape), 'counts': encode_counts(np.diff(bounds))}


def encode_counts(counts: np.ndarray) -> str:
    """Encode run lengths as COCO's text.

    Args:
        counts (np.ndarray): (n,) integers, lengths of the runs in px.

    Returns:
        str: ASCII.
    """
    numbers = np.array(counts, np.int64)
    numbers[3:] -= np.asarray(counts, np.int64)[1:-2]
    codes = bytearray()
    for number in numbers.tolist():
        more = True
        while more:
            bits, number = number & 31, number >> 5
            # done when what is left is the sign of these bits
            more = number != (-1 if bits & 16 else 0)
            codes.append((bits | 32 if more else bits) + 48)
    return codes.decode()


def decode_mask(rle: dict) -> np.ndarray:
    """Decode a mask that :func:`encode_mask` made.

    Args:
        rle (dict): ``size`` [h, w] in px and ``counts`` (str or bytes).

    Returns:
        np.ndarray: (h, w) bool.
    """
    counts = decode_counts(rle['counts'])
    assert counts is not None, rle
    on = np.arange(len(counts)) % 2 == 1
    return on.repeat(counts).reshape(rle['size'], order='F')


def decode_counts(text: object) -> np.ndarray | None:
    """Decode COCO's compressed run lengths; None if they are not that.

    Args:
        text (object): What should be text or bytes of them.

    Returns:
        np.ndarray | None: (n,) int64, lengths of the runs in px.
    """
    if isinstance(text, str) and text.isascii():
        text = text.encode()
    if not isinstance(text, bytes):
        return None
    codes = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if not len(codes):
        return codes
    more = (codes & 32) > 0
    if codes.min() < 0 or codes.max() > 63 or more[-1]:
        return None
    last = np.flatnonzero(~more)
    first = np.r_[0, last[:-1] + 1]
    lengths = last - first + 1
    if lengths.max() > 7:  # more than 32 bits
        return None
    position = np.arange(len(codes)) - first.repeat(lengths)
    numbers = np.add.reduceat((codes & 31) << (5 * position), first)
    negative = (codes[last] & 16) > 0
    numbers -= np.where(negative, 1 << (5 * lengths), 0)
    numbers[1::2] = numbers[1::2].cumsum()
    numbers[2::2] = numbers[2::2].cumsum()
    return numbers
