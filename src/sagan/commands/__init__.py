"""The command line: options of `kedro run`, and errors in the user's words."""

# name: where it is defined, its line in the help, and examples, the first of which the group's help
# shows too; a second word makes a command of its own, so that one view lists all of them
COMMANDS = {
    "data": (
        "data:data",
        "Make image shards of a folder or a known data set.",
        ["sagan data /path/to/images --image-size 64 --out shards"],
    ),
    "data transfer": (
        "data:transfer",
        "Copy shards to or from another machine.",
        [
            "sagan data transfer shards/<key> s3://bucket/shards",
            "sagan data transfer s3://bucket/shards/<key> /local/shards",
        ],
    ),
    "train": (
        "train:train",
        "Train on image shards, or resume an interrupted run.",
        ["sagan train shards/<key> --out runs --set batch_size=64 --dry-run"],
    ),
    "train prune": (
        "prune:prune",
        "List training runs, and remove old ones.",
        ["sagan train prune data/06_models/checkpoints --yes"],
    ),
    "sample": (
        "sample:sample",
        "Draw samples and attention maps from a generator.",
        ["sagan sample BUNDLE --classes 3,7 --count 8 --out pictures --npz"],
    ),
    "complete": (
        "complete:complete",
        "Complete the hidden part of images.",
        ["sagan complete BUNDLE photographs --mask lower_half --out completed"],
    ),
    "evaluate": (
        "evaluate:evaluate",
        "Compare a generator's samples with real images.",
        [
            "sagan evaluate runs/<run>/generator shards/<key> --out metrics.json",
            "sagan evaluate pictures/samples photographs --features rotation",
        ],
    ),
    "explore": (
        "explore:explore",
        "Open a page of a generator: attention, completion.",
        ["sagan explore BUNDLE --compare OTHER_BUNDLE"],
    ),
    "run": (
        "run:run_packaged",
        "Run pipelines, as `kedro run` does.",
        ["sagan run --pipeline=train"],
    ),
    "tune": (
        "run:tune",
        "Search hyperparameters with Optuna.",
        ["sagan tune --params=tuning.trials=50"],
    ),
    "tune adopt": (
        "studies:adopt",
        "Write a study's best parameters into conf/.",
        ["sagan tune adopt --env tiny_imagenet64 --as tiny_imagenet64_tuned"],
    ),
    "compare": (
        "run:compare",
        "Train and compare model variants over several seeds.",
        ["sagan compare --env=tiny_imagenet64"],
    ),
    "compare publish": (
        "studies:publish",
        "Write a comparison's tables, pictures and page.",
        ["sagan compare publish comparison_rows.json --runs runs --out published"],
    ),
    "export": (
        "run:export",
        "Make a folder to share: weights, card, program.",
        ["sagan export --params=export.license=mit"],
    ),
}
