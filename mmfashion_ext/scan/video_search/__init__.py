# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""From raw video to a found person: detect, track, clean, index, search.

Symbols: a *tracklet* is one person in one video without a break; its frames
are numbered from 0 in the video; boxes are xyxy px of the video's frames.
"""
