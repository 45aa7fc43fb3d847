"""Rows of runs that never were."""


def row(variant, seed, *, status="trained", **metrics):
    made = {"variant": variant, "recipe": None, "seed": seed, "total_images": 36_000}
    if status == "diverged":
        return made | {"status": status, "message": "not finite", "metrics": {}, "curve": []}
    points = [{"images_seen": n, "train_seconds": n / 100, "scores": metrics} for n in (100, 200)]
    return made | {
        "status": status,
        "message": "",
        "run": f"{variant}{seed}",
        "bundle": f"{variant}{seed}/generator",
        "warnings": [],
        "collapsed": False,
        "train_seconds": 100.0,
        "images_per_second": 360.0,
        "parameters_generator": 1000,
        "parameters_discriminator": 2000,
        "fingerprint": {"run": f"{variant}{seed}"},
        "metrics": metrics,
        "protocol": {"name": None},
        "curve": points,
        "attention": {"gamma/generator/8x8": -0.2, "attention_entropy/generator/8x8": 0.9},
    }
