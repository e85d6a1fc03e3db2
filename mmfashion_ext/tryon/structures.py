# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data sample of virtual try-on."""

from mmengine.structures import BaseDataElement


class TryOnDataSample(BaseDataElement):
    """Data sample of one pair of person and cloth, with its predictions.

    Meta information: ``person_name``, ``cloth_name`` (file names) and
    ``ori_shape`` (h, w) in px, before padding; of datasets also
    ``cloth_class`` (``'upper_body'``, ``'lower_body'`` or ``'dresses'``); of
    pairs made of photographs ``pair_kind`` (``'inverse'`` or
    ``'composite'``).

    Fields after :meth:`ParserFreeTryOn.predict`, all of ``ori_shape``:

    - ``try_on`` (3, h, w), ``warped_cloth`` (3, h, w): RGB in [-1, 1];
    - ``warped_mask`` (1, h, w): 0-1;
    - ``flow`` (2, h, w): sampling grid, x first, -1 to 1;
    - ``person``, ``cloth`` (3, h, w), ``cloth_mask`` (1, h, w): what the model
      was given, RGB in [-1, 1] and 0-1, the cloth masked;
    - if the dataset has them, ``person_cloth_mask`` (1, h, w), 0 or 1, the
      region of the cloth on the person; ``gt_flow`` (2, h, w), the true
      sampling position in px, NaN where the cloth is not visible; and in
      unpaired synthetic tests ``gt_try_on`` (3, h, w), RGB in [-1, 1], the
      person in that cloth.
    """
