# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Decisions and messages of ``tools/install.py`` and ``tools/doctor.py``.

Everything slow is faked; the real set-up has installed what runs these tests.
"""

import json
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

install = import_module('install')
cuda, environment, lock, process, wheels = (
    import_module(f'setup_env.{name}')
    for name in ('cuda', 'environment', 'lock', 'process', 'wheels')
)
Facts = environment.Facts

FACTS = Facts(
    tag='cp311',
    platform='linux_x86_64',
    versions={'numpy': '2.2.6', 'torch': '2.14.1', 'torchvision': '0.29.1'},
    torch='2.14.1+cu130',
    cuda='13.0',
)


def facts(**changes):
    return Facts(**{**vars(FACTS), **changes})


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'mmfashion_ext'


class TestLock:
    sections = lock.read_lock(install.LOCK)
    lines = [line for part in sections.values() for line in part]

    def test_every_line_is_an_exact_pin(self):
        for line in self.lines:
            assert re.fullmatch(r'[a-z0-9-]+==[\w.]+( ; [^;]+)?', line), line

    def test_names_are_unique_per_python(self):
        """A name may stand twice only with opposite Python markers."""
        seen = {}
        for line in self.lines:
            seen.setdefault(lock.name_of(line), []).append(line)
        for found in seen.values():
            assert len(found) in (1, 2)
            if len(found) == 2:
                assert 'python_version >= "3.11"' in found[0]
                assert 'python_version < "3.11"' in found[1]

    def test_one_opencv_and_no_chumpy(self):
        names = {lock.name_of(x) for x in self.lines}
        assert [n for n in names if 'opencv' in n] == ['opencv-python']
        assert not names & {'chumpy', 'numba'}

    def test_sections_hold_what_they_say(self):
        assert set(self.sections) == {
            'build',
            'torch',
            'runtime',
            'hosts',
            'compiled',
            'cuda',
            'dev',
        }
        named = set(lock.PROVIDES.values())
        hosts = self.sections['hosts'] + self.sections['compiled']
        assert {lock.name_of(line) for line in hosts} == named

    def test_loose_list_is_covered_by_the_lock(self):
        pinned = {lock.name_of(x) for x in self.lines}
        loose = {lock.name_of(x) for x in lock.read_names(install.RUNTIME)}
        assert loose <= pinned

    def test_what_a_system_does_without_is_pinned(self):
        pinned = {lock.name_of(x) for x in self.lines}
        assert set().union(*lock.UNUSED.values()) <= pinned

    def test_one_system_leaves_out_the_other_hosts(self):
        hosts = self.sections['hosts']
        left = lock.without(hosts, lock.UNUSED['match-rcnn'])
        names = [lock.name_of(line) for line in left]
        assert 'mmpose' not in names
        assert 'onedl-mmdetection' in names
        # mmpose imports mmdet
        names = lock.without(hosts, lock.UNUSED['landmark'])
        assert {'mmpose', 'onedl-mmdetection'} <= set(map(lock.name_of, names))


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('2.14.1+cu130', (2, 14, 1)),
        ('2.4.0a0+gitabc', (2, 4, 0)),
        ('13.0', (13, 0)),
        ('unknown', ()),
    ],
)
def test_version(text, expected):
    assert lock.version(text) == expected


class TestKeys:
    def test_mmcv_cpu(self):
        assert wheels.mmcv_key('2.3.6', FACTS, '') == (
            'mmcv-2.3.6_torch-2.14.1+cu130_cp311_linux_x86_64_cpu'
        )

    def test_mmcv_cuda(self):
        assert wheels.mmcv_key('2.3.6', FACTS, '8.0;9.0') == (
            'mmcv-2.3.6_torch-2.14.1+cu130_cp311_linux_x86_64_cu130-sm8.0-9.0'
        )

    @pytest.mark.parametrize(
        'change',
        [
            {'torch': '2.14.1+cpu'},
            {'tag': 'cp312'},
            {'platform': 'linux_aarch64'},
        ],
    )
    def test_mmcv_key_tells_environments_apart(self, change):
        other = facts(**change)
        assert wheels.mmcv_key('2.3.6', other, '') != wheels.mmcv_key(
            '2.3.6', FACTS, ''
        )

    def test_xtcocotools(self):
        assert wheels.xtcocotools_key('1.14.3', '2.2.6', FACTS) == (
            'xtcocotools-1.14.3_numpy-2.2.6_cp311_linux_x86_64'
        )


def toolkit(folder, release='13.0', archs=(75, 90, 121), top=None):
    """An nvcc that says its release, its architectures and its folder."""
    nvcc = folder / 'bin' / 'nvcc'
    nvcc.parent.mkdir(parents=True)
    listed = ' '.join(f'compute_{arch}' for arch in archs)
    nvcc.write_text(
        '#!/bin/sh\n'
        'case "$1" in\n'
        f'--list-gpu-arch) echo {listed};;\n'
        f'--dryrun) echo "#$ TOP={top or folder}/bin/.." >&2;;\n'
        f'*) echo "Cuda tools, release {release}, V{release}.1";;\n'
        'esac\n'
    )
    nvcc.chmod(0o755)
    return nvcc


@pytest.fixture
def no_toolkit(tmp_path, monkeypatch):
    """Neither CUDA_HOME nor an nvcc on the PATH or of the system."""
    monkeypatch.setattr(cuda, 'SYSTEM', tmp_path / 'usr' / 'local' / 'cuda')
    for name in ('CUDA_HOME', 'CUDA_PATH'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cuda.shutil, 'which', lambda name: None)


@pytest.fixture
def nvcc(tmp_path):
    return toolkit(tmp_path / 'toolkit')


class TestNvcc:
    def test_of_the_environments_own_wheels(self, tmp_path, no_toolkit):
        """PyPI's wheels of CUDA 13 fill site-packages/nvidia/cu13."""
        here = facts(nvidia=[str(tmp_path / n) for n in ('cu13', 'nccl')])
        found = toolkit(tmp_path / 'cu13')
        assert cuda.find_nvcc(here) == found
        assert cuda.nvcc_release(found) == '13.0'
        assert cuda.cuda_home(found) == str(tmp_path / 'cu13')

    def test_of_torchs_release_before_another(
        self, tmp_path, no_toolkit, monkeypatch
    ):
        old = toolkit(tmp_path / 'old', '12.4')
        monkeypatch.setattr(cuda.shutil, 'which', lambda name: str(old))
        here = facts(nvidia=[str(tmp_path / 'cu13')])
        assert cuda.find_nvcc(here) == old
        own = toolkit(tmp_path / 'cu13')
        assert cuda.find_nvcc(here) == own

    def test_cuda_home_alone_counts(self, tmp_path, monkeypatch):
        here = facts(nvidia=[str(tmp_path / 'cu13')])
        toolkit(tmp_path / 'cu13')
        monkeypatch.setenv('CUDA_HOME', str(tmp_path / 'mine'))
        assert cuda.find_nvcc(here) is None
        assert cuda.nvcc_release(None) == ''
        mine = toolkit(tmp_path / 'mine', '12.4')
        assert cuda.find_nvcc(here) == mine

    def test_behind_a_script(self, tmp_path, monkeypatch):
        home = tmp_path / 'cuda-13.0'
        monkeypatch.setenv('CUDA_HOME', str(tmp_path / 'links'))
        nvcc = toolkit(tmp_path / 'links', top=home)
        assert cuda.cuda_home(cuda.find_nvcc(FACTS)) == str(home)
        assert cuda.cuda_home(nvcc) == str(home)

    @pytest.mark.parametrize(
        ('change', 'required', 'nvcc', 'brings'),
        [
            ({}, True, '', True),
            ({'archs': ['9.0']}, False, '', True),
            ({}, False, '', False),  # neither a GPU nor --cuda
            ({}, True, '13.0', False),
            ({}, True, '12.4', True),
            ({'cuda': '12.8'}, True, '', False),  # its wheels have no nvcc
            ({'cuda': '13.2'}, True, '', False),  # not the pinned release
            ({'cuda': None}, True, '', False),
        ],
    )
    def test_when_its_wheels_are_installed(
        self, change, required, nvcc, brings, no_toolkit, monkeypatch
    ):
        here = facts(**change)
        assert cuda.brings_compiler(here, required, nvcc) == brings
        monkeypatch.setenv('CUDA_HOME', '/mine')
        assert not cuda.brings_compiler(here, required, nvcc)

    def test_the_lock_has_one_release_of_its_parts(self):
        """nvcc's requirements are loose; ptxas 13.0 refuses 13.5's code."""
        pins = lock.read_lock(install.LOCK)['cuda']
        names = [lock.name_of(line) for line in pins]
        assert names == [
            'nvidia-cuda-nvcc',
            'nvidia-nvvm',
            'nvidia-cuda-crt',
            'nvidia-cuda-cccl',
        ]
        for line in pins:
            assert line.partition('==')[2].startswith(f'{cuda.LOCKED}.')

    def test_set_up_brings_it_and_finds_it(
        self, tmp_path, no_toolkit, monkeypatch
    ):
        here = facts(nvidia=[str(tmp_path / 'cu13')])
        monkeypatch.setattr(install, 'probe', lambda python: here)
        installed, built = [], []

        def pip(python, title, requirements, *options):
            installed.append((requirements, options))
            toolkit(tmp_path / 'cu13')

        monkeypatch.setattr(install, 'pip_install', pip)
        monkeypatch.setattr(
            wheels, 'install_mmcv', lambda *args: built.append(args[3])
        )
        args = install.parse_args(
            ['--only-mmcv', '--cuda', '--cuda-arch', '9.0']
        )
        for _ in range(2):  # there is nothing to install the second time
            install.install_compiled(
                Path('python'), args, {'onedl-mmcv': '2.3.6'}, ['nvcc==13.0']
            )
        assert installed == [(['nvcc==13.0'], ('--no-deps',))]
        assert built == ['9.0+PTX'] * 2


