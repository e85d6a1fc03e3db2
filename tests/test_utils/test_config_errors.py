# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""What a config makes MMEngine's builder raise is one line for the user."""

import pytest
from mmengine.registry import Registry

from mmfashion_ext.errors import UserError
from mmfashion_ext.utils.config_errors import arguments, config_errors

NETS = Registry('net', scope='test')


class Base:
    def __init__(self, depth, frozen_stages=-1):
        self.depth = depth


@NETS.register_module()
class Net(Base):
    def __init__(self, style='pytorch', **kwargs):
        super().__init__(**kwargs)


@NETS.register_module()
class Outer:
    def __init__(self, net):
        self.net = NETS.build(net)


@NETS.register_module()
class Broken:
    def __init__(self):
        Base(dept=3)


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (
            dict(type='Net', dept=18),
            r"c\.py: Net has no argument 'dept'\. Did you mean depth\? It "
            'has depth, frozen_stages, style',
        ),
        (
            dict(type='Outer', net=dict(type='Net', depth=1, zzz=2)),
            r"Net has no argument 'zzz'\. It has depth",
        ),
        (dict(type='Net'), "Net lacks 'depth'; add it to the config"),
        (
            dict(type='net', depth=1),
            r"no net is called 'net'\. Did you mean Net",
        ),
    ],
)
def test_one_line_names_the_nearest_key(cfg, message):
    with (
        pytest.raises(UserError, match=message) as caught,
        config_errors('c.py'),
    ):
        NETS.build(cfg)
    assert '\n' not in str(caught.value)


def test_errors_of_the_code_stay_what_they_are():
    """A wrong call inside a class is a mistake of its author."""
    with pytest.raises(TypeError, match='dept'), config_errors():
        NETS.build(dict(type='Broken'))
    with pytest.raises(KeyError), config_errors():
        {}['x']
    with pytest.raises(TypeError), config_errors():
        len(3)


def test_arguments_end_where_no_keywords_get_through():
    assert arguments(Net) == {'style', 'depth', 'frozen_stages'}
    assert arguments(Base) == {'depth', 'frozen_stages'}
    assert arguments(lambda x, *, y: 0) == {'x', 'y'}
