# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""All metadata of the distribution, and the making of ``.mim``."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = 'mmfashion_ext'
#: Where the repository is published. A fork changes this line alone.
URL = 'https://github.com/mmfashion-ext/mmfashion_ext'
#: What OpenMMLab's tools look for in ``<package>/.mim``. ``requirements``
#: lets the copy of ``tools/install.py`` in there work.
MIM = (
    'configs',
    'weights',
    'tools',
    'demo',
    'requirements',
    'model-index.yml',
)

# Hosts are never in install_requires: the forks (onedl-*) and upstream bring
# the same import packages, so a plain `pip install` would unpack one over the
# other. The extras name the forks, the ones that work with current PyTorch.
# mmcv is in none: its ops must be compiled against the installed torch, which
# tools/install.py does and a resolver cannot.
MATCH_RCNN = [
    'torch>=2.4',
    'torchvision',
    'onedl-mmengine>=0.10.8',
    'onedl-mmdetection>=3.5',
    'pycocotools>=2.0.8',
    'faster-coco-eval>=1.6',
    'safetensors>=0.4',
    'timm>=1.0',  # backbones such as EfficientNet-Lite
]
# mmpose itself is in none either: it declares chumpy, which no longer installs
# and which 3D bodies alone need: pip install --no-deps mmpose. It imports
# mmdet.
LANDMARK = [
    *MATCH_RCNN,
    'xtcocotools>=1.14',
    'json-tricks',
    'munkres',
    'scipy',
]
SCAN = [
    'torch>=2.4',
    'torchvision',
    'onedl-mmengine>=0.10.8',
    'pillow',
    'scipy',
    'safetensors>=0.4',
]
TRYON = [
    'torch>=2.4',
    'torchvision',
    'onedl-mmengine>=0.10.8',
    'pillow',
    'scipy',
    'safetensors>=0.4',
    'torchmetrics>=1.4',
    'torch-fidelity>=0.3',  # the network of FID and KID
]
# Alone in an extra: a second OpenCV (such as opencv-python-headless) beside
# one that is there would overwrite its files, and pip would not notice.
OPENCV = ['opencv-python']
ONNX = ['onnx>=1.16', 'onnxscript', 'onnxruntime']  # export
RETRIEVAL = ['faiss-cpu>=1.8']  # approximate search in large galleries
# ByteTrack, in raw videos (it declares opencv-python). supervision itself
# reads and draws what to_supervision() gives.
VIDEO = ['trackers>=2.6', 'supervision>=0.26']
# an engine of its own for galleries: Milvus Lite in this process, or a server
MILVUS = ['pymilvus>=3,<4', 'milvus-lite>=3.2']
HUB = ['huggingface_hub>=0.24', 'safetensors>=0.4']  # hf-hub:org/name
TENSORBOARD = ['tensorboard>=2.16']  # curves of a training
APP = ['gradio>=6,<7']  # pages in a browser, mmfashion app
DOCS = ['mkdocs-material>=9.6,<10', 'mkdocstrings[python]>=0.27']  # make docs
TESTS = [
    'pytest>=8',
    'pytest-xdist>=3.7',
    'hypothesis',
    'ruff',
    'mypy>=1.13',
    'types-PyYAML',
]


class BuildPy(build_py):
    """Bring configs, tools and the model index along as ``.mim``.

    A wheel gets copies, put straight into the folder it is made from, so that
    none go stale in the source tree. An editable install (PEP 660) gets links.
    """

    def run(self) -> None:
        """Build the package, then its ``.mim``."""
        super().run()
        base = ROOT if self.editable_mode else Path(self.build_lib)
        mim = base / PACKAGE / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in MIM:
            source = ROOT / name
            if self.editable_mode:
                (mim / name).symlink_to(Path('../..') / name)
            elif source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.py[cod]')
                shutil.copytree(source, mim / name, ignore=ignore)
            elif source.is_file():
                shutil.copy2(source, mim / name)


def version() -> str:
    """Read the version where it is defined, without importing the package."""
    text = (ROOT / PACKAGE / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.M)[1]


def description() -> str:
    """The README, which an editable install can do without.

    Its links and images are relative to the repository, where GitHub shows
    it; elsewhere they must be absolute.
    """
    readme = ROOT / 'README.md'
    if not readme.is_file():
        return ''
    text = readme.read_text(encoding='utf-8')
    relative = r'\]\((?!https?:|#)'
    text = re.sub(rf'(!\[[^\]]*){relative}', rf'\1]({URL}/raw/main/', text)
    return re.sub(relative, f']({URL}/blob/main/', text)


setup(
    name=PACKAGE,
    version=version(),
    description='Fashion models as plugins of OpenMMLab',
    long_description=description(),
    long_description_content_type='text/markdown',
    author='mmfashion_ext authors',
    license='Apache-2.0',
    url=URL,
    project_urls={
        'Documentation': f'{URL}/blob/main/docs/index.md',
        'Source': URL,
        'Issues': f'{URL}/issues',
        'Model zoo': f'{URL}/blob/main/model_zoo.md',
    },
    keywords='computer vision, fashion, object detection, landmarks',
    classifiers=[
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    python_requires='>=3.10',
    # what needs no host: the readers of files (numpy, pillow), progress
    # (rich), metafiles, the command line (click); the generators need the
    # extra opencv too
    install_requires=[
        'click>=8.2',
        'numpy>=1.24',
        'pillow>=10',
        'pyyaml',
        'rich',
    ],
    extras_require={
        'match-rcnn': MATCH_RCNN,
        'landmark': LANDMARK,
        'scan': SCAN,
        'tryon': TRYON,
        'opencv': OPENCV,
        'onnx': ONNX,
        'retrieval': RETRIEVAL,
        'video': VIDEO,
        'milvus': MILVUS,
        'hub': HUB,
        'app': APP,
        'all': LANDMARK + SCAN + TRYON + RETRIEVAL + ONNX + VIDEO,
        'tensorboard': TENSORBOARD,
        'docs': DOCS,
        'tests': TESTS,
    },
    entry_points={
        'console_scripts': ['mmfashion = mmfashion_ext.cli.app:main']
    },
    cmdclass={'build_py': BuildPy},
    zip_safe=False,
)