class TestCuda:
    def test_no_gpu_means_cpu(self, nvcc):
        assert cuda.cuda_archs(FACTS, False, '', nvcc) == ''

    def test_gpu_gives_its_architecture(self, nvcc):
        here = facts(archs=['8.0', '9.0'])
        assert cuda.cuda_archs(here, False, '', nvcc) == '8.0;9.0+PTX'

    def test_wheels_fill_up_a_small_toolkit(self, tmp_path, monkeypatch):
        monkeypatch.setenv('CPLUS_INCLUDE_PATH', '/mine')
        monkeypatch.delenv('LIBRARY_PATH', raising=False)
        library = tmp_path / 'cu13' / 'lib' / 'libcudart.so.13'
        library.parent.mkdir(parents=True)
        library.touch()
        here = facts(nvidia=[str(tmp_path / 'cu13')])
        for _ in range(2):  # also when a build is resumed
            env = cuda.cuda_paths(here, tmp_path / 'links')
        include = tmp_path / 'cu13' / 'include'
        assert env['CPLUS_INCLUDE_PATH'] == f'/mine:{include}'
        link = Path(env['LIBRARY_PATH']) / 'libcudart.so'
        assert link.resolve() == library

    def test_flag_without_gpu(self, nvcc):
        assert cuda.cuda_archs(FACTS, True, '9.0', nvcc) == '9.0+PTX'

    def test_gpu_without_nvcc_falls_back_and_says_so(self, capsys):
        here = facts(archs=['9.0'])
        assert cuda.cuda_archs(here, False, '', None) == ''
        assert 'CPU only: nvcc was not found' in capsys.readouterr().out

    def test_gpu_newer_than_nvcc_gets_ptx(self, nvcc, capsys):
        here = facts(archs=['9.0', '13.0'])
        assert cuda.cuda_archs(here, False, '', nvcc) == '9.0;12.1+PTX'
        said = capsys.readouterr().out
        assert 'capability 13.0: they get PTX of 12.1' in said

    def test_gpu_older_than_nvcc(self, nvcc, capsys):
        """CUDA 13 dropped V100 and what came before it."""
        here = facts(archs=['7.0'])
        assert cuda.cuda_archs(here, False, '', nvcc) == ''
        assert 'capability 7.5 and later, not' in capsys.readouterr().out
        with pytest.raises(
            process.SetupError, match=r'not for 7\.0: an older'
        ):
            cuda.cuda_archs(FACTS, True, '7.0;9.0', nvcc)

    @pytest.mark.parametrize(
        ('archs', 'expected'),
        [
            ('9.0', '9.0+PTX'),
            ('9.0+PTX', '9.0+PTX'),
            ('10.0 8.6;9.0;8.6', '8.6;9.0;10.0+PTX'),
        ],
    )
    def test_ptx_of_the_newest(self, archs, expected):
        assert cuda.with_ptx(archs, []) == expected

    @pytest.mark.parametrize(
        ('change', 'archs', 'release', 'match'),
        [
            ({'cuda': None}, '9.0', '13.0', 'a build without CUDA'),
            (
                {},
                '9.0',
                '',
                r"not found; run pip install 'cuda-toolkit\[nvcc,cccl\]"
                r"==13\.0\.\*', or install the CUDA toolkit 13",
            ),
            (
                {'versions': {'cuda-toolkit': '13.0.3.0'}},
                '9.0',
                '',
                r'\[nvcc,cccl\]==13\.0\.3\.0',
            ),
            (
                {'cuda': '12.8'},
                '9.0',
                '',
                "wheels of CUDA 12, .* hold CUDA's assembler but no nvcc",
            ),
            (
                {},
                '9.0',
                '12.4',
                r'nvcc belongs to CUDA 12\.4, torch to CUDA 13\.0',
            ),
            ({}, '', '13.0', 'add --cuda-arch'),
        ],
    )
    def test_flag_that_cannot_be_met(
        self, change, archs, release, match, tmp_path
    ):
        nvcc = toolkit(tmp_path, release) if release else None
        with pytest.raises(process.SetupError, match=match):
            cuda.cuda_archs(facts(**change), True, archs, nvcc)

    def test_jobs_of_nvcc_need_more_memory(self, monkeypatch):
        """3.05 GB for one file of mmcv, measured."""
        monkeypatch.setattr(
            wheels.os, 'sched_getaffinity', lambda pid: set(range(64))
        )
        monkeypatch.setattr(
            wheels.Path, 'read_text', lambda path: 'MemAvailable: 16000000 kB'
        )
        assert wheels.jobs() == 8
        assert wheels.jobs(for_cuda=True) == 4


