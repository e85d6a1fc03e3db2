# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Looks of the pages, and names for screen readers."""

#: Style sheet beside that of Gradio.
CSS = """
.gradio-container {width: 100% !important; min-width: 0 !important;
  max-width: 1100px !important; margin: auto !important}
.gradio-container :is(.app, .contain, .tabs, .tabitem),
.contain > .column, .tabitem > .column {min-width: 0 !important}
.gradio-container .app {max-width: 100% !important}
.prose code {white-space: normal !important; overflow-wrap: anywhere}
.table-wrap {overflow-x: auto; max-width: 100%}
@media (max-width: 640px) {
  .gradio-container .app {padding: 1rem .75rem !important}
}
.rows {overflow-x: auto; max-height: 24rem}
.rows table {border-collapse: collapse; width: 100%}
.rows caption {text-align: left; font-weight: 600; padding: .25rem 0}
.rows :is(th, td) {text-align: left; font-weight: 400;
  padding: .25rem .75rem .25rem 0 !important;
  border-width: 0 0 1px !important; border-style: solid;
  border-color: var(--border-color-primary) !important}
.rows :is(table, tr) {border: 0 !important}
.rows thead th {font-weight: 600 !important}
.wrong {border-left: 4px solid #b91c1c; padding: .5rem .75rem}
.tabs button.selected {color: var(--primary-700); font-weight: 600}
.dark .tabs button.selected {color: var(--primary-300)}
button:focus-visible, input:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid #1d4ed8 !important; outline-offset: 2px}
"""


#: Names for screen readers that Gradio leaves out: of example images (their
#: files'), and of the buttons that open a file (the label beside them).
JS = """
() => {
  const name = () => {
    for (const image of document.querySelectorAll('.block img')) {
      const file = decodeURIComponent(image.src.split('/').pop());
      const text = file.replace(/\\.\\w+$/, '').replaceAll('_', ' ');
      if (!image.alt && image.src.includes('file=')) image.alt = text;
    }
    for (const input of document.querySelectorAll('input[type=file]')) {
      const label = input.closest('.block')?.querySelector('label');
      const button = input.closest('button');
      const text = label?.innerText.trim();
      if (!text) continue;
      if (input.ariaLabel !== text) input.ariaLabel = text;
      const said = text + ': choose files, or drop them here';
      if (button && button.ariaLabel !== said) button.ariaLabel = said;
    }
  };
  name();
  new MutationObserver(name).observe(
    document.body, {childList: true, subtree: true});
}
"""
