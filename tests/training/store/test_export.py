"""Batch-norm statistics of the generator that a run leaves."""

import torch

from sagan.models.generator import build_generator
from sagan.training.core.exported import take_standing_statistics
from sagan.training.core.inputs import Stream, draw_latents_and_labels
from sagan.training.core.state import TrainingState
from sagan.training.store.export import export_generator


def test_standing_statistics_are_of_as_many_images_as_training_takes_at_once(
    tiny, shards, tmp_path
):
    """A whole batch need not fit into memory where training has shown that its parts do."""
    config = tiny(batch_size=8, devices=2, images_per_pass=2, standing_batches=3)
    torch.manual_seed(0)
    generator = build_generator(config.model.generator, image_size=16, num_classes=3)
    sizes, means = [], []
    generator.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    norm = generator.layers["8x8_block"].norm1.normalize
    norm.register_forward_pre_hook(lambda _, inputs: means.append(inputs[0].mean((0, 2, 3))))

    take_standing_statistics(generator, config)

    assert sizes == [2] * 12
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))
    z, _ = draw_latents_and_labels(
        0, Stream.STANDING_STATISTICS, 2, batch_size=8, latent_dim=8, num_classes=3
    )
    last = generator.linear(z[-2:]).view(2, -1, 16).mean((0, 2))
    torch.testing.assert_close(means[-1], last)  # the last images of the last batch

    state = TrainingState(config, shards, torch.device("cpu"))
    bundle = export_generator(state, config, shards, tmp_path / "generator", {}, raw=False)
    assert bundle.facts["batch_norm_statistics"] == "standing, 12 batches of 2"