class TestPatch:
    setup = (
        "flags = ['-std=c++14'] or ['-std=c++17']\n"
        'def get_extensions():\n'
        '    ext_ops = extension(sources=op_files)\n'
    )

    @pytest.mark.parametrize(
        ('torch', 'standard'),
        [
            ('2.4.1', 'c++17'),
            ('2.12.1+cu130', 'c++17'),
            ('2.13.0', 'c++20'),
            ('2.14.1+cu130', 'c++20'),
            ('3.0.0', 'c++20'),
        ],
    )
    def test_language_standard(self, torch, standard):
        text = wheels.patch_setup(self.setup, torch)
        assert set(re.findall(r'-std=(\S+?)\'', text)) == {standard}

    def test_sources_are_merged(self, tmp_path, monkeypatch):
        text = wheels.patch_setup(self.setup, '2.14.1')
        assert 'sources=merge_sources(op_files)' in text
        monkeypatch.chdir(tmp_path)
        folder = tmp_path / 'csrc' / 'pytorch'
        (folder / 'cpu').mkdir(parents=True)
        thin = [f'csrc/pytorch/op{i:02}.cpp' for i in range(10)]
        rest = ['csrc/pytorch/pybind.cpp', 'csrc/pytorch/cpu/nms.cpp']
        for name in thin + rest:
            Path(name).touch()
        scope = {}
        exec(text.partition('def get_extensions')[0], scope)
        merged = scope['merge_sources'](thin + rest)
        assert merged[-2:] == sorted(rest)
        included = ''.join(Path(name).read_text() for name in merged[:-2])
        assert [included.count(f'{name}"') for name in thin] == [1] * 10
        stamp = Path(merged[0]).stat().st_mtime_ns
        scope['merge_sources'](thin + rest)
        assert Path(merged[0]).stat().st_mtime_ns == stamp


