"""The artefacts of a run that never was: plausible in shape and size, for the reader's side."""

import json
import math

import numpy as np

RUN = "0123456789ab"
CLASSES = [f"digit_{index}" for index in range(10)]


def older_journal(records: int = 400) -> list[dict]:
    """The columns of a run that nobody watched."""
    rng = np.random.default_rng(0)
    lines: list[dict] = [{"event": "resumed", "images_seen": 6400}]
    for step in range(1, records + 1):
        noise = rng.normal(scale=0.1, size=4)
        lines.append(
            {
                "step": step,
                "images_seen": 64 * step,
                "discriminator_loss": 2 * math.exp(-step / 80) + 0.8 + noise[0],
                "generator_loss": 0.4 * math.sin(step / 60) + noise[1],
                "real_logits": 0.5 + noise[2],
                "fake_logits": -0.5 + noise[3],
                "images_per_second": 700 + 40 * noise[0],
                "gamma/generator/16x16_attention": 0.3 * (1 - math.exp(-step / 100)),
                "gamma/discriminator/16x16_attention": -0.1 * (1 - math.exp(-step / 200)),
            }
        )
    return lines


def journal(records: int = 400) -> list[dict]:
    """The same run watched: every tenth record with a look, and two warnings."""
    lines = older_journal(records)
    for line in lines[1:]:
        step = line["step"]
        line["overfitting/real_signs"] = 0.7 * (1 - math.exp(-step / 200))
        line["gradient_norm/discriminator"] = 3 + abs(line["real_logits"])
        line["gradient_norm/generator"] = 1.5 + abs(line["generator_loss"])
        if step % 10 == 0:
            line["diversity"] = 0.8 - 0.7 * math.exp(-step / 90)
            line["diversity_min"] = 0.8 * line["diversity"]
            line["margin"] = line["real_logits"] - line["fake_logits"]
            line["overfitting/train_logits"] = 0.5 + step / records
            line["overfitting/val_logits"] = 0.5 - step / records / 2
            for network in ("generator", "discriminator"):
                name = f"attention_entropy/{network}/16x16_attention"
                line[name] = 1 - step / records / (4 if network == "generator" else 9)
    lines.insert(11, warning(10, "collapse: the generator's samples of a class are near copies"))
    return [*lines, warning(records, "the discriminator has won: margin 12 & more")]


def warning(step: int, message: str) -> dict:
    return {"event": "warning", "step": step, "images_seen": 64 * step, "message": message}


def summary() -> dict:
    return {
        "images_seen": 25_600,
        "steps": 400,
        "train_seconds": 168.4,
        "images_per_second": 152.0,
        "parameters_generator": 1_234_567,
        "parameters_discriminator": 765_432,
        "device": "cpu",
        "fingerprint": {"run": RUN, "device": "cpu", "threads": 2, "torch": "2.11.0"},
    }


def bundle_config() -> dict:
    return {
        "format": "sagan-generator-1",
        "image_size": 32,
        "class_names": CLASSES,
        "generator": {"latent_dim": 64, "base_channels": 16, "attention_resolutions": [16]},
        "facts": {"weights": "ema", "images_seen": 25_600, "fingerprint": {"run": RUN}},
    }


def picture(height: int = 660, width: int = 720) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    wave = (127 + 100 * np.sin(rows / 9) * np.cos(columns / 11)).astype(np.uint8)
    return np.repeat(wave[..., None], 3, axis=2)


def _truncated(truncation: float, distance: float, precision: float, recall: float) -> dict:
    shares = {"precision": precision, "recall": recall}
    return {"truncation": truncation, "frechet_distance": distance, **shares}


def score_events() -> list[dict]:
    """Small evaluations of the run: the third is the best."""
    values = (55.0, 26.15, 3.25, 3.75)
    scored = {"event": "score", "metric": "fd_classifier", "train_seconds": 9.0}
    return [
        {**scored, "step": 100 * n, "images_seen": 6400 * n, "value": value, "scores": {}}
        for n, value in enumerate(values, start=1)
    ]


