# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.utils.drawn_names import DrawnNames

pytestmark = pytest.mark.fault(17)


class Images:
    """A dataset of paths, several garments in each."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def get_data_info(self, index):
        path, item = self.items[index]
        return {'img_path': path, 'id': item}


IMAGES = Images(
    ('a/1.jpg', 7), ('b/1.jpg', 8), ('a/1.jpg', 9), ('b/1.PNG', 1), ('A/2', 2)
)


def test_equal_base_names_are_numbered_in_the_datasets_order():
    """Also if another process draws the first ones."""
    names = DrawnNames(IMAGES)
    paths = ['b/1.PNG', 'A/2', 'b/1.jpg', 'a/1.jpg']
    assert [*map(names.stem, paths)] == ['1_3', '2', '1_2', '1']


def test_items_of_an_image_are_numbered():
    names = DrawnNames(IMAGES)
    assert names.item_stem('a/1.jpg', 9) == '1_1'
    assert names.item_stem('a/1.jpg', 7) == '1_0'
    assert names.item_stem('b/1.jpg', 8) == '1_2_0'


def test_images_that_the_dataset_does_not_name():
    names = DrawnNames([1, 2])
    assert names.stem('x/1.jpg') == '1'
    assert names.stem('y/1.jpg') == '1_2'
    assert names.item_stem('y/1.jpg', None) == '1_2_0'