class TestProgress:
    def test_ninja(self):
        assert process.ninja_step('  [31/78] c++ -MMD x.cpp') == (31, 78, '')
        assert process.ninja_step('[1/2] nvcc') == (1, 2, '')
        assert process.ninja_step('copying mmcv/__init__.py') is None

    def test_pip(self):
        step = process.pip_steps(2)
        assert step('Collecting torch==2.14.1 (from -r x)') == (
            1,
            2,
            'torch==2.14.1',
        )
        assert step('  Downloading torch.whl') is None
        assert step('Requirement already satisfied: six in x')[0] == 2
        assert step('Collecting another')[0] == 2
        assert step('Installing collected packages: six')[2] == 'unpacking'

    def test_line_with_estimate(self):
        line = process.progress_line('mmcv ops', (31, 78, ''), 130)
        assert line == 'mmcv ops 31/78, 2 min 10 s, about 3 min left'

    def test_line_without_total_or_too_early(self):
        assert process.progress_line('x', (0, 0, ''), 5) == 'x, 5 s'
        assert process.progress_line('x', (1, 9, ''), 5) == 'x 1/9, 5 s'

    def test_error_lines_prefers_errors(self):
        text = 'a.cpp:1: error: no C++20\nnote: here\nninja stopped\n'
        assert process.error_lines(text) == ['a.cpp:1: error: no C++20']
        assert process.error_lines('one\n\ntwo\n', 1) == ['two']


