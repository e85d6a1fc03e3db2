# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Progress bar of the command-line tools, on a terminal only."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Item = TypeVar('Item')


def show_progress(
    items: Iterable[Item],
    title: str,
    total: int,
    weight: Callable[[Item], int] = lambda item: 1,
) -> Iterator[Item]:
    """Pass items on, and show on stderr how much of them is done.

    Args:
        items (Iterable[Item]): What to pass on.
        title (str): Text beside the bar.
        total (int): Sum of the weights of all items.
        weight (callable): Weight of an item. Defaults to 1 for each.

    Yields:
        Item: The items, in order.
    """
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        for item in items:
            yield item
            bar.advance(task, weight(item))
