# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Tools for configs, datasets and logs: each with the system it is hard for.

print_config, vis_scheduler, get_flops, analyze_logs and browse_dataset.
"""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmfashion_ext.synthetic import generate_video_reid

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    'match_rcnn': 'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160',
    'landmark': 'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96',
    'scan': 'scan_r10-small_1xb32-12e_synthetic-64x32',
    'tryon': 'pf-afn_e2e-small_1xb4-8e_synthetic-128x96',
}


class TestPrintConfig:
    TOOL = 'tools/misc/print_config.py'

    def test_a_setting_and_the_whole_file(self, run_tool, tmp_path):
        options = ('--cfg-options', 'train_cfg.max_epochs=3')
        done = run_tool(
            self.TOOL, SMALL['scan'], '--key', 'train_cfg', *options
        )
        printed = {}
        exec(done.stdout, printed)
        assert printed['train_cfg']['max_epochs'] == 3
        out = tmp_path / 'new' / 'whole.py'
        run_tool(self.TOOL, SMALL['scan'], '--out', out, *options)
        cfg = Config.fromfile(out)
        assert '_base_' not in out.read_text()
        assert cfg.train_cfg.max_epochs == 3
        assert cfg.model.type == 'mmfashion_ext.SCANRecognizer'

    def test_a_wrong_key_names_those_there_are(self, run_tool):
        done = run_tool(
            self.TOOL, SMALL['scan'], '--key', 'train_cfg.epochs', status=2
        )
        (line,) = done.stderr.splitlines()
        assert line.startswith('error: --key train_cfg.epochs: the config has')
        assert 'max_epochs' in line


class TestVisScheduler:
    TOOL = 'tools/analysis/vis_scheduler.py'

    def test_warm_up_then_steps(self, run_tool, tmp_path):
        """A warm-up by steps and milestones by epochs, of mmpose's configs."""
        done = run_tool(
            *(self.TOOL, 'td-hm_res50_8xb64-210e_deepfashion2-256x192'),
            *('--epoch-length', 10, '--out', tmp_path / 'a' / 'x.png'),
        )
        # 500 steps from a thousandth; divided by 10 at epochs 170 and 200
        assert '5e-07 at first, 0.0005 at most, 5e-06 at last' in done.stdout
        assert '2,100 steps' in done.stdout
        assert cv2.imread(str(tmp_path / 'a' / 'x.png')) is not None

    def test_two_optimizers(self, run_python, tmp_path):
        """In a process of its own: it fills MMEngine's registries itself."""
        done = run_python(
            *(self.TOOL, SMALL['scan'], '--epoch-length', 2),
            *('--out', tmp_path / 'x.png'),
        )
        lines = done.stdout.splitlines()
        assert [line.split(':')[0] for line in lines[:2]] == [
            'cnn',
            'attention',
        ]
        assert 'lr 0.03 at first' in lines[0]
        assert done.stderr == ''

    def test_a_training_by_steps(self, run_tool, tmp_path):
        done = run_tool(
            *(self.TOOL, 'match-rcnn', '--out', tmp_path / 'x.png'),
            *('--cfg-options', 'train_cfg.max_iters=300'),
        )
        assert '300 steps' in done.stdout


def test_flops_of_modules_are_those_of_the_model(run_tool):
    """SCAN calls its matcher's layers from a method, not by forward."""
    sys.path.insert(0, str(ROOT / 'tools' / 'analysis'))
    tool = runpy.run_path(str(ROOT / 'tools' / 'analysis' / 'get_flops.py'))
    sys.path.pop(0)
    rows, text = tool['count'](SMALL['scan'], 2)
    assert text.startswith('two tracklets')
    parameters, work = rows.pop('')
    top = {name: row for name, row in rows.items() if '.' not in name}
    assert {'frame_cnn', 'matcher'} <= {*top}
    assert sum(row[0] for row in top.values()) == parameters
    found = sum(row[1] for row in top.values())
    assert 0.95 * work < found <= work
    assert rows['frame_cnn'][1] > rows['matcher'][1] > 0


