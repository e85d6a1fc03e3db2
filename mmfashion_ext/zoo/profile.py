# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Profile of a model on this machine: parameters, multiply-adds, speed.

What is measured is one call of the system's inferencer on its example inputs
(:mod:`.example_inputs`), from images in memory to predictions: resizing, the
network, and what follows it.
"""

import os
import platform
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import hub
from ..hub import catalog
from .example_inputs import Example, example_inputs

_WARM_UP = 2  # calls
_LEAST = 3  # timed calls, whatever they take
_MOST = 50
#: Share of the cores that other programs may use while speed is measured.
_QUIET = 0.25


@dataclass(frozen=True)
class Profile:
    """Work and speed of a model.

    Attributes:
        parameters (int): Trainable or not.
        multiply_adds (int): Of one call of the inferencer, divided by its
            items; 1e9 of them are a GFLOP as OpenMMLab and papers count.
        per_second (float): Items a second, the median of the calls; 0 if
            speed was not measured.
        unit (str): What the items are, plural.
        conditions (dict[str, Any]): Where and how it was measured.
    """

    parameters: int
    multiply_adds: int
    per_second: float
    unit: str
    conditions: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return one line: speed and conditions."""
        conditions = ', '.join(f'{k} {v}' for k, v in self.conditions.items())
        return f'{self.per_second:.3g} {self.unit} a second ({conditions})'


def profile_model(
    name: str, device: str | None = None, *, seconds: float = 5.0
) -> Profile:
    """Measure a model with its published weights, or else random ones.

    Args:
        name (str): Name of a model, or path of a config file.
        device (str, optional): Defaults to None: CUDA where there is one.
        seconds (float): How long calls are timed, s; at least 3 calls. 0:
            speed is not measured. Defaults to 5.

    Returns:
        Profile: Of images (h, w, 3) as ``conditions['input']`` says.

    Raises:
        UserError: An unknown model, or one of a system without examples.
    """
    import torch

    if seconds:
        _warn_of_load()
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    system = system_of(name)
    with tempfile.TemporaryDirectory(prefix='profile_') as folder:
        example = example_inputs(system, Path(folder, 'data'))
        model, weights = build_for_profile(name, device)
        parameters = sum(value.numel() for value in model.parameters())
        infer = hub.build_inferencer(model, show_progress=False)
        work = _multiply_adds(infer, example)
        speed = _per_second(infer, example, seconds) if seconds else 0.0
    return Profile(
        parameters,
        work,
        speed,
        example.unit,
        _conditions(device, example.text, weights),
    )


def speed_entry(profile: Profile) -> dict[str, Any]:
    """Return the ``Inference Speed`` of a metafile.

    Args:
        profile (Profile): Of a model with its published weights.

    Returns:
        dict: ``Value`` (items a second), ``Unit``, ``Device``, ``Threads`` (of
        a CPU), ``Input`` such as an image of (w, h) px, ``Software``.
    """
    conditions = profile.conditions
    entry = {
        'Value': float(f'{profile.per_second:.3g}'),
        'Unit': f'{profile.unit} a second',
        'Device': conditions['device'],
        'Input': conditions['input'],
        'Software': f'PyTorch {conditions["PyTorch"]}',
    }
    if 'threads' in conditions:
        entry['Threads'] = conditions['threads']
    return entry


def system_of(name: str) -> str:
    """Return the system of a model: its folder of configs.

    Raises:
        UserError: There is no such model.
    """
    path = Path(catalog.config_path(name))
    configs = catalog.root() / 'configs'
    if path.is_relative_to(configs):
        return path.relative_to(configs).parts[0]
    module = hub.inferencer_class(name).__module__
    return module.split('.')[1]


def build_for_profile(name: str, device: str) -> tuple[Any, str]:
    """Return a model, and which weights it has."""
    try:
        published = hub.published_weights(name)
    except ValueError:
        return hub.get_model(name, device=device), 'random'
    return hub.get_model(name, published, device=device), 'published'


def _multiply_adds(infer: Any, example: Example) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        infer(*example.inputs)
    return counter.get_total_flops() // 2 // example.count


def _per_second(infer: Any, example: Example, seconds: float) -> float:
    """Time calls, of which each is complete when it returns."""
    times: list[float] = []
    for call in range(_WARM_UP + _MOST):
        start = time.perf_counter()
        infer(*example.inputs)  # results are on the CPU: nothing is pending
        if call >= _WARM_UP:
            times.append(time.perf_counter() - start)
        if sum(times) > seconds and len(times) >= _LEAST:
            break
    return example.count / statistics.median(times)


def _warn_of_load() -> None:
    """Say that other programs would make the speed look lower."""
    if not hasattr(os, 'getloadavg'):  # Windows
        return
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > _QUIET * cores:
        warnings.warn(
            f'other programs use this machine (load {load:.1f} on {cores} '
            'cores), so that models look slower than they are',
            stacklevel=3,
        )


def _conditions(device: str, text: str, weights: str) -> dict[str, Any]:
    import torch

    conditions: dict[str, Any] = {'device': _device_name(device)}
    if not device.startswith('cuda'):
        conditions['threads'] = torch.get_num_threads()
    conditions['input'] = text
    conditions['batch size'] = 1
    conditions['weights'] = weights
    conditions['PyTorch'] = torch.__version__
    return conditions


def _device_name(device: str) -> str:
    import torch

    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    try:
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                model = line.partition(':')[2].strip()
                break
    except OSError:  # not Linux
        pass
    return f'{model}, {os.cpu_count()} cores'