class TestRun:
    def test_failure_names_log_and_error(self, tmp_path, capsys):
        code = "print('x.cpp:1: error: bad'); raise SystemExit(3)"
        log = tmp_path / 'logs' / 'step.log'
        with pytest.raises(process.SetupError) as caught:
            process.run('step', [sys.executable, '-c', code], log)
        assert 'step failed (exit code 3)' in str(caught.value)
        assert str(log) in str(caught.value)
        assert 'x.cpp:1: error: bad' in str(caught.value)
        assert 'error: bad' in log.read_text()

    def test_output_is_returned_and_logged(self, tmp_path, capsys):
        log = tmp_path / 'log'
        command = [sys.executable, '-c', 'print(6 * 7)']
        assert process.run('sum', command, log) == '42\n'
        assert log.read_text().endswith('42\n')
        assert 'sum: done' in capsys.readouterr().out

    def test_interruption_stops_the_compilers_too(self, tmp_path):
        """A child of the command must not go on after the set-up stops."""
        alive = tmp_path / 'alive'
        inner = f'sleep 1; touch {alive}'

        def interrupt(line):
            raise KeyboardInterrupt

        command = ['sh', '-c', f'echo start; sh -c "{inner}"; true']
        with pytest.raises(KeyboardInterrupt):
            process.run('x', command, tmp_path / 'log', step=interrupt)
        time.sleep(1.5)
        assert not alive.exists()


class TestKeep:
    def test_too_old(self):
        with pytest.raises(process.SetupError, match=r'2\.3\.1 is too old'):
            install.check_kept(facts(torch='2.3.1'))

    def test_lowest(self):
        install.check_kept(facts(torch='2.4.0'))

    def test_no_torch(self):
        none = facts(torch='', torch_error="No module named 'torch'")
        with pytest.raises(process.SetupError, match='no torch works'):
            install.check_kept(none)

    @pytest.mark.fault(30)
    def test_no_torch_beside_an_installed_package(self, monkeypatch):
        monkeypatch.setattr(environment, 'IN_CLONE', False)
        with pytest.raises(
            process.SetupError, match='Run first: pip install -U torch torch'
        ):
            install.check_kept(facts(torch=''))

    def test_no_torchvision(self):
        with pytest.raises(process.SetupError, match='torchvision is missing'):
            install.check_kept(facts(versions={}))

    def test_kept_versions(self):
        here = facts(
            versions={'torch': '2.4.0', 'numpy': '1.26.4', 'six': '1.0'}
            | {'opencv-python-headless': '4.10'},
            providers={'cv2': ['opencv-python-headless']},
        )
        assert sorted(install.kept_versions(here)) == [
            'numpy==1.26.4',
            'opencv-python-headless==4.10',
            'torch==2.4.0',
        ]

    def test_no_second_opencv(self):
        names = ['opencv-python', 'six']
        with_cv2 = facts(providers={'cv2': ['opencv-python-headless']})
        assert install.missing_runtime(with_cv2, names) == ['six']
        assert install.missing_runtime(FACTS, names) == names

    def test_hosts_that_are_there_stay(self):
        hosts = ['onedl-mmengine==0.10.12', 'onedl-mmdetection==3.5.1']
        here = facts(providers={'mmengine': ['mmengine']})
        assert install.missing_hosts(here, hosts) == [hosts[1]]

    def test_only_the_given_stages_run(self, monkeypatch, cache):
        done = []
        monkeypatch.setattr(install, 'probe', lambda python: FACTS)
        for name in (
            'install_locked',
            'install_around',
            'install_compiled',
            'install_project',
            'keep_one_opencv',
            'check_imports',
            'pip_install',
        ):
            monkeypatch.setattr(
                install, name, lambda *a, name=name, **k: done.append(name)
            )
        install.set_up(install.parse_args(['--torch', 'keep']))
        assert done == [
            'install_around',
            'keep_one_opencv',
            'install_compiled',
            'install_project',
            'check_imports',
        ]
        done.clear()
        arguments = ['--torch', 'keep', '--only-mmcv']
        assert install.main(arguments) == 0
        assert done == ['pip_install', 'install_compiled']


