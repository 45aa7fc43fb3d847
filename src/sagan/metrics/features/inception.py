"""Inception features as computed by pytorch-fid: those that FID is defined on.

The network is built here from pytorch-fid's own blocks, because pytorch-fid's constructor downloads
its weights, unchecked, whenever they are not cached. Here they are a file that must exist and
have the expected hash; nothing is downloaded. Batch norm is folded into the convolutions and the
weights are stored channels last, which changes features by rounding only; bfloat16 and
TensorFloat-32 would change them visibly and are not used.
"""

import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sagan.common.devices import float32_inference, without_memory
from sagan.common.files import file_sha256, source_hash
from sagan.common.pixels import with_channels
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.named_protocols import INCEPTION_RESIZERS

DIMENSIONS = 2048
INPUT_PX = 299
WEIGHTS_NAME = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS_SHA256 = "6726825d"  # the name carries the beginning of the file's hash
WEIGHTS_URL = (
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_NAME}"
)


def require_weights(config: EvaluationConfig) -> Path | None:
    """The verified file of Inception's weights; None if Inception is not asked for.

    Raises:
        FileNotFoundError: if the file is missing; the message tells where to get it.
        ValueError: if the file has an unexpected hash.
    """
    if config.features != "inception":
        return None
    path = config.inception_weights or Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"evaluation asks for `features: inception`, but its weights are not at {path} (file "
            f"{WEIGHTS_NAME}, SHA-256 {WEIGHTS_SHA256}...); place them with\n"
            f"  curl --location --create-dirs --output '{path}' {WEIGHTS_URL}\n"
            "or set evaluation.inception_weights to the file's path, or evaluation.features "
            "(sagan evaluate --features) to classifier or, without classes, to rotation, which "
            "need no file"
        )
    expected, got = config.inception_sha256 or WEIGHTS_SHA256, file_sha256(path)
    if not got.startswith(expected):
        raise ValueError(
            f"{path} is not the file expected: SHA-256 {got}, expected {expected}...; replace it, "
            "or name the hash in evaluation.inception_sha256 if other weights are meant"
        )
    return path


def resize_as_pytorch_fid(images: Tensor) -> Tensor:
    """Float [N, 3, H, W] -> [N, 3, 299, 299]: bilinear, not antialiased."""
    return F.interpolate(images, size=(INPUT_PX, INPUT_PX), mode="bilinear", align_corners=False)


def resize_as_pil_bicubic(images: Tensor) -> Tensor:
    """Float [N, 3, H, W], 0..255 -> [N, 3, 299, 299]: as PIL resizes a channel of floats.

    Antialiased where it makes images smaller, and clipped (Parmar, Zhang and Zhu 2022, clean-fid).
    """
    size = (INPUT_PX, INPUT_PX)
    resized = F.interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 255)


RESIZERS = {"pytorch_fid": resize_as_pytorch_fid, "pil_bicubic": resize_as_pil_bicubic}


class InceptionFeatures:
    """Pool-3 features: to 299 px, -1..1, 2,048 numbers an image."""

    code = source_hash("metrics/features/inception.py")

    def __init__(self, weights: Path, device: torch.device, resizer: str = "pytorch_fid") -> None:
        """Load the network; a resizer other than pytorch-fid's becomes part of the scores' names.

        Raises:
            ValueError: if the file does not contain weights of this network.
        """
        suffix = "" if resizer == "pytorch_fid" else f"_{resizer}"
        self.metric, self.kernel_metric = f"fid{suffix}", f"kid{suffix}"
        self.label_score = f"inception_score{suffix}"
        self._resizer = resizer
        network, head = build_inception(weights)
        self._network, self._head = network.to(device), head.to(device)
        self._device = device
        self._sha256 = file_sha256(weights)

    @property
    def protocol(self) -> dict[str, Any]:
        """Description of these features."""
        return {
            "network": f"Inception 2015-12-05, pool 3, of pytorch-fid {version('pytorch-fid')}",
            "dimensions": DIMENSIONS,
            "resizer": INCEPTION_RESIZERS[self._resizer],
            "input": "uint8 / 255, then 2 x - 1",
            "weights_sha256": self._sha256,
        }

    def logits(self, features: Tensor) -> Tensor:
        """float32 [N, 2048], from `__call__` -> float32 [N, 1008].

        Without the head's bias, as in the released Inception score (Salimans et al. 2016).
        """
        with float32_inference():
            return F.linear(features, self._head.weight)

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> float32 [N, 2048] on the network's device; grey is repeated."""
        with float32_inference():
            x = RESIZERS[self._resizer](with_channels(images.to(self._device), 3).float()) / 255
            features: Tensor = self._network(2 * x - 1).flatten(1)
        return features


def build_inception(weights: Path) -> tuple[nn.Sequential, nn.Linear]:
    """The network up to its last pooling, and the linear head, in evaluation mode.

    Batch norm is folded and the convolutions' weights are channels last: the features are those of
    the file's network up to rounding.

    Raises:
        ValueError: if the file is damaged or of another network; nothing in it is run.
    """
    from pytorch_fid import inception as fid
    from torchvision.models import inception_v3

    with without_memory():
        whole = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        whole.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
        whole.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
        whole.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
        whole.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
        whole.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
        whole.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
        whole.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
        whole.Mixed_7b = fid.FIDInceptionE_1(1280)
        whole.Mixed_7c = fid.FIDInceptionE_2(2048)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        whole.load_state_dict(state, assign=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
        raise ValueError(f"{weights} does not contain Inception's weights: {error}") from error
    stem = [whole.Conv2d_1a_3x3, whole.Conv2d_2a_3x3, whole.Conv2d_2b_3x3, nn.MaxPool2d(3, 2)]
    stem += [whole.Conv2d_3b_1x1, whole.Conv2d_4a_3x3, nn.MaxPool2d(3, 2)]
    mixed = ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]
    blocks = [getattr(whole, f"Mixed_{name}") for name in mixed]
    network = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1))
    head: nn.Linear = whole.fc
    for part in (network, head):
        part.eval().requires_grad_(requires_grad=False)
    fold_batch_norm(network)
    return network.to(memory_format=torch.channels_last), head


def fold_batch_norm(network: nn.Module) -> None:
    """Fold each batch norm of Inception's blocks into the convolution before it, in place.

    With fixed statistics it is an affine map per channel; the products are computed in float64.
    """
    from torchvision.models.inception import BasicConv2d

    for block in network.modules():
        if isinstance(block, BasicConv2d):
            folded = fuse_conv_bn_eval(block.conv.double(), block.bn.double())
            block.conv, block.bn = folded.float(), nn.Identity()
