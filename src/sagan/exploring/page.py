"""The page itself: widgets and what they call; what they show is made in `pictures`."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read while Gradio is imported
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gradio as gr

from sagan.exploring import pictures
from sagan.exploring.views import End, Explorer, Place
from sagan.naming import full_names

SAMPLES = 8
FONTS = ["system-ui", "Segoe UI", "Roboto", "sans-serif"]  # the reader's own: nothing is fetched
MONO = ["ui-monospace", "Consolas", "monospace"]
CSS = """
.gradio-container {max-width: 1180px !important; margin: 0 auto !important}
#sample img, #other img, .map img {image-rendering: pixelated}
#sample img, #other img {cursor: crosshair}
#gallery, #gallery .gallery-container, #gallery .grid-wrap {
  min-height: 0 !important; height: auto !important; overflow: hidden; min-width: 0
}
#gallery .grid-container {
  grid-template-columns: repeat(8, minmax(0, 1fr)); grid-auto-rows: auto; gap: 6px; height: auto
}
#gallery button.thumbnail-item {min-width: 0; height: auto; aspect-ratio: 1; width: 100%}
@media (max-width: 640px) {
  #gallery .grid-container {grid-template-columns: repeat(4, minmax(0, 1fr))}
}
#said {min-height: 1.6em}
footer {display: none !important}
"""
HINT = "**Where it looks**; click on any point of the sample"


def theme() -> gr.themes.Default:
    """Plain, in the reader's own fonts, light or dark as the system has it."""
    return gr.themes.Default(primary_hue="cyan", neutral_hue="slate", font=FONTS, font_mono=MONO)


def build(explorer: Explorer, other: Explorer | None, folder: Path) -> gr.Blocks:
    """The page.

    Args:
        explorer: The generator looked into.
        other: Another one to compare it with, at the same latents and the same point.
        folder: Where downloads are written.
    """
    return _Page(explorer, other, folder).blocks()


