"""What differs from typing a page's commands as they stand: each difference by name.

Keys are a command's text, or a phrase of it. Every key must be met in the pages, and every command
is executed unless it stands here (`test_tables.py`).
"""

# not to be typed as they stand: a sentence names the command, not what it is told
NAMES = {
    "dvc artifacts get",
    "dvc exp run -S",
    "dvc get",
    "dvc import",
    "dvc plots",
    "dvc update",
    "git clone",
    "git switch",
    "kedro ipython",
    "python -m benchmarks.preprocessing",
    "python -m benchmarks.small_data",
    "sagan complete",
    "sagan data",
    "sagan data transfer",
    "sagan sample",
    "sagan train",
}

# executed nowhere, and why (also in docs/contributing.md)
NOT_EXECUTED = {
    "make commands": "this program itself",
    "python -m tests.documented --only tuning.md": "this program itself",
    "python -m tests.documented --setup": "this program itself",
    "make test": "the test suite, which takes as long again",
    "make test-fast": "a part of the test suite",
    "python -m benchmarks.coverage": "the test suite once more",
    "python -m benchmarks.mutation": "takes hours",
    "docker build -t sagan --build-arg DEVICE=cuda .": "needs Docker",
    "docker run --rm --gpus all --ipc=host -v sagan-data:/project/data sagan kedro run "
    "--pipeline=train": "needs Docker and a GPU",
    "kedro mlflow init --env base": "needs kedro-mlflow, which is no dependency",
    "kedro airflow create --pipelines __default__ --group-by namespace": "needs kedro-airflow, "
    "which is no dependency",
    "kedro docker init": "needs kedro-docker, which is no dependency",
    "kedro dagster init": "needs kedro-dagster, which is no dependency",
    "kedro dagster dev": "needs kedro-dagster, which is no dependency",
    "uv pip install -c requirements.lock sagan_kedro-*.whl": "needs an environment of its own",
    "pip install --no-deps sagan_kedro-*.whl": "needs an environment of its own",
    'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)': "needs a SLURM cluster",
    "options=training.devices=8,training.nnodes=$SLURM_NNODES": "needs a SLURM cluster",
    "options=$options,training.rdzv_endpoint=$head:29500,"
    "training.rdzv_id=sagan-$SLURM_JOB_ID": "needs a SLURM cluster",
    'srun --cpus-per-task="$SLURM_CPUS_PER_TASK" .venv/bin/kedro run --pipeline=training '
    '--env=imagenet128 --params="$options"': "needs a SLURM cluster",
    'status=$?; [ $status -eq 75 ] && scontrol requeue "$SLURM_JOB_ID"; exit $status': "needs a "
    "SLURM cluster",
}

# executed with `--setup` only: they fetch packages, 3.5 GB in all
FETCHES_PACKAGES = {
    "make setup": "makes an environment; the one that runs this program is used instead",
    "make lock": "resolves the lock again",
    "pip install --group core": "the environment that runs this program has it",
    "kedro package": "builds in an environment that it downloads",
}

# what stands for the user's own: a phrase -> with what it is filled, a method of `world.World`
PLACES = {
    "/path/to/images": "images",
    "/path/to/cifar10": "cifar10",
    "/path/to/tiny_imagenet": "tiny_imagenet",
    "/my/images": "images",
    "benchmarks.preprocessing DIR": "benchmark_images",
    "evaluate A B": "two_sets",
    "/path/to/the/archives": "archives",
    "/data/kaggle": "kaggle",
    "/data/photos": "photos",
    "/data": "archives",
    "/local/shards": "local_shards",
    "/some/folder": "remote",
    "/mnt/shared/sagan": "shared_remote",
    "/fast/disk": "fast_disk",
    "inception_weights=FILE": "inception_weights",
    "FILE.npz": "latents",
    "BUNDLE": "bundle",
    "--out DIR": "out",
    "SHARDS --out RUNS": "shards_and_runs",
    "<repository>": "repository",
    "few/<key>": "few_images",
    "ten/<key>": "ten_classes",
    "ten_few/<key>": "ten_classes_few_images",
    "checkpoints/<run>": "cifar10_run",
    "cifar10/05_model_input/shards/<key>": "cifar10_store",
    " shards/<key>": "own_store",
    "<key>": "key",
    "runs/<run>": "newest_run",
    "continue_from=<run>": "default_run",
    "<name>": "experiment",
    "<file>": "report",
    "<stage>": "stage",
    "<environment>": "environment",
    "ann:secret@db.example/studies": "postgresql",
}

