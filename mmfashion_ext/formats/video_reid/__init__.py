# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Video re-identification: iLIDS-VID, PRID2011 and MARS in one layout."""
