# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""CC0 garments (clothing-dataset-small): photographs in folders by class."""