# a phrase of a command -> what is typed in its stead, so that it takes seconds
LIGHTER_WORDS = {
    "--mask lower_half --out completed": "--mask lower_half --out completed --encoder-steps 20",
    "training.total_images=20000": "training.total_images=1024",
    "training.total_images=640000": "training.total_images=128",
    "training.total_images=64000": "training.total_images=24",
    "training.total_images=96000": "training.total_images=1024",
    "training.total_images=256000": "training.total_images=16",
    "training.seed=1,2,3": "training.seed=1,2",
    "tuning.trials=12,tuning.training.total_images=32000,tuning.score_every_images=8000": (
        "tuning.trials=3,tuning.training.total_images=128,tuning.score_every_images=64"
    ),
    "--config parameters_training.yml": "--config conf/base/parameters_training.yml",
    "evaluation.num_samples=1000,evaluation.sweep.num_samples=1000": (
        "evaluation.num_samples=24,evaluation.sweep.num_samples=24"
    ),
    "banana;espresso;goldfish;jellyfish;king penguin;ladybug;monarch;pizza;spider web;"
    "triumphal arch": "00_circle;01_square",
    "--steps 1500 --total-images 12800": (
        "--steps 100 --total-images 16 --variants scratch frozen --seeds 2 --jobs 1 --samples 40"
        " --least-accuracy 0"
    ),
    "benchmarks.completion --env=cifar10 --images 200": (
        "benchmarks.completion --env=cifar10 --images 4 --masks center --encoder-steps 5"
        " --refine-steps 2 --steps 200"
    ),
    "benchmarks.completion": (
        "benchmarks.completion --images 4 --masks center --encoder-steps 5 --refine-steps 2"
    ),
    "--variants none diffaugment ada --total-images 48000": (
        "--total-images 16 --variants none ada --seeds 2 --jobs 1 --samples 40 --steps 100"
        " --least-accuracy 0"
    ),
    "benchmarks.photographs": "benchmarks.photographs --samples 100 --steps 200",
    "benchmarks.training_step": (
        "benchmarks.training_step --image-size 32 --base-channels 8 --num-classes 10"
        " --batch-size 8 --rounds 1"
    ),
    "benchmarks.gpu": "benchmarks.gpu --device cpu --quick",
    "benchmarks.bf16_quality": "benchmarks.bf16_quality --seeds 2",
    "benchmarks.preprocessing DIR": "benchmarks.preprocessing DIR --limit 20 --rounds 1",
    "benchmarks.batches": (
        "benchmarks.batches --count 128 --sizes 32 --rounds 1 --seconds 0.1 --base-channels 8"
        " --step-batch-size 8"
    ),
    "benchmarks.tuning": "benchmarks.tuning --seeds 2",
    "benchmarks.tuning --seeds 5": "benchmarks.tuning --seeds 2",
    "benchmarks.evaluation": (
        "benchmarks.evaluation --dimensions 128 --distance-rounds 1 --batch-size 2 --rounds 1"
        " --images 8 --image-size 32 --base-channels 8 --samples 256"
    ),
    "benchmarks.validation": "benchmarks.validation --rows 130000",
    "benchmarks.checkpoints": "benchmarks.checkpoints --rounds 1",
    "benchmarks.resume --kills 25": "benchmarks.resume --kills 2 --steps 60",
}

# they serve until they are stopped: what the page that they serve must say
SERVERS = {
    "kedro viz run": "Kedro-Viz",
    "kedro explore": "gradio",
    "sagan explore": "gradio",
    "kedro jupyter lab": "JupyterLab",
    "tensorboard": "TensorBoard",
    "optuna-dashboard": "Optuna",
}

# how a command begins whose status 1 is an answer and no failure: small budgets decide nothing
ANSWERS = (
    "python -m benchmarks.bf16_quality",
    "python -m benchmarks.completion --env=cifar10",
    "python -m benchmarks.photographs",
    "python -m benchmarks.tuning",
)

# first lines of what happens elsewhere than in the project's folder
ELSEWHERE = {
    "git clone <repository> sagan": "another_machine",
    "tar -xzf conf-sagan.tar.gz": "where_the_wheel_is",
}
