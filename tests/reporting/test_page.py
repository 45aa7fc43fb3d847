"""The report page: self-contained, complete, and honest about what is missing."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from sagan.reporting.config import ReportingConfig
from sagan.reporting.page import Contents, render_report
from sagan.sampling.config import SamplingConfig
from sagan.sampling.picture import Picture
from tests import fabricated_run as run

# names, never fetched
NAMESPACES = r"http://www\.w3\.org/(2000/svg|1999/xlink)"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Nesting(HTMLParser):
    """Follows the tags; anything that closes what is not open is a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        """Opens and closes at once: nothing to follow."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def contents(**changed) -> Contents:
    parts = {
        "validation_report": run.validation_report(),
        "bundle": run.bundle_config(),
        "journal": run.journal(),
        "summary": run.summary(),
        "sample_grid": run.picture(66, 72),
        "attention_maps": run.picture(40, 240),
        "metrics": run.metrics(),
        "pictures": run.pictures(),
        "parameters": {
            "training": {"batch_size": 64, "model": {"image_size": 32}},
            "reporting": ReportingConfig(),
        },
    }
    return Contents(**(parts | changed))


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(ReportingConfig(title="Ten digits"), contents())


def text(page: str) -> str:
    """What a reader sees, without pictures, styles and scripts."""
    unseen = r"<style>.*?</style>|<script.*?</script>|<[^>]+>"
    return re.sub(r"\s+", " ", re.sub(unseen, " ", page, flags=re.DOTALL))


def test_name_of_the_run_is_in_the_title() -> None:
    named = run.summary()
    named["fingerprint"]["run_name"] = "wider <discriminator>"
    page = render_report(ReportingConfig(title="Ten digits"), contents(summary=named))
    assert "<title>Ten digits: wider &lt;discriminator&gt;</title>" in page
    assert "<h1>Ten digits: wider &lt;discriminator&gt;</h1>" in page


def test_page_is_sound_html_without_any_outside_reference(page: str) -> None:
    parser = Nesting()
    parser.feed(page)
    assert parser.open == []
    assert parser.addresses
    inside = ("data:image/png;base64,", "data:image/webp;base64,", "#", "data:,")
    assert all(address.startswith(inside) for address in parser.addresses)
    assert "http" not in re.sub(NAMESPACES, "", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "fetch" not in page
    assert "XMLHttpRequest" not in page


def test_the_sections_that_are_linked_exist(page: str) -> None:
    parser = Nesting()
    parser.feed(page)
    linked = [address[1:] for address in parser.addresses if address.startswith("#")]
    assert len(linked) == 9
    assert all(f'id="{name}"' in page for name in linked)


def test_page_is_silent_about_studies_and_where_they_live() -> None:
    url = "postgresql://ann:s3cret@host/studies"
    shown = render_report(
        ReportingConfig(title="Ten digits"), contents(parameters={"tuning": {"storage": url}})
    )
    assert "s3cret" not in shown


def test_page_tells_everything(page: str) -> None:
    shown = text(page)
    for fact in (
        "Ten digits",
        "25,600",  # images seen
        "2 min 48 s",  # training time
        "12.35",  # the distance
        "recognised as the class asked for",
        "97.1%",
        "reference.split train",
        "1,000 samples against 1,797 real images of train",
        "The samples nearest to any training image",
        "digit_2 beside digit_2, digit_3 at 1.556",
        "Samples drawn at random",
        "digit_7 at 3.25",
        "digit_9 distance 5.8",
        "digit_9 197",
        "passed every class has images",
        "data hash abc123",
        "truncated &lt;file&gt;",
        "model.image_size 32",
        "curve_points 300",
        "torch 2.11.0",
        run.RUN,
        "resumed: images seen 6,400",
        "16x16_attention",
        "Diversity real images 1, copies of one image 0",
    ):
        assert fact in shown, fact


def test_warnings_come_before_the_pictures(page: str) -> None:
    for warning in (
        "1 image could not be used and was left out",
        "even_classes: ",
        "biased upwards",
        "Training at 640 images: collapse: ",
        "Training at 25,600 images: the discriminator has won: margin 12 &amp; more",
    ):
        assert 0 <= page.find(warning) < page.index('id="samples"'), warning


def warning_section(page: str) -> str:
    return page.split('class="warnings"')[1].partition("</section>")[0]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {
                "event": "non_finite",
                "images_seen": 6400,
                "message": "the generator's update is not finite: loss nan",
                "facts": {"loss": "nan"},
            },
            "Training at 6,400 images, non finite: the generator&#39;s update is not finite",
        ),
        (
            {"event": "resumed_elsewhere", "images_seen": 64, "message": "device: cpu -> cuda"},
            "Training at 64 images, resumed elsewhere: device: cpu -&gt; cuda",
        ),
        ({"event": "of_a_later_version", "count": 3}, "of a later version: count 3"),
    ],
)
def test_whatever_happened_in_training_is_said_first(record: dict, expected: str) -> None:
    page = render_report(ReportingConfig(), contents(journal=[*run.older_journal(20), record]))
    assert expected in warning_section(page)


def test_a_model_that_training_started_from_is_named_and_no_warning() -> None:
    event = {"event": "started_from", "step": 0, "images_seen": 0, "message": "generator: 41 of 44"}
    journal = [event | {"start": {"given": "model"}}, *run.older_journal(20)]
    page = render_report(ReportingConfig(), contents(journal=journal))
    assert "started from: generator: 41 of 44; step 0, images seen 0" in page
    assert "generator: 41 of 44" not in warning_section(page)


def test_a_resumed_run_is_no_warning() -> None:
    page = render_report(ReportingConfig(), contents(journal=run.older_journal(20)))
    assert "Training" not in warning_section(page)


def test_many_training_warnings_do_not_bury_the_page() -> None:
    many = [run.warning(step, f"trouble {step}") for step in range(1, 31)]
    page = render_report(ReportingConfig(), contents(journal=[*run.older_journal(20), *many]))
    assert warning_section(page).count("trouble") == 8
    assert "Training: 22 more such events" in warning_section(page)
    assert "trouble 30" in page.split('id="curves"')[1]


def test_missing_evaluation_is_said_plainly() -> None:
    shown = text(render_report(ReportingConfig(), contents(metrics=None)))
    assert "The evaluation has not run: this page has no metrics." in shown
    assert "nothing was measured" in shown


def test_artefacts_of_two_runs_are_not_passed_off_as_one() -> None:
    other = {"fingerprint": {"run": "ffffffffffff"}}
    measured = run.metrics() | {"protocol": {"samples": {"generator": other}}}
    for changed, name in (
        ({"summary": run.summary() | other}, "summary and curves"),
        ({"metrics": measured}, "metrics"),
    ):
        shown = text(render_report(ReportingConfig(), contents(**changed)))
        assert f"The generator is of run {run.RUN}, the {name} of run ffffffffffff" in shown


def test_numbers_and_pictures_of_different_weights_are_told_first() -> None:
    measured = run.metrics()
    measured["protocol"]["samples"]["generator"]["weights"] = "raw"
    bundle = run.bundle_config() | {"raw": {"weights_sha256": "0", "facts": {"weights": "raw"}}}
    page = render_report(ReportingConfig(), contents(metrics=measured, bundle=bundle))
    assert "The metrics are of the run&#39;s raw weights; samples by class" in warning_section(page)
    shown = text(page)
    assert "1,000 samples of the raw weights against 1,797 real images of train." in shown
    assert "drawn by the generator with its averaged weights (EMA) from random latents" in shown
    assert "The bundle holds the raw weights too" in shown


def test_metrics_of_another_checkpoint_of_the_run_are_told() -> None:
    """As after `training.export=best` without an evaluation."""
    bundle = run.bundle_config()
    bundle["facts"]["images_seen"] = 640
    measured = run.metrics()
    measured["protocol"]["samples"]["generator"] = run.bundle_config()["facts"]
    page = warning_section(
        render_report(ReportingConfig(), contents(bundle=bundle, metrics=measured))
    )
    assert "The metrics are of the generator after 25,600 images" in page
    assert "that after 640: `kedro run --pipeline=evaluate` measures it." in page


def test_truncated_samples_are_called_so_whatever_the_parameters_are_now(page: str) -> None:
    grid = Picture.of(run.picture(66, 72), None, 1.3)
    shown = text(render_report(ReportingConfig(), contents(sample_grid=grid)))
    assert "from random latents, without components beyond 1.3 standard deviations" in shown
    assert "without components beyond" not in text(page)
    later = contents(parameters={"sampling": SamplingConfig(truncation=1.3)})
    assert "without components beyond" not in text(render_report(ReportingConfig(), later))


def test_parameters_of_the_training_are_those_that_it_recorded(page: str) -> None:
    """Those of a later command, such as an evaluation without the same `--params`, are not."""
    trained = run.summary() | {"parameters": {"batch_size": 16, "total_images": 64000}}
    shown = text(render_report(ReportingConfig(), contents(summary=trained)))
    rows = shown[shown.index("Configuration The training") :]
    assert "batch_size 16" in rows
    assert "total_images 64,000" in rows
    assert "batch_size 64" not in rows
    before = text(page)  # made from a summary of an earlier version, which has none
    assert "batch_size 64" in before[before.index("Configuration The training") :]


def test_of_one_kind_of_weights_there_is_nothing_to_warn_of(page: str) -> None:
    measured = run.metrics()
    measured["protocol"]["samples"]["generator"]["weights"] = "ema"
    alone = render_report(ReportingConfig(), contents(metrics=measured))
    for shown in (alone, page):
        assert "The metrics are of the run" not in shown
        assert "holds the raw weights too" not in shown


def test_pictures_of_an_earlier_generator_are_told() -> None:
    bundle = run.bundle_config() | {"weights_sha256": "of these"}
    for grid, maps, told in (
        ("of these", "of these", None),
        (None, None, None),
        ("of these", "of others", "Attention maps are of another generator"),
        ("of others", "of others", "Samples by class and attention maps are of another generator"),
    ):
        pictures = {
            "sample_grid": Picture.of(run.picture(66, 72), grid),
            "attention_maps": Picture.of(run.picture(40, 240), maps),
        }
        page = render_report(ReportingConfig(), contents(bundle=bundle, **pictures))
        assert ("of another generator than this one" in page) is (told is not None)
        assert told is None or told in warning_section(page)


def test_a_report_on_other_images_than_were_trained_on_is_told() -> None:
    facts = run.bundle_config()["facts"]
    for data_hash, told in (("def456", True), ("abc123", False)):
        bundle = run.bundle_config() | {"facts": facts | {"data_hash": data_hash}}
        page = render_report(ReportingConfig(), contents(bundle=bundle))
        assert ("trained on other images than those under Data" in page) is told


def test_classes_are_called_what_people_call_them() -> None:
    report = run.validation_report() | {"class_titles": {"digit_9": "nine, the last"}}
    shown = text(render_report(ReportingConfig(), contents(validation_report=report)))
    assert "nine (digit_9) distance 5.8" in shown
    assert "nine (digit_9) 197" in shown


def test_a_bundle_alone_says_what_its_classes_are_called() -> None:
    bundle = run.bundle_config() | {"class_titles": {"digit_1": "one", "digit_2": "two, deuce"}}
    shown = text(render_report(ReportingConfig(), contents(bundle=bundle)))
    assert "two beside two, digit_3 at 1.556" in shown
    assert "one (digit_1) 41.5" in shown


def test_offenders_are_shown_and_what_was_not_looked_at_is_told() -> None:
    offender = {"expectation": "path_once", "path": "train/<a>.png", "said": "twice"}
    report = run.validation_report() | {
        "pictures": [
            offender | {"picture": "data:image/jpeg;base64,AAAA"},
            {"expectation": "content_once", "path": "train/b.png", "said": "", "picture": None},
        ],
        "skipped": [{"name": "known", "description": "classes are known", "reason": "no list"}],
    }
    page = render_report(ReportingConfig(), contents(validation_report=report))
    assert 'src="data:image/jpeg;base64,AAAA"' in page
    assert "train/&lt;a&gt;.png path_once: twice" in text(page)
    assert "train/b.png content_once " in text(page)
    assert "1 not checked known classes are known no list" in text(page)


def test_pictures_of_other_samples_or_of_none_are_told() -> None:
    other = run.pictures() | {"metadata": np.array('{"samples": {"count": 3}}')}
    shown = text(render_report(ReportingConfig(), contents(pictures=other)))
    assert "not of the samples that were measured" in shown
    shown = text(render_report(ReportingConfig(), contents(pictures=None)))
    assert "The evaluation left no pictures" in shown
    assert "Samples drawn at random" not in shown


def test_what_was_not_measured_is_named() -> None:
    bare = {name: value for name, value in run.metrics().items() if name != "details"}
    bare = {name: value for name, value in bare.items() if name not in {"precision", "recall"}}
    nothing = {name: array[:0] for name, array in run.pictures().items() if name != "metadata"}
    nothing["metadata"] = run.pictures()["metadata"]
    page = render_report(ReportingConfig(), contents(metrics=bare, pictures=nothing))
    assert "Not measured: a kernel distance, precision and recall, memorisation." in text(page)
    assert 'id="classes"' not in page
    assert 'id="neighbours"' not in page


def test_scores_while_training_are_drawn_and_no_warnings() -> None:
    page = render_report(
        ReportingConfig(), contents(journal=[*run.older_journal(20), *run.score_events()])
    )
    assert "Score while training" in text(page)
    assert "best 3.25" in text(page)
    assert "Training" not in warning_section(page)


def test_one_score_while_training_is_a_number() -> None:
    journal = [*run.older_journal(20), run.score_events()[0] | {"value": 55.31}]
    page = text(render_report(ReportingConfig(), contents(journal=journal)))
    assert "Score while training" not in page
    assert "fd classifier, while training" in page
    assert "55.31" in page


def test_a_run_of_a_thousand_classes_stays_a_page_that_can_be_sent() -> None:
    names = [f"n{index:08d}" for index in range(1000)]
    table = {name: 1.0 + index for index, name in enumerate(names)}
    measured = run.metrics()
    measured["details"]["intra_class"] = {"table": table}
    page = render_report(
        ReportingConfig(),
        contents(
            bundle=run.bundle_config() | {"class_names": names, "image_size": 128},
            metrics=measured,
            pictures=run.pictures(image_size=128, num_classes=1000),
        ),
    )
    assert len(page) < 5_000_000
    shown = text(page)
    assert "The worst and the best classes, the worst first" in shown
    assert "n00000999 distance 5.8" in shown
    assert "n00000500" not in shown


def test_a_page_without_warnings_has_no_warning_section() -> None:
    parts = {
        "validation_report": run.validation_report() | {"warnings": [], "counts": {}},
        "journal": run.older_journal(20),
        "metrics": run.metrics() | {"warnings": []},
    }
    assert "<h2>Warnings</h2>" not in render_report(ReportingConfig(), contents(**parts))


def test_many_classes_are_summed_up() -> None:
    many = {f"n{index:08d}": {"train": 1250 - index, "val": 50} for index in range(1000)}
    report = run.validation_report() | {"class_histogram": many}
    shown = text(render_report(ReportingConfig(), contents(validation_report=report)))
    assert "fewest images in a class 301" in shown
    assert "n00000500" not in shown


def test_empty_journal_still_gives_a_page() -> None:
    assert "The journal has no records" in render_report(ReportingConfig(), contents(journal=[]))
