# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Steps of each system: generate data, predict, fine-tune, test."""

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from .finetuning import finetuning_config
from .models import Model, choose_model, published_numbers
from .showing import show_clothes, show_ranking, show_search, show_try_on
from .steps import Step, Workspace

#: Title of a system -> what it does, in the order of the page.
INTROS = {
    'Match R-CNN': 'Finds the clothes in an image: category, box, mask and '
    'the landmarks of the category, such as the ends of the sleeves.',
    'Landmarks': 'Finds the landmarks of a garment that has been found: a '
    'network of its own, more exact than the head of Match R-CNN.',
    'SCAN': 'Finds a person again: which of the videos of one camera shows '
    'the person of a video of another camera?',
    'Try-on': 'Puts a garment from a shop on the photograph of a person.',
}
DATA_SEED = '7'  # no published weights were trained on these images
_KEPT = 'They are those of an earlier run of this demo.'
_SHORT = 'The numbers say that fine-tuning and test work, not how good the '
_SHORT += 'model is: model_zoo.md has the measured ones.'


class Demo:
    """The steps of all systems.

    Args:
        work (Workspace): Where they write.
        image (Path, optional): An image of the user.
    """

    def __init__(self, work: Workspace, image: Path | None = None) -> None:
        self.work = work
        self.image = image
        self.clothes = work.path('data', 'deepfashion2')
        self.videos = work.path('data', 'ilids-vid')
        self.people = work.path('data', 'viton')

    def model(self, task: str) -> Model:
        """Return the model of a task; it is read when it is used."""
        return choose_model(task)

    def steps(self, systems: Collection[str] | None = None) -> list[Step]:
        """Return the steps, in their order.

        Args:
            systems (Collection[str], optional): Names of the systems that
                have steps. Defaults to None: all.
        """
        chosen = systems or ('match_rcnn', 'landmark', 'scan', 'tryon')
        steps: list[Step] = []
        clothes = Step('Match R-CNN', 'generate images', 3, self._clothes)
        if {'match_rcnn', 'landmark'} & {*chosen}:
            steps.append(clothes)
        if 'match_rcnn' in chosen:
            steps += match_rcnn(self, clothes)
        if 'landmark' in chosen:
            steps += landmark(self, clothes)
        if 'scan' in chosen:
            steps += scan(self)
        if 'tryon' in chosen:
            steps += tryon(self)
        return steps

    def _clothes(self, step: Step) -> None:
        """Generate clothes, and convert their annotations to COCO's."""
        data = self.clothes
        sizes = ('--num', '32', '--val', '24', '--size', '256')
        self.generate(step, 'deepfashion2', data, *sizes)
        for split in ('train', 'validation'):
            converter = self.work.tool('tools/dataset_converters')
            annotations = data / 'annotations' / f'{split}.json'
            self.once(
                step,
                annotations,
                *(converter / 'deepfashion2.py', data / split),
                *('--out', annotations),
            )
        step.text.append(
            'Drawn people and clothes, in the layout of DeepFashion2: 32 '
            'images to learn from and 24 to test with.'
        )

    def generate(
        self,
        step: Step,
        family: str,
        data: Path,
        *sizes: str,
        seed: str = DATA_SEED,
    ) -> None:
        """Generate a synthetic dataset, unless it is there."""
        self.once(
            step,
            data,
            *('-m', 'mmfashion_ext.synthetic', family, data, *sizes),
            *('--seed', seed),
        )

    def once(self, step: Step, result: Path, *words: str | Path) -> None:
        """Run a command whose result is not there; note it in any case."""
        if result.exists():
            step.note(*words)
            if _KEPT not in step.text:
                step.text.append(_KEPT)
        else:
            self.work.command(step, *words)

    def finetune(self, step: Step, task: str, data: Path) -> None:
        """Write a config and train with it, from the published weights."""
        model = self.model(task)
        if model.weights:
            weights = self.work.shown(Path(model.weights))
            model = replace(model, weights=str(weights))
        config = self.work.path('configs', f'{task}.py')
        text = finetuning_config(task, model, data)
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(text)
        step.code.append((f'config {config}', text))
        step.text.append(
            f'Starts from the published weights of {model.name}.'
            if model.weights
            else f'No weights are published for this system yet, so '
            f'{model.name} starts from random ones. A few seconds of training '
            'cannot make them useful; `make train-demo` trains for longer.'
        )
        self.work.command(
            step,
            *(self.work.tool('tools/train.py'), config),
            *('--work-dir', self.work.path('runs', task)),
        )

    def test(self, step: Step, task: str, shown: dict[str, str]) -> None:
        """Test what was fine-tuned.

        Args:
            step (Step): The step.
            task (str): Name of the system.
            shown (dict[str, str]): Metric -> what it is, for a reader.
        """
        run = self.work.path('runs', task)
        metrics = self.work.path('runs', task, 'metrics.json')
        checkpoint = Path((run / 'last_checkpoint').read_text().strip())
        self.work.command(
            step,
            *(self.work.tool('tools/test.py'),),
            *(self.work.path('configs', f'{task}.py'),),
            *(self.work.shown(checkpoint), '--work-dir', run),
            *('--out', metrics),
        )
        values = json.loads(metrics.read_text())
        step.numbers += [
            (what, f'{values[name]:.3f}') for name, what in shown.items()
        ]
        step.text.append(_SHORT)

    def images_of_clothes(self) -> dict[str, Path]:
        """Return what clothes are found in: the user's image first."""
        yours = {'yours': self.image} if self.image else {}
        return {
            **yours,
            'garments': self.work.tool('demo/images'),
            'generated': self.clothes / 'validation' / 'image',
        }

    def no_weights(self, step: Step, task: str) -> bool:
        """Whether a system has no published weights; the page says so.

        Of those that there are the page gives the measured numbers.
        """
        model = self.model(task)
        if model.weights:
            step.numbers += published_numbers(model.name)
            return False
        step.text.append(
            'No weights are published for this yet, so there is '
            'nothing to show here before it has been trained.'
        )
        return True