class _Page:
    """The widgets, and what they call."""

    def __init__(self, explorer: Explorer, other: Explorer | None, folder: Path) -> None:
        self._explorers = [explorer] + ([other] if other else [])
        bundle = explorer.bundle
        self._names = list(full_names(bundle.class_names, bundle.class_titles))
        self._folder = folder

    def blocks(self) -> gr.Blocks:
        """Lay the widgets out and wire them."""
        with gr.Blocks(title="SAGAN explorer", analytics_enabled=False) as blocks:
            gr.Markdown(self._heading())
            point, index = gr.State((0.5, 0.5)), gr.State(0)
            with gr.Row(equal_height=False):
                with gr.Column(scale=1, min_width=280):
                    ends = self._controls()
                with gr.Column(scale=3, min_width=300):
                    gr.Markdown("**Samples of the class**; click one to look into it")
                    gallery = gr.Gallery(
                        show_label=False,
                        columns=SAMPLES,
                        height="auto",
                        object_fit="contain",
                        allow_preview=False,
                        elem_id="gallery",
                        buttons=[],
                    )
                    gr.Markdown(HINT)
                    shown = [self._frame(i) for i in range(len(self._explorers))]
                    said = gr.Markdown(elem_id="said")
                    with gr.Row():
                        png = gr.DownloadButton("Picture (PNG)", elem_id="png", size="sm")
                        npz = gr.DownloadButton("Latents (NPZ)", elem_id="npz", size="sm")
            state = [*ends, index, point]
            outputs = [widget for frame in shown for widget in frame] + [said, png, npz]
            self._wire(blocks, ends, gallery, shown, state, outputs)
        return cast(gr.Blocks, blocks)

    def _heading(self) -> str:
        bundle = self._explorers[0].bundle
        blocks = ", ".join(f"{r}x{r}" for r in self._explorers[0].resolutions) or "none"
        return (
            f"# Where does it look?\n{bundle.num_classes} classes at {bundle.image_size} px, "
            f"{bundle.facts.get('images_seen', 0):,} images seen, "
            f"weights: {bundle.facts.get('weights', 'raw')}; self-attention at: {blocks}"
        )

    def _controls(self) -> list[Any]:
        names = self._names
        label = gr.Dropdown(names, value=names[0], label="Class", type="index", elem_id="class")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="seed")
        truncate = gr.Checkbox(value=False, label="Truncate latents beyond")
        truncation = gr.Slider(
            0.1, 2.0, 1.0, step=0.05, label="Standard deviations", elem_id="truncation"
        )
        with gr.Accordion("Slide to another", open=True):
            share = gr.Slider(0, 1, 0, step=0.02, label="Share of the way", elem_id="share")
            to = gr.Dropdown(names, value=names[-1], label="Class there", type="index")
            to_seed = gr.Number(0, label="Seed there", precision=0, minimum=0)
        return [label, seed, truncate, truncation, share, to, to_seed]

    def _frame(self, which: int) -> list[gr.Image]:
        """The sample and its maps, of one generator."""
        explorer = self._explorers[which]
        whose = self._whose(explorer)
        name = "sample" if which == 0 else "other"
        with gr.Row():
            widgets = [_picture(f"Sample{whose}", name)]
            widgets += [
                _picture(f"Attention {r}x{r}{whose}", f"{name}-{r}", "map")
                for r in explorer.resolutions
            ]
        return widgets

    def _whose(self, explorer: Explorer) -> str:
        return "" if len(self._explorers) == 1 else f" ({explorer.bundle.path.name})"

    def _wire(  # noqa: PLR0917
        self,
        blocks: gr.Blocks,
        ends: list[Any],
        gallery: gr.Gallery,
        shown: list[list[gr.Image]],
        state: list[Any],
        outputs: list[Any],
    ) -> None:
        index, point = state[-2:]
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
        redraw: dict[str, Any] = {"fn": self.draw, "inputs": state, "outputs": outputs, **quiet}
        begin: dict[str, Any] = {
            "fn": self.begin,
            "inputs": state,
            "outputs": [gallery, index, *outputs],
            **quiet,
        }
        blocks.load(**begin)
        for widget in ends[:4]:
            widget.change(**begin)
        for widget in ends[4:]:
            widget.change(**redraw)
        gallery.select(self.chosen, state, [index, *outputs], **quiet)
        for frame in shown:
            frame[0].select(self.pointed, state, [point, *outputs], **quiet)

    def begin(self, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another class, seed or truncation: new samples, the first of them looked into."""
        *ends, _index, point = values
        place = _place(ends, 0)
        images = _say(self._explorers[0].samples, place.start, SAMPLES, place.truncation)
        gallery = [pictures.sample_picture(image) for image in images]
        return [gallery, 0, *self.draw(*ends, 0, point)]

    def chosen(self, event: gr.SelectData, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another of the samples."""
        *ends, _index, point = values
        index = int(event.index)
        return [index, *self.draw(*ends, index, point)]

    def pointed(self, event: gr.SelectData, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another point of the sample."""
        width = pictures.width_px(self._explorers[0].bundle.image_size)
        point = pictures.point_of(event.index[0], event.index[1], width)
        return [point, *self.draw(*values[:-1], point)]

    def draw(self, *values: Any) -> list[Any]:  # noqa: ANN401
        """The sample, its maps, what is said of them, and the downloads."""
        *ends, index, point = values
        place = _place(ends, index)
        drawn: list[Any] = []
        said = []
        for explorer in self._explorers:
            view = _say(explorer.view, place)
            drawn.append(pictures.sample_picture(view.image, point))
            for resolution in explorer.resolutions:
                drawn.append(pictures.map_picture(view, resolution, point))
                said.append(pictures.describe(view, resolution, point) + self._whose(explorer))
        words = ". ".join(said) or "This generator has no self-attention: there is no map to draw"
        return [*drawn, f"{words}.", *self._downloads(place)]

    def _downloads(self, place: Place) -> list[Any]:
        explorer = self._explorers[0]
        name = f"sample-{abs(hash(place)):016x}"
        png, npz = self._folder / f"{name}.png", self._folder / f"{name}.npz"
        pictures.write_png(png, explorer.view(place))
        if place.label is None:
            none = gr.DownloadButton("Latents (not between classes)", interactive=False)
            return [gr.DownloadButton(value=str(png)), none]
        pictures.write_latents(npz, explorer, place)
        kept = gr.DownloadButton("Latents (NPZ)", value=str(npz), interactive=True)
        return [gr.DownloadButton(value=str(png)), kept]


def _picture(title: str, name: str, *classes: str) -> gr.Image:
    with gr.Column(min_width=130):
        gr.Markdown(title)
        return gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            format="png",
            elem_id=name,
            elem_classes=[*classes],
        )


def _say(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """What the function returns; its complaint is shown on the page."""
    try:
        return function(*arguments)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _place(ends: Sequence[Any], index: int) -> Place:
    """Where the controls say that we are; an emptied one counts as 0."""
    label, seed, truncate, truncation, share, to, to_seed = ends
    start = End(int(label or 0), int(seed or 0), int(index))
    end = replace(start, class_label=int(to or 0), seed=int(to_seed or 0))
    # the same vector is kept whole: no arc is drawn between two equal ends
    share = 0.0 if end == start else float(share)
    return Place(start, end if share else None, share, float(truncation) if truncate else None)


def launch(
    blocks: gr.Blocks, host: str, port: int, folder: str, *, inbrowser: bool = False
) -> None:
    """Start to serve, in a thread; nothing is shared, counted or fetched."""
    blocks.launch(
        server_name=host,
        server_port=port,
        share=False,
        inbrowser=inbrowser,
        ssr_mode=False,
        quiet=True,
        prevent_thread_lock=True,
        allowed_paths=[folder],
        footer_links=[],
        enable_monitoring=False,
        theme=theme(),
        css=CSS,
    )