class TestAnalyzeLogs:
    TOOL = 'tools/analysis/analyze_logs.py'

    @pytest.fixture
    def work_dir(self, tmp_path):
        """A training with two logs; the second one is newer."""
        for name, scale in (('20260101_000000', 9), ('20260102_000000', 1)):
            log = tmp_path / name / 'vis_data' / 'scalars.json'
            log.parent.mkdir(parents=True)
            lines = [
                {'loss': scale / step, 'time': 0.5, 'iter': step, 'step': step}
                for step in (1, 2, 4)
            ]
            lines.append({'bbox/AP': 0.25, 'step': 4})
            log.write_text('\n'.join(map(json.dumps, lines)) + '\n')
        return tmp_path

    def test_table_and_curves(self, work_dir, run_tool):
        out = work_dir / 'new' / 'curves.png'
        done = run_tool(self.TOOL, work_dir, '--out', out)
        rows = {
            line.split()[1]: line.split()
            for line in done.stdout.splitlines()
            if line.startswith('│')
        }
        assert rows['loss'][3::2][:4] == ['3', '1', '0.25', '0.25']
        assert rows['bbox/AP'][-3:-1] == ['0.25', '(4)']
        assert '0.5 s a step on average' in done.stdout
        assert cv2.imread(str(out)).mean() > 100

    def test_what_is_not_there(self, work_dir, tmp_path, run_tool):
        done = run_tool(self.TOOL, work_dir, '--keys', 'los', status=2)
        (line,) = done.stderr.splitlines()
        assert line.startswith('error: --keys los: the log has no such field')
        assert line.endswith('loss, time, bbox/AP. Did you mean loss?')
        empty = tmp_path / 'empty'
        empty.mkdir()
        done = run_tool(self.TOOL, empty, status=2)
        assert 'expected a scalars.json' in done.stderr


class TestBrowseDataset:
    TOOL = 'tools/analysis/browse_dataset.py'

    def browse(self, run_tool, tmp_path, system, options, num=1, *more):
        out = tmp_path / 'out'
        done = run_tool(
            *(self.TOOL, SMALL[system], '--num', num, '--out', out, *more),
            *('--cfg-options', *options),
        )
        assert f'wrote {num} images' in done.stdout
        return [cv2.imread(str(path)) for path in sorted(out.glob('*.jpg'))]

    def test_clothes(self, tiny_deepfashion2, run_tool, tmp_path):
        """The masks' colours are in the image, which has none of its own."""
        _, options = tiny_deepfashion2
        images = self.browse(run_tool, tmp_path, 'match_rcnn', options, 2)
        for image in images:
            assert image.shape[2] == 3
            assert np.ptp(image, axis=2).max() > 60

    def test_landmarks(self, tiny_deepfashion2, run_tool, tmp_path):
        folder, _ = tiny_deepfashion2
        (image,) = self.browse(
            *(run_tool, tmp_path, 'landmark'),
            [f'train_dataloader.dataset.data_root={folder}/'],
        )
        assert image.shape[:2] == (256, 192)
        red = (image[..., 2] > 180) & (image[..., :2].max(2) < 110)
        assert red.sum() > 20

    def test_clips(self, run_tool, tmp_path):
        """Frames above their flow."""
        data = tmp_path / 'data'
        generate_video_reid(
            data, num=4, size=64, frames=(6, 8), progress=False
        )
        converted = tmp_path / 'converted'
        run_tool(
            *('tools/dataset_converters/video_reid.py', 'ilids-vid'),
            *(data / 'raw', '--out', converted, '--flow', 'dis'),
        )
        (image,) = self.browse(
            *(run_tool, tmp_path, 'scan'),
            [f'train_dataloader.dataset.data_root={converted}/'],
        )
        assert image.shape[0] == 2 * 256
        assert image.shape[1] % 128 == 0

    def test_try_on(self, write_viton, run_tool, tmp_path):
        folder = write_viton('viton', size=(128, 96), num=2)
        (image,) = self.browse(
            *(run_tool, tmp_path, 'tryon'),
            [f'train_dataloader.dataset.data_root={folder}/'],
        )
        assert image.shape[0] == 256
        assert image.shape[1] >= 2 * 192

    def test_a_split_that_the_config_does_not_have(self, run_tool):
        done = run_tool(
            *(self.TOOL, SMALL['tryon'], '--split', 'val'),
            *('--cfg-options', 'val_dataloader=None'),
            status=2,
        )
        assert 'the config has no val_dataloader' in done.stderr