def match_rcnn(demo: Demo, data: Step) -> list[Step]:
    """Return the steps of Match R-CNN."""

    def predict(step: Step) -> None:
        if demo.no_weights(step, 'match_rcnn'):
            return
        show_clothes(
            *(demo.work, step, demo.model('match_rcnn')),
            demo.images_of_clothes(),
            call=', score_thr=0.5, draw_score_thr=0.5, duplicate_iou=0.7',
        )

    def search(step: Step) -> None:
        if not demo.no_weights(step, 'retrieval'):
            show_search(
                *(demo.work, step, demo.model('retrieval')),
                demo.clothes / 'validation',
                demo.work.tool('demo/images'),
            )

    name = 'find the same garment in a shop'
    predicting, *others = three_steps(
        demo,
        *('Match R-CNN', 'match_rcnn', demo.clothes),
        data=data,
        predict=(predict, 14),
        seconds=(24, 16),
        shown={
            'bbox/AP50': 'boxes, AP50',
            'segm/AP50': 'masks, AP50',
            'keypoints/AP50': 'landmarks, AP50',
        },
    )
    searching = Step('Match R-CNN', name, 12, search, (data,))
    return [predicting, searching, *others]


def landmark(demo: Demo, data: Step) -> list[Step]:
    """Return the steps of the landmark models."""

    def predict(step: Step) -> None:
        if demo.no_weights(step, 'landmark'):
            return
        detector, options = demo.model('match_rcnn'), ''
        if detector.weights:
            options = f', det_model={detector.name!r}'
            step.text.append('In the boxes that Match R-CNN finds.')
        show_clothes(
            *(demo.work, step, demo.model('landmark')),
            demo.images_of_clothes(),
            options,
            call=', bbox_thr=0.5',
        )

    return three_steps(
        demo,
        *('Landmarks', 'landmark', demo.clothes),
        data=data,
        predict=(predict, 4),
        seconds=(15, 13),
        shown={
            'PCK@0.1': 'landmarks that are off by less than a tenth of the '
            "box's longer side",
            'keypoints/AP': 'AP',
        },
    )


def scan(demo: Demo) -> list[Step]:
    """Return the steps of person re-identification."""

    def generate(step: Step) -> None:
        videos = demo.videos
        sizes = ('--num', '20', '--size', '64', '--frames', '16', '24')
        demo.generate(step, 'video-reid', videos, *sizes)
        converter = demo.work.tool('tools/dataset_converters/video_reid.py')
        demo.once(
            step,
            videos / 'meta.json',
            *(converter, 'ilids-vid', videos / 'raw', '--out', videos),
            *('--flow', 'dis'),
        )
        step.text.append(
            'Drawn people who walk past two cameras: 20, half of them never '
            'trained on.'
        )

    def predict(step: Step) -> None:
        if demo.no_weights(step, 'scan'):
            return
        show_ranking(demo.work, step, demo.model('scan'), demo.videos)

    data = Step('SCAN', 'generate videos', 4, generate)
    return [
        data,
        *three_steps(
            demo,
            *('SCAN', 'scan', demo.videos),
            data=data,
            predict=(predict, 4),
            seconds=(12, 11),
            shown={
                'allshots/CMC-1': 'the right one of 10 persons is first',
                'allshots/CMC-5': 'it is among the first five',
                'mAP': 'mAP',
            },
        ),
    ]


def tryon(demo: Demo) -> list[Step]:
    """Return the steps of virtual try-on."""

    def generate(step: Step) -> None:
        for split, number, seed in (('train', 24, '8'), ('test', 12, '7')):
            demo.generate(
                *(step, 'viton', demo.people / split, '--num', '1'),
                *('--test', str(number)),
                seed=seed,
            )
        step.text.append(
            'Drawn people and their garments, in the layout of VITON, with '
            'the image of each person in a garment of another: 24 to learn '
            'from and 12 to test with.'
        )

    def predict(step: Step) -> None:
        if demo.no_weights(step, 'tryon'):
            return
        show_try_on(
            *(demo.work, step, demo.model('tryon'), demo.people / 'test'),
            demo.work.tool('demo/images'),
        )

    data = Step('Try-on', 'generate people', 6, generate)
    return [
        data,
        *three_steps(
            demo,
            *('Try-on', 'tryon', demo.people),
            data=data,
            predict=(predict, 8),
            seconds=(18, 14),
            shown={
                'warp/IoU': 'overlap (IoU) of the warped garment and the '
                'worn one',
                'unwarped/IoU': 'the same if it is not warped',
                'SSIM': 'similarity (SSIM) of the try-on and the true image',
            },
        ),
    ]


def three_steps(
    demo: Demo,
    system: str,
    task: str,
    root: Path,
    *,
    data: Step,
    predict: tuple[Callable[[Step], None], float],
    seconds: tuple[float, float],
    shown: dict[str, str],
) -> list[Step]:
    """Return the steps that a system has with its data."""
    predicting = Step(system, 'predict', predict[1], predict[0], (data,))
    training = Step(
        *(system, 'fine-tune', seconds[0]),
        lambda step: demo.finetune(step, task, root),
        (data,),
    )
    testing = Step(
        *(system, 'test', seconds[1]),
        lambda step: demo.test(step, task, shown),
        (training,),
    )
    return [predicting, training, testing]
