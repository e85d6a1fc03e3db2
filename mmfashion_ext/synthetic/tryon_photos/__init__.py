# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on pairs from free photographs: people with labels, and flat garments.

A flat garment (CC0 photographs) is registered to the garment that a person of
CCP wears, by a mesh without folds. One such mesh gives two kinds of pairs:

- *composite*: (photograph, flat garment) -> the photograph in that garment;
- *inverse*: (the person in another garment, the worn garment laid flat by the
  inverse of the mesh) -> the photograph itself, real pixels.

Both have the dense true flow at every visible pixel. A cache holds the meshes
(a few kB a pair); images are rendered when they are needed, deterministic by
seed. Nothing here needs PyTorch.

Frames, all in px, x first, 0 is the centre of the first pixel:

- *photo*: the photograph, scaled to ``PHOTO_WIDTH`` px of width for geometry;
- *flat*: 192 x 256 (w, h), the garment upright, its mirror axis in the middle;
- *crop*: what a try-on network sees of the photo, (h, w) as asked for.

Images are (h, w, 3) BGR uint8, masks (h, w) bool.
"""

PHOTO_WIDTH = 320
#: (w, h) of the flat frame, px.
FLAT_SIZE = (192, 256)


class RejectedError(ValueError):
    """A garment, a person or a pair of them is not usable; says why."""