def pictures(image_size: int = 16, num_classes: int = 10) -> dict[str, np.ndarray]:
    """As the evaluation leaves them: two pairs, and samples of three classes."""
    images = np.random.default_rng(0).integers(0, 256, (40, 3, image_size, image_size), np.uint8)
    ends = np.array([1, 2, num_classes - 1])
    return {
        "pair_samples": images[:2],
        "pair_sample_labels": np.array([2, 7]),
        "pair_sample_indices": np.array([202, 7]),
        "pair_drawn": np.array([False, True]),
        "pair_neighbours": images[2:8].reshape(2, 3, 3, image_size, image_size),
        "pair_neighbour_labels": np.array([[2, 2, 3], [7, 7, 7]]),
        "pair_neighbour_indices": np.array([[327, 1, 2], [3, 4, 5]]),
        "pair_distances": np.array([[1.5556, 1.6, 1.7], [3.25, 3.5, 3.75]]),
        "class_labels": ends,
        "class_distances": np.array([41.5, 12.0, 5.8]),
        "class_samples": images[8:20],
        "class_sample_labels": np.repeat(ends, 4),
        "class_real": images[20:29],
        "class_real_labels": np.repeat(ends, 3),
        "metadata": np.array(json.dumps({"samples": metrics()["protocol"]["samples"]})),
    }


def metrics() -> dict:
    return {
        "fd_classifier": 12.3456,
        "recognised": 0.971,
        "classifier": {"accuracy": 0.991, "images": 1797},
        "diversity_mean": 0.78,
        "diversity_min": 0.61,
        "precision": 0.871,
        "recall": 0.476,
        "fd_classifier_infinity": 11.5,
        "intra_fd_classifier": 20.0,
        "intervals": {
            "recognised": {"low": 0.96, "high": 0.98, "level": 0.95, "method": "Wilson"},
        },
        "details": {
            "intra_class": {"table": {"digit_1": 41.5, "digit_0": 5.8, "digit_2": None}},
            "recognised_by_class": {"digit_1": 0.98, "digit_0": 1.0, "digit_2": None},
            "truncation_sweep": [
                _truncated(0.5, 149.0, 0.95, 0.2),
                _truncated(1.0, 31.0, 0.9, 0.4),
            ],
            "nearest_training_images": {
                "training_images": "1,501 of 1,501",
                "closest": [{"sample": 202, "training_images": [327], "distances": [1.5556]}],
                "drawn": [{"sample": 7, "training_images": [1], "distances": [3.25]}],
            },
        },
        "self_test": {"halves": 0.4, "precision": 0.92, "recall": 0.94},
        "warnings": ["1,000 samples are fewer than recommended: the distance is biased upwards."],
        "protocol": {
            "samples": {"count": 1000, "generator": {"fingerprint": {"run": RUN}}},
            "reference": {"count": 1797, "split": "train", "features": "classifier"},
            "versions": {"numpy": "2.3.0", "torch": "2.11.0"},
        },
    }


def validation_report() -> dict:
    return {
        "passed": True,
        "data_hash": "abc123",
        "counts": {"images": 1836, "bad_images": 1, "classes": 10, "train_images": 1835},
        "expectations": [
            {
                "description": "every class has images",
                "severity": "critical",
                "passed": True,
                "observed": "170 to 197",
            }
        ],
        "failures": [],
        "warnings": ["even_classes: classes are of like size; found 170 to 197"],
        "class_histogram": {
            name: {"train": 170 + 3 * index, "val": 0} for index, name in enumerate(CLASSES)
        },
        "facts": {"format": {"PNG": 1835}, "width": {"min": 8, "median": 8.0, "max": 8}},
        "quarantine": [{"path": "train/digit_3/0007.png", "reason": "truncated <file>"}],
        "offenders": {},
        "versions": {"great_expectations": "1.24.1"},
    }