class TestLocked:
    def test_upstream_is_not_overwritten(self):
        here = facts(providers={'mmdet': ['mmdet']})
        with pytest.raises(process.SetupError, match='pip uninstall mmdet'):
            install.refuse_upstream(here)

    def test_own_fork_is_fine(self):
        install.refuse_upstream(
            facts(providers={'mmdet': ['onedl-mmdetection']})
        )

    def test_second_run_does_nothing_and_fast(self, tmp_path, capsys):
        venv = tmp_path / 'venv'
        (venv / 'bin').mkdir(parents=True)
        (venv / 'bin' / 'python').touch()
        argv = ['--venv', str(venv)]
        stamp = install.digest(install.parse_args(argv))
        (venv / '.mmfashion_ext').write_text(stamp)
        start = time.perf_counter()
        assert install.main(argv) == 0
        assert time.perf_counter() - start < 0.5
        assert 'up to date' in capsys.readouterr().out

    def test_other_options_are_another_set_up(self):
        plain = install.digest(install.parse_args([]))
        assert plain == install.digest(install.parse_args([]))
        assert plain != install.digest(install.parse_args(['--dev']))

    def test_two_opencvs_become_one(self, monkeypatch, cache):
        names = ['opencv-python', 'opencv-python-headless']
        here = facts(
            providers={'cv2': names}, versions=dict.fromkeys(names, '4.12')
        )
        calls = []
        monkeypatch.setattr(install, 'probe', lambda python: here)
        monkeypatch.setattr(install, 'run', lambda *a, **k: calls.append(a[1]))
        monkeypatch.setattr(
            install, 'pip_install', lambda *a, **k: calls.append(a[2])
        )
        install.keep_one_opencv(Path('python'), {})
        assert calls[0][-3:] == ['-y', *names]
        assert calls[1] == ['opencv-python==4.12']


class TestCache:
    """The cache of wheels, with a fake build and a fake pip."""

    @pytest.fixture(autouse=True)
    def fakes(self, cache, monkeypatch):
        self.cache, self.built, self.problems = cache, 0, []
        monkeypatch.setattr(wheels, 'run', lambda *a, **k: '')
        monkeypatch.setattr(
            wheels,
            'works',
            lambda *a: self.problems.pop(0) if self.problems else '',
        )

    def build(self, out):
        self.built += 1
        (out / 'x-1-py3-none-any.whl').write_text(str(self.built))

    def install(self):
        wheels._install(Path('python'), 'x-1_key', self.build, '')
        return (self.cache / 'wheels/x-1_key/x-1-py3-none-any.whl').read_text()

    def test_built_once(self):
        assert self.install() == '1'
        assert self.install() == '1'

    def test_broken_wheel_is_rebuilt(self, capsys):
        self.install()
        self.problems = ['ImportError: undefined symbol']
        assert self.install() == '2'
        assert 'undefined symbol); rebuilding' in capsys.readouterr().out

    def test_fresh_wheel_that_fails_is_an_error(self):
        self.problems = ['ImportError: x']
        with pytest.raises(process.SetupError, match='does not work: Import'):
            self.install()

    def test_interrupted_build_leaves_no_wheel(self):
        def broken(out):
            (out / 'half.whl').write_text('')
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            wheels._install(Path('python'), 'x-1_key', broken, '')
        assert list((self.cache / 'wheels').iterdir()) == []
        assert self.install() == '1'


