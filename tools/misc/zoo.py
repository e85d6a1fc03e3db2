# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Train the published models again from nothing, by the committed recipes.

Makes the data, trains, writes the weights as files of the zoo and tests these
files; configs/*/zoo.yml has the commands. What has ended well is not repeated,
and a training goes on from its last epoch, so this can be stopped at any time
and run again. With --publish, weights and numbers replace those of the
repository.

Examples:
    python tools/misc/zoo.py --list
    python tools/misc/zoo.py NAME
    python tools/misc/zoo.py --publish
"""

import argparse
import sys
from pathlib import Path

from mmfashion_ext import hub
from mmfashion_ext.evaluation.metafile import read_metrics
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.zoo.recipes import (
    Step,
    checkpoint_of,
    describe_plan,
    fill_folders,
    plan,
    run_step,
    select_recipes,
)

MISC = Path(__file__).resolve().parent
PUBLISH = (sys.executable, str(MISC / 'publish_model.py'))
TEST = (sys.executable, str(MISC.parent / 'test.py'))


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('names', nargs='*', help='models (default: all)')
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/zoo'), metavar='DIR'
    )
    parser.add_argument(
        '--list', action='store_true', help='list the steps; run nothing'
    )
    parser.add_argument(
        '--publish',
        action='store_true',
        help='replace weights, numbers and model_zoo.md of the repository',
    )
    return parser.parse_args()


def main() -> None:
    """Run the recipes."""
    args = parse_args()
    work = args.work_dir.absolute()
    recipes = select_recipes(args.names)
    steps = {recipe['Name']: plan(recipe, work) for recipe in recipes}
    flat = [step for of_model in steps.values() for step in of_model]
    print(describe_plan(flat, work), flush=True)
    if args.list:
        return
    for number, step in enumerate(flat, 1):
        print(f'step {number} of {len(flat)}: {step.model}: {step.name}')
        sys.stdout.flush()
        if not run_step(step, work):
            print('  done before')
        if step is steps[step.model][-1]:
            (recipe,) = (r for r in recipes if r['Name'] == step.model)
            finish(recipe, work, publish=args.publish)
    if args.publish:
        command = (sys.executable, str(MISC / 'gen_model_zoo.py'))
        run_step(Step('model_zoo.md', 'write', command, 0), None)


def finish(recipe: dict, work: Path, *, publish: bool) -> None:
    """Write the weights as a file of the zoo, test it, compare numbers."""
    name, folder = recipe['Name'], work / 'weights'
    checkpoint = checkpoint_of(recipe, work)
    for old in folder.glob(f'{name}-????????.safetensors'):
        old.unlink()
    command = (*PUBLISH, str(checkpoint), name, '--zoo', str(folder))
    run_step(Step(name, 'write weights', command, 0), None)
    (file,) = folder.glob(f'{name}-????????.safetensors')
    for number, test in enumerate(recipe.get('Tests') or [{}]):
        out = work / name / f'metrics_{number}.json'
        options = [fill_folders(o, work) for o in test.get('Options') or ()]
        command = (*TEST, name, str(file), '--out', str(out))
        command += ('--work-dir', str(work / name / 'test'))
        command += ('--cfg-options', *options) if options else ()
        run_step(Step(name, 'test', command, 0), None)
        dataset = test.get('Dataset')
        compare(name, dataset, read_metrics(out))
        if publish:
            command = (*PUBLISH, str(checkpoint), name, '--zoo')
            command += ('--metrics', str(out), '--license', recipe['License'])
            command += ('--training-data', recipe['Training Data'])
            command += ('--dataset', dataset) if dataset else ()
            for alias in recipe.get('Aliases') or ():
                command += ('--alias', alias)
            run_step(Step(name, 'publish', command, 0), None)


def compare(name: str, dataset: str | None, metrics: dict) -> None:
    """Print the numbers of the metafile beside those of now."""
    from mmfashion_ext.evaluation.metafile import build_results

    (entry,) = (e for e in hub.metafile_entries() if e['Name'] == name)
    dataset = dataset or entry['Metadata']['Dataset']
    published = {
        (result['Task'], result['Dataset']): result['Metrics']
        for result in entry.get('Results') or ()
    }
    for result in build_results(metrics, dataset):
        before = published.get((result['Task'], dataset), {})
        for metric, value in result['Metrics'].items():
            known = before.get(metric)
            note = 'not published' if known is None else f'{known:.3f}'
            print(f'  {result["Task"]}, {metric}: {value:.3f} ({note})')


if __name__ == '__main__':
    run_tool(main)
