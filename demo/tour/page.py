# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The demo's page: one HTML file, readable without scripts and on a phone."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from .steps import Step, duration

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881;
  --good: #1a7f37; --bad: #c2332d; --link: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --good: #5fce7c; --bad: #ff8a80; --link: #8ab4f8 } }
* { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; margin: 0 auto;
  max-width: 68rem; padding: 1rem 1.1rem 4rem }
h1 { font-size: 1.7rem; margin: .8rem 0 .3rem }
h2 { font-size: 1.35rem; margin: 3rem 0 .3rem; padding-top: 1.2rem;
  border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .2rem }
h3 small { font-weight: normal; opacity: .7 }
p { max-width: 46rem; margin: .5rem 0 }
a { color: var(--link) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
nav ul { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; padding: 0;
  list-style: none }
.figures { display: grid; gap: .8rem; margin: .8rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 10.5rem), 1fr)) }
@media (max-width: 30rem) { .figures { grid-template-columns: 1fr 1fr } }
figure { margin: 0 }
figure.wide { grid-column: 1 / -1; overflow-x: auto }
figure.wide img { width: auto; max-width: 100%; min-width: min(100%, 20rem) }
img { display: block; width: 100%; height: auto; border-radius: 6px;
  background: #fff }
figcaption { font-size: .86rem; padding: .25rem .1rem; opacity: .85;
  overflow-wrap: anywhere }
table { border-collapse: collapse; margin: .7rem 0 }
td, th { border-bottom: 1px solid var(--line); padding: .3rem 1.4rem .3rem 0;
  text-align: left; font-weight: normal; vertical-align: top }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
details { margin: .6rem 0; max-width: 100% }
dd { margin: 0 0 .8rem }
summary { cursor: pointer; width: fit-content }
pre { white-space: pre-wrap; overflow-wrap: anywhere;
  padding: .7rem .9rem; border-radius: 6px;
  background: var(--soft); border: 1px solid var(--line);
  font: .84rem/1.5 ui-monospace, monospace; margin: .4rem 0 }
.bad { color: var(--bad) } .good { color: var(--good) }
.bad pre { color: inherit }
"""


def write_page(
    title: str,
    lead: Sequence[str],
    intros: dict[str, str],
    steps: Sequence[Step],
    ending: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page.

    Args:
        title (str): Of the page.
        lead (Sequence[str]): Paragraphs of plain text at its top.
        intros (dict[str, str]): Title of a system -> what it does.
        steps (Sequence[Step]): All steps; those of a system in a row. Those
            with images come first on the page.
        ending (Sequence[tuple[str, str]]): What to do next, and its command.

    Returns:
        str: HTML without anything that is fetched from elsewhere.
    """
    parts = [f'<h1>{escape(title)}</h1>']
    parts += [f'<p>{escape(text)}</p>' for text in lead]
    parts.append(_summary(steps))
    links = ''.join(
        f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>'
        for name in dict.fromkeys(step.system for step in steps)
    )
    parts.append(f'<nav aria-label="Systems"><ul>{links}</ul></nav>')
    for system, group in groupby(steps, key=lambda step: step.system):
        shown = sorted(group, key=lambda step: not step.figures)
        body = ''.join(map(_step, shown))
        parts.append(
            f'<section aria-labelledby="{_anchor(system)}">'
            f'<h2 id="{_anchor(system)}">{escape(system)}</h2>'
            f'<p>{escape(intros.get(system, ""))}</p>{body}</section>'
        )
    if ending:
        rows = ''.join(
            f'<dt>{escape(what)}</dt><dd><pre><code>'
            f'{escape(command)}</code></pre></dd>'
            for what, command in ending
        )
        parts.append(
            '<section aria-labelledby="next"><h2 id="next">Next</h2>'
            f'<dl>{rows}</dl></section>'
        )
    body = '\n'.join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, '
        'initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
        f'<body><main>\n{body}\n</main></body></html>\n'
    )


def _summary(steps: Sequence[Step]) -> str:
    """Say how many steps are done, and name those that are not."""
    done = sum(step.state == 'done' for step in steps)
    took = duration(sum(step.took for step in steps))
    bad = [step for step in steps if step.state in ('failed', 'left out')]
    if not bad:
        return (
            f'<p class="good"><strong>{done} of {len(steps)} steps done'
            f'</strong> in {took}.</p>'
        )
    rows = ''.join(
        f'<li><a href="#{_anchor(step.title)}">{escape(step.title)}</a>: '
        f'{step.state}</li>'
        for step in bad
    )
    return (
        f'<div class="bad" role="status"><p><strong>{done} of {len(steps)} '
        f'steps done</strong> in {took}. Not done:</p><ul>{rows}</ul></div>'
    )


def _step(step: Step) -> str:
    if not step.state:
        return ''
    time = f' <small>{duration(step.took)}</small>' if step.took else ''
    parts = [
        f'<h3 id="{_anchor(step.title)}">{escape(step.name.capitalize())}'
        f'{time}</h3>'
    ]
    if step.error:
        parts.append(
            f'<div class="bad"><p>{step.state.capitalize()}:</p>'
            f'<pre>{escape(step.error)}</pre></div>'
        )
    parts += [f'<p>{escape(text)}</p>' for text in step.text]
    if step.figures:
        figures = ''.join(
            f'<figure{" class=wide" if one.wide else ""}>'
            f'<a href="{escape(one.file)}"><img src="{escape(one.file)}" '
            f'alt="{escape(one.alt)}" loading="lazy"></a>'
            f'<figcaption>{escape(one.caption)}</figcaption></figure>'
            for one in step.figures
        )
        parts.append(f'<div class="figures">{figures}</div>')
    if step.numbers:
        rows = ''.join(
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td>'
            '</tr>'
            for name, value in step.numbers
        )
        parts.append(f'<table>{rows}</table>')
    if step.code:
        parts.append(_code(step.code))
    return ''.join(parts)


def _code(code: Sequence[tuple[str, str]]) -> str:
    """Show the commands; a config is folded, as it is long."""
    blocks = []
    for kind, text in code:
        block = f'<pre><code>{escape(text)}</code></pre>'
        if kind.startswith('config'):
            block = (
                f'<details><summary>{escape(kind)}</summary>{block}</details>'
            )
        blocks.append(block)
    return ''.join(blocks)


def _anchor(title: str) -> str:
    return ''.join(char if char.isalnum() else '-' for char in title.lower())