def test_jobs_fit_memory(monkeypatch):
    texts = {
        '/proc/meminfo': 'MemTotal: 9 kB\nMemAvailable: 5000000 kB\n',
        '/sys/fs/cgroup/memory.max': 'max\n',
    }
    monkeypatch.setattr(Path, 'read_text', lambda self: texts[str(self)])
    monkeypatch.setattr('os.sched_getaffinity', lambda pid: range(16))
    assert wheels.jobs() == 2
    texts['/sys/fs/cgroup/memory.max'] = '1000000000'
    assert wheels.jobs() == 1


class TestMessages:
    def test_no_compiler(self, monkeypatch):
        monkeypatch.setenv('CXX', 'no-such-compiler')
        with pytest.raises(process.SetupError, match=r'apt-get install g\+\+'):
            environment.need_compiler(FACTS)

    def test_no_headers(self):
        with pytest.raises(process.SetupError, match='install python3-dev'):
            environment.need_compiler(facts(headers=False))

    def test_no_ensurepip(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, 'ensurepip', None)
        with pytest.raises(process.SetupError, match=r'install python3\.\d+-'):
            environment.make_venv(tmp_path / 'venv', tmp_path / 'log')

    def test_broken_environment(self, tmp_path):
        with pytest.raises(
            process.SetupError, match='does not run; it may be'
        ):
            environment.probe(tmp_path / 'bin' / 'python')

    def test_command_line_says_it_in_one_line(self, monkeypatch, capsys):
        def fail(args):
            raise process.SetupError('what was wrong; what to do')

        monkeypatch.setattr(install, 'set_up', fail)
        assert install.main([]) == 2
        assert capsys.readouterr().err == (
            'error: what was wrong; what to do\n'
        )


def test_probe_reads_this_environment():
    found = environment.probe(Path(sys.executable))
    assert found.tag.startswith(f'cp3{sys.version_info[1]}')
    assert found.versions['pytest'] == pytest.__version__
    assert found.torch
    assert found.providers['cv2'] == ['opencv-python']


def test_doctor_lists_everything_without_any_package():
    """Before the set-up it runs on the standard library alone."""
    result = subprocess.run(
        [sys.executable, '-E', '-S', str(ROOT / 'tools' / 'doctor.py')],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr
    assert re.search(r'PROBLEM +torch +not installed', result.stdout)
    assert 'match_rcnn' in result.stdout
    assert 'make setup' in result.stdout


def test_doctor_shows_a_broken_package_in_one_line(tmp_path, monkeypatch):
    doctor = import_module('doctor')

    (tmp_path / 'broken_host.py').write_text(
        "raise RuntimeError('numpy.dtype size\\nchanged')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    row = doctor.package_row('broken_host')
    assert row.state == 'PROBLEM'
    assert row.found == 'RuntimeError: numpy.dtype size changed'


def test_doctor_counts_opencvs(monkeypatch):
    doctor = import_module('doctor')

    names = ['opencv-python', 'opencv-python-headless']
    monkeypatch.setattr(
        doctor.metadata, 'packages_distributions', lambda: {'cv2': names}
    )
    monkeypatch.setattr(doctor.metadata, 'version', lambda name: '4.12')
    row = doctor.opencv_row()
    assert row.state == 'PROBLEM'
    names = 'opencv-python, opencv-python-headless'
    assert row.found == f'2 distributions: {names}'


def test_facts_are_what_the_probe_prints():
    """The probe runs elsewhere as text: its keys must be Facts' fields."""
    keys = set(re.findall(r"^    '(\w+)':", environment._PROBE, re.M))
    keys |= set(re.findall(r"facts\['(\w+)'\]", environment._PROBE))
    assert keys == set(Facts.__dataclass_fields__)
    assert Facts(**json.loads('{"tag": "cp311"}')).tag == 'cp311'
