"""A study is gone on with only where it is the same."""

import optuna
import pytest

from sagan.tuning.study import OtherStudyError
from tests.small_world import PROTOCOL
from tests.tuning.conftest import STUDY

STORAGES = ["journal", "sqlite"]


def name_of(storage, tmp_path):
    return None if storage == "journal" else f"sqlite:///{tmp_path}/study.db"


@pytest.mark.parametrize("storage", STORAGES)
def test_another_search_space_is_refused_with_a_diff(opened, storage, tmp_path):
    where = {"storage": name_of(storage, tmp_path)}
    opened(**where)
    space = STUDY["search_space"] | {"discriminator_steps": {"type": "int", "low": 1, "high": 4}}
    with pytest.raises(OtherStudyError) as refused:
        opened(search_space=space, **where)
    assert str(refused.value) == (
        "tuning.study: 'small' was started with other settings (then -> now):\n"
        "  search_space.discriminator_steps.high: 3 -> 4\n"
        "set them back, or give another name, for example tuning.study=small_2"
    )
    opened(search_space=space, study="small_2", **where)


@pytest.mark.parametrize("storage", STORAGES)
def test_another_direction_is_refused(opened, storage, tmp_path):
    where = {"storage": name_of(storage, tmp_path), "evaluation": PROTOCOL | {"neighbours": {}}}
    opened(**where)
    with pytest.raises(OtherStudyError, match=r'objectives: .*-> \["recall"\]'):
        opened(objectives=["recall"], **where)
    with pytest.raises(OtherStudyError, match=r"objectives: .*train_seconds"):
        opened(objectives=["fd_classifier", "train_seconds"], **where)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"total_images": 40}}, "training.total_images: 30 -> 40"),
        ({"base": {"loss": "bce"}}, 'training.loss: "hinge" -> "bce"'),
        ({"evaluation": PROTOCOL | {"num_samples": 20}}, "evaluation.num_samples: 12 -> 20"),
        ({"score_every_images": 15}, "score_every_images: 10 -> 15"),
    ],
)
def test_what_would_make_trials_incomparable_is_refused(opened, changes, said):
    opened()
    with pytest.raises(OtherStudyError) as refused:
        opened(**changes)
    assert said in str(refused.value)


def test_a_changed_study_may_have_a_name_of_its_own(opened, monkeypatch):
    """As DVC's stage asks for: nothing is refused, and no trial of another study counts."""

    def name(**changes):
        spec, queue = opened(when_changed="afresh", **changes)
        assert queue.study.study_name == spec.config.study
        return spec.config.study

    first = name()
    assert first.startswith("small-")
    assert name(trials=9, workers=3, heartbeat_seconds=7) == first  # goes on with it
    others = [
        name(training={"total_images": 40}),
        name(base={"loss": "bce"}),
        name(sampler={"type": "random", "seed": 1}),
        name(pruner={"type": "median"}),
        name(warm_starts={"fast": {"generator_lr": 0.009}}),
    ]
    monkeypatch.setattr("sagan.tuning.study.source_hash", lambda *_: "of other code")
    others.append(name())
    assert len({first, *others}) == 7


def test_other_data_are_refused(opened, shards, monkeypatch):
    opened()
    monkeypatch.setattr(type(shards), "data_hash", property(lambda self: "of others"))
    with pytest.raises(OtherStudyError, match=r"data.data_hash"):
        opened()


def test_how_it_is_worked_on_may_change(opened):
    opened()
    opened(
        base={"device": "auto", "threads": 2, "log_every_steps": 7},
        trials=9,
        workers=3,
        sampler={"type": "tpe", "seed": 4},
        pruner={"type": "percentile", "percentile": 30},
        evaluation=PROTOCOL | {"device": "auto"},
        keep_checkpoints=True,
    )


def test_a_study_that_others_made_is_refused(opened, tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    theirs = optuna.create_study(
        study_name="small", storage=optuna.storages.JournalStorage(backend)
    )
    theirs.enqueue_trial({"x": 1})
    with pytest.raises(OtherStudyError, match="that this project did not make"):
        opened()


def test_warm_starts_are_queued_once_the_default_first(opened):
    for _ in range(2):
        _, queue = opened(warm_starts={"default": {}, "fast": {"generator_lr": 0.009}})
    names = [trial.user_attrs["name"] for trial in queue.trials()]
    assert names == ["default", "fast"]
    fixed = [trial.system_attrs["fixed_params"]["generator_lr"] for trial in queue.trials()]
    assert fixed == [0.002, 0.009]


def test_a_study_whose_making_was_interrupted_is_finished(opened, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "enqueue_trial", killed)
        with pytest.raises(KeyboardInterrupt):
            opened()
    _, queue = opened()
    assert [trial.user_attrs["name"] for trial in queue.trials()] == ["default"]
