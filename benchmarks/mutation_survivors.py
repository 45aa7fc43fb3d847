"""Mutants that no test kills, each with the reason: `file: line -> changed line`."""

EXPLAINED: dict[str, str] = {
    "models/attention.py: return F.max_pool2d(x, self.pool) if self.pool > 1 else x -> "
    "return F.max_pool2d(x, self.pool) if (self.pool >= 1) else x": "pooling over one pixel is the identity",
    "metrics/scores/diversity.py: flat = images.reshape(len(images), -1).astype(np.float64)  # [N, D] -> "
    "flat = images.reshape(len(images), -(2)).astype(np.float64)  # [N, D]": "NumPy takes any negative size as the unknown one",
    "metrics/scores/extrapolation.py: features: Tensor, distance: Callable[[Statistics], float], *, points: int = 15, seed: int = 0 -> "
    "features: Tensor, distance: Callable[[Statistics], float], *, points: int = 15, seed: int = (1)": "the default seed is arbitrary",
    'metrics/scores/frechet.py: eigenvalues = linalg.eigvalsh(second, first, type=2, driver="gv", check_finite=False) -> '
    'eigenvalues = linalg.eigvalsh(second, first, type=(3), driver="gv", check_finite=False)': "B A x = w x and A B x = w x have the same eigenvalues",
    'metrics/scores/frechet.py: eigenvalues = linalg.eigvalsh(second, first, type=2, driver="gv", check_finite=False) -> '
    'eigenvalues = linalg.eigvalsh(second, first, type=2, driver="gv", check_finite=(True))': "a check more: the same result of finite statistics",
    "metrics/scores/frechet.py: if lowest < -NEGATIVE_TOLERANCE * max(highest, np.finfo(float).tiny): -> "
    "if (lowest <= -NEGATIVE_TOLERANCE * max(highest, np.finfo(float).tiny)):": "a tie of two floats that rounding decides",
    "metrics/scores/kernel.py: ROWS = 1024  # of a block of the kernel matrix -> "
    "ROWS = (1025)  # of a block of the kernel matrix": "the size of a block: speed and memory, not the sum",
    "sampling/requests.py: near = get_close_matches(unknown[0], [*class_names, *titled], n=1) -> "
    "near = get_close_matches(unknown[0], [*class_names, *titled], n=(2))": "the first alone is told",
    "sampling/interpolation.py: near = angle.sin() < MIN_SINE  # the same direction, or opposite ones: a straight line -> "
    "near = (angle.sin() <= MIN_SINE)  # the same direction, or opposite ones: a straight line": "a tie of two floats that rounding decides",
    "sampling/interpolation.py: sine = torch.where(near, 1, angle.sin()) -> "
    "sine = torch.where(near, (2), angle.sin())": "what is divided by it there is not taken",
    "metrics/scores/prdc.py: precise[rows] |= (squared <= real_squared[columns]).any(dim=1) -> "
    "precise[rows] |= ((squared < real_squared[columns])).any(dim=1)": "radii have a margin for rounding, so that the border is inside either way",
    "metrics/scores/prdc.py: recalled[columns] |= (squared <= sample_squared[rows, None]).any(dim=0) -> "
    "recalled[columns] |= ((squared < sample_squared[rows, None])).any(dim=0)": "radii have a margin for rounding, so that the border is inside either way",
    "metrics/scores/prdc.py: dense = squared <= dense_squared[columns] -> "
    "dense = (squared < dense_squared[columns])": "radii have a margin for rounding, so that the border is inside either way",
    "sampling/latents.py: while (outside := np.abs(latent) > truncation).any(): -> "
    "while (outside := (np.abs(latent) >= truncation)).any():": "a drawn float32 that equals the bound: as good as never",
    'training/core/losses.py: self.register_buffer("averages", torch.zeros(2))  # of real, of fake images -> '
    'self.register_buffer("averages", (torch.ones(2)))  # of real, of fake images': "the first update replaces them, and before it there is no term",
    "models/ops/spectral_norm.py: _WARM_UP_ITERATIONS = 15  # a fresh random u is far from the singular vector -> "
    "_WARM_UP_ITERATIONS = (16)  # a fresh random u is far from the singular vector": "any number near it settles u and v as well",
    "training/core/ema.py: check = check or FiniteCheck(averages[0].device, deferred=False) -> "
    "check = check or FiniteCheck(averages[(1)].device, deferred=False)": "a network is on one device",
    "training/core/step_inputs.py: moved = packed.to(device, non_blocking=True) -> "
    "moved = packed.to(device, non_blocking=(False))": "waits for the copy: speed, not the values",
    "training/core/step_inputs.py: end = 0 -> "
    "end = (1)": "the first tensor begins at the next aligned byte",
    "training/core/inputs.py: return int(np.random.SeedSequence((seed, stream, index)).generate_state(1, np.uint64)[0]) -> "
    "return int(np.random.SeedSequence((seed, stream, index)).generate_state((2), np.uint64)[0])": "the first word of two is that of one",
    "training/core/batches.py: return random_source(seed, Stream.FLIPS, epoch).random(count) < 0.5 -> "
    "return (random_source(seed, Stream.FLIPS, epoch).random(count) <= 0.5)": "a drawn float64 that equals the bound: as good as never",
    "metrics/scores/intra_class.py: sizes = np.array(counts).reshape(-1, 2) -> "
    "sizes = np.array(counts).reshape(-(2), 2)": "NumPy takes any negative size as the unknown one",
    "metrics/scores/label_scores.py: self._pending = np.zeros(0, np.int64) -> "
    "self._pending = (np.ones(0, np.int64))": "both are empty",
    "metrics/scores/label_scores.py: self._probabilities = torch.zeros(0)  # float64 [S, K], summed -> "
    "self._probabilities = (torch.ones(0))  # float64 [S, K], summed": "the first update replaces it",
    "metrics/scores/label_scores.py: self._probabilities = torch.zeros(0)  # float64 [S, K], summed -> "
    "self._probabilities = torch.zeros((1))  # float64 [S, K], summed": "the first update replaces it",
    "metrics/scores/label_scores.py: def __init__(self, splits: int = 10, seed: int = 0) -> None: -> def __init__(self, splits: int = 10, seed: int = (1)) -> "
    "None:": "the default seed is arbitrary",
    "metrics/scores/label_scores.py: marginal = np.where(mean > 0, mean * np.log(np.where(mean > 0, mean, 1)), 0).sum(axis=1) -> "
    "marginal = np.where((mean >= 0), mean * np.log(np.where(mean > 0, mean, 1)), 0).sum(axis=1)": "0 log 1 is the 0 that stands in its place",
    "metrics/scores/label_scores.py: marginal = np.where(mean > 0, mean * np.log(np.where(mean > 0, mean, 1)), 0).sum(axis=1) -> "
    "marginal = np.where(mean > 0, mean * np.log(np.where(mean > 0, mean, (2))), 0).sum(axis=1)": "what it is a factor of there is not taken",
    "metrics/scores/label_scores.py: while len(self._pending) < count: -> "
    "while (len(self._pending) <= count):": "draws the next permutation sooner: the same one",
    "metrics/scores/label_scores.py: return min(1.0, max(0.0, 1 - divergence / largest)) if largest else 1.0 -> "
    "return min((2.0), max(0.0, 1 - divergence / largest)) if largest else 1.0": "a divergence is below 0 by rounding alone",
    "training/core/steps.py: optimizer.zero_grad(set_to_none=True) -> "
    "optimizer.zero_grad(set_to_none=(False))": "what is added to a gradient of zeros is the gradient",
    "training/core/loop.py: if state.ema_generator is not None and config.ema_decay is not None: -> "
    "if (state.ema_generator is not None or config.ema_decay is not None):": "a state has an average where its run has a decay",
    "training/core/exported.py: SETTLING_ITERATIONS = 20  # averaged weights are new to u and v -> "
    "SETTLING_ITERATIONS = (21)  # averaged weights are new to u and v": "any number near it settles u and v as well",
    'training/core/exported.py: for batch in progress_bar("batch-norm statistics", count, "batches", range(count), leave=False): -> '
    'for batch in progress_bar("batch-norm statistics", count, "batches", range(count), leave=(True)):': "whether the bar stays on the screen",
    'training/core/finite.py: copied, values = None, facts.values.to("cpu", non_blocking=True, copy=True) -> '
    'copied, values = None, facts.values.to("cpu", non_blocking=(False), copy=True)': "waits for the copy: speed, not the values",
    "training/core/transfer.py: given, match = weights.of(name), _match(network, weights.of(name), same_classes=False) -> "
    "given, match = weights.of(name), _match(network, weights.of(name), same_classes=(True))": "whether anything fits is asked, and a table that fits does so either way",
    "training/core/distributed.py: _LONG_TIMEOUT = timedelta(days=7)  # the others wait while the main process saves or exports -> "
    "_LONG_TIMEOUT = timedelta(days=(8))  # the others wait while the main process saves or exports": "longer than any export either way",
    "training/core/distributed.py: gradient_as_bucket_view=True, -> "
    "gradient_as_bucket_view=(False),": "saves memory: the same gradients",
    "training/core/distributed.py: stacked = torch.stack([value.detach().float() for value in values]).cpu() -> "
    "stacked = torch.stack([(value).float() for value in values]).cpu()": "numbers alone are made of it",
    "models/generator.py: x, maps[x.shape[-1]] = layer.forward_with_map(x) -> "
    "x, maps[x.shape[-(2)]] = layer.forward_with_map(x)": "a feature map is square",
    "models/generator.py: return torch.tanh(self.to_rgb(F.relu(self.norm(x), inplace=True))) -> "
    "return torch.tanh(self.to_rgb(F.relu(self.norm(x), inplace=(False))))": "takes memory of its own: the same values",
    "models/blocks.py: h = F.relu(self.norm1(x, class_labels), inplace=True) -> "
    "h = F.relu(self.norm1(x, class_labels), inplace=(False))": "takes memory of its own: the same values",
    "models/blocks.py: h = F.relu(self.norm2(h, class_labels), inplace=True) -> "
    "h = F.relu(self.norm2(h, class_labels), inplace=(False))": "takes memory of its own: the same values",
    "models/blocks.py: h = conv_pool(F.relu(self.conv1(images), inplace=True), self.conv2) -> "
    "h = conv_pool(F.relu(self.conv1(images), inplace=(False)), self.conv2)": "takes memory of its own: the same values",
    "models/blocks.py: h = F.relu(self.conv1(F.relu(x)), inplace=True) -> "
    "h = F.relu(self.conv1(F.relu(x)), inplace=(False))": "takes memory of its own: the same values",
    "models/ops/convolution.py: ctx.side, ctx.stride = windows.shape[3], stride -> "
    "ctx.side, ctx.stride = windows.shape[(4)], stride": "a window is square",
    "models/ops/resampling.py: gradient, gradient.shape[2:], ctx.small_shape, 2.0, 2.0 -> "
    "gradient, gradient.shape[2:], ctx.small_shape, (3.0), 2.0": "a CPU reads no scale where one size is twice the other",
    "models/ops/resampling.py: gradient, gradient.shape[2:], ctx.small_shape, 2.0, 2.0 -> "
    "gradient, gradient.shape[2:], ctx.small_shape, 2.0, (3.0)": "a CPU reads no scale where one size is twice the other",
    "models/ops/sync_batch_norm.py: self._follow(mean.detach(), variance.detach() * (count / (count - 1))) -> "
    "self._follow((mean), variance.detach() * (count / (count - 1)))": "statistics follow without gradients anyway",
    "models/ops/sync_batch_norm.py: self._follow(mean.detach(), variance.detach() * (count / (count - 1))) -> "
    "self._follow(mean.detach(), (variance) * (count / (count - 1)))": "statistics follow without gradients anyway",
    "models/ops/sync_batch_norm.py: if self.running_mean is None or self.running_var is None: -> "
    "if (self.running_mean is None and self.running_var is None):": "torch has both or none",
    "models/ops/sync_batch_norm.py: weight = 1.0 / float(self.num_batches_tracked or 1) -> "
    "weight = 1.0 / float(self.num_batches_tracked or (2))": "the batch has been counted by then",
    "models/ops/kernels.py: _CHUNK_BYTES = 1 << 20  # made at a time on a CPU, so that it is still in the cache when it is cast -> "
    "_CHUNK_BYTES = (2) << 20  # made at a time on a CPU, so that it is still in the cache when it is cast": "the size of a part: speed, not the values",
    "models/ops/kernels.py: _CHUNK_BYTES = 1 << 20  # made at a time on a CPU, so that it is still in the cache when it is cast -> "
    "_CHUNK_BYTES = 1 << (21)  # made at a time on a CPU, so that it is still in the cache when it is cast": "the size of a part: speed, not the values",
    "models/ops/kernels.py: return placements / 4 if form is Form.POOL else placements.flip(0) -> "
    "return placements / 4 if form is Form.POOL else placements.flip((1))": "the placements turned about either axis are the same",
    "models/ops/kernels.py: if not (torch.is_grad_enabled() and weight.requires_grad): -> "
    "if not ((torch.is_grad_enabled() or weight.requires_grad)):": "where one of the two is false, autograd makes no gradient either",
    "models/ops/kernels.py: with torch.autocast(weight.device.type, enabled=False): -> "
    "with torch.autocast(weight.device.type, enabled=(True)):": "on a CPU autocast leaves a dot product as it is",
    "models/ops/kernels.py: if u is not None and v is not None: -> "
    "if (u is not None or v is not None):": "a layer has both or none",
    "models/ops/kernels.py: return by_output(recipe.form, kernel).to(recipe.dtype).contiguous() -> "
    "return (by_output(recipe.form, kernel).to(recipe.dtype))": "the layout in memory: speed, not the values",
    'models/ops/kernels.py: if source.device.type == "cpu": -> '
    "if (source.device.type != 'cpu'):": "the size of a part: speed, not the values",
    "models/ops/kernels.py: rows = max(1, _CHUNK_BYTES // (target[0].numel() * 4)) -> "
    "rows = max((2), _CHUNK_BYTES // (target[0].numel() * 4))": "the size of a part: speed, not the values",
    "models/ops/kernels.py: rows = max(1, _CHUNK_BYTES // (target[0].numel() * 4)) -> "
    "rows = max(1, (_CHUNK_BYTES * (target[0].numel() * 4)))": "the size of a part: speed, not the values",
    "models/ops/kernels.py: rows = max(1, _CHUNK_BYTES // (target[0].numel() * 4)) -> "
    "rows = max(1, _CHUNK_BYTES // (target[0].numel() * (5)))": "the size of a part: speed, not the values",
    "metrics/scores/distances.py: ROWS, COLUMNS = 1024, 8192  # of a block: 64 MiB in float64 -> "
    "ROWS, COLUMNS = (1025), 8192  # of a block: 64 MiB in float64": "the size of a block: speed and memory, not the distances",
    "metrics/scores/distances.py: ROWS, COLUMNS = 1024, 8192  # of a block: 64 MiB in float64 -> "
    "ROWS, COLUMNS = 1024, (8193)  # of a block: 64 MiB in float64": "the size of a block: speed and memory, not the distances",
    'metrics/scores/distances.py: with progress_bar(what, len(first), "rows", leave=False) as bar: -> '
    'with progress_bar(what, len(first), "rows", leave=(True)) as bar:': "whether a finished bar stays on the terminal: not the distances",
    "metrics/scores/distances.py: indices = torch.zeros((count, k), dtype=torch.int64, device=device) -> "
    "indices = (torch.ones((count, k), dtype=torch.int64, device=device))": "the base has at least k vectors, so that all of them are replaced",
    "metrics/scores/distances.py: return squared.masked_fill_(squared <= ROUNDING * lengths, 0) -> "
    "return squared.masked_fill_((squared < ROUNDING * lengths), 0)": "a tie of two floats that rounding decides, or 0 that becomes 0",
    "metrics/scores/distances.py: if first < last: -> "
    "if (first <= last):": "of no shared vectors none is set",
    "sampling/files.py: with replacing_folder(folder, sync=False) as temporary: -> "
    "with replacing_folder(folder, sync=(True)) as temporary:": "waits until the disk has them: speed, not the files",
    "sampling/film.py: _MAPS_AT_ONCE = 8  # samples whose attention maps are in memory together -> "
    "_MAPS_AT_ONCE = (9)  # samples whose attention maps are in memory together": "the size of a part: speed and memory, not the maps",
    'sampling/film.py: "webp": {"format": "WEBP", "quality": 80}, -> '
    '"webp": {"format": "WEBP", "quality": (81)},': "the quality is arbitrary: as good a film with the next one",
    "sampling/film.py: points = points or [choose_query_points(image, 1)[0] for image in tiles] -> "
    "points = points or [choose_query_points(image, (2))[0] for image in tiles]": "the first point of two is that of one",
    "sampling/film.py: px = tiles.shape[-1] -> "
    "px = tiles.shape[(1)]": "a page enlarges by 1 at least, so that any smaller side is the same",
    "sampling/film.py: px = tiles.shape[-1] -> px = tiles.shape[-(2)]": "images are square",
    "sampling/film.py: y, x = (place * resolution // image.shape[-1] for place in (row, column)) -> "
    "y, x = (place * resolution // image.shape[(1)] for place in (row, column))": "images are square",
    "sampling/film.py: y, x = (place * resolution // image.shape[-1] for place in (row, column)) -> "
    "y, x = (place * resolution // image.shape[-(2)] for place in (row, column))": "images are square",
    "sampling/film.py: nexts = np.zeros(len(labels), dtype=np.int64) -> "
    "nexts = (np.ones(len(labels), dtype=np.int64))": "each sample has a next one, so that all are replaced",
    "training/core/augmentation/methods.py: return images.contiguous(memory_format=torch.channels_last) -> "
    "return (images)": "the layout in memory: speed, not the values",
    "training/core/augmentation/diffaugment.py: side = images.shape[-1] -> "
    "side = images.shape[-(2)]": "images are square",
    "training/core/augmentation/ada.py: side = images.shape[-1] -> "
    "side = images.shape[-(2)]": "images are square",
    "sampling/library.py: batch_size: int = 64, -> "
    "batch_size: int = (65),": "how many are drawn at once: memory, not the samples",
    "training/core/augmentation/ada.py: _where(gate, (2 * u - 1) * math.pi, 0.0) for gate, u in ((first, angle), (second, other)) -> "
    "_where(gate, ((2 * u + 1)) * math.pi, 0.0) for gate, u in ((first, angle), (second, other))": "angles a whole turn apart are the same",
    "training/core/augmentation/ada.py: @ turn_hue(_where(turns, (2 * angle - 1) * math.pi, 0.0)) -> "
    "@ turn_hue(_where(turns, ((2 * angle + 1)) * math.pi, 0.0))": "angles a whole turn apart are the same",
    "training/core/augmentation/diffaugment.py: height, width = images.shape[-2:] -> "
    "height, width = images.shape[(2):]": "images have four dimensions",
}
