"""The page: widgets and their callbacks; `pictures` draws what they show."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, cast

import gradio as gr

from sagan.common.naming import full_names
from sagan.common.terminal import format_error
from sagan.explorer import pictures
from sagan.explorer.candidates import Candidate
from sagan.explorer.completer import Completer
from sagan.explorer.completion_tab import CompletionTab
from sagan.explorer.views import Endpoint, LatentPoint
from sagan.sampling.config import FilmConfig
from sagan.sampling.film import shares, write_film

SAMPLES = 8
_DOWNLOAD = "() => document.querySelector('#made').click()"  # once it is made
_FILM = "Film (WebP)"
HINT = "**Attention maps**: click on any point of the sample"


class Page:
    """The widgets and their callbacks."""

    def __init__(
        self, candidates: Sequence[Candidate], folder: Path, completer: Completer | None = None
    ) -> None:
        """Show the generators side by side, at the same latents and the same point.

        Args:
            candidates: The generators.
            folder: Where downloads are written.
            completer: Of the tab of completions; None: there is none.
        """
        self._completer = completer
        self._candidates = list(candidates)
        self._first = candidates[0].explorer.bundle
        self._names = list(full_names(self._first.class_names, self._first.class_titles))
        self._folder = folder
        self._writing = Lock()  # Gradio calls from several threads, perhaps for the same sample

    def blocks(self) -> gr.Blocks:
        """Lay out the widgets and connect their callbacks."""
        with gr.Blocks(title="SAGAN explorer", analytics_enabled=False) as blocks:
            gr.Markdown(self._heading())
            with gr.Tab("Attention"):
                self._attention(blocks)
            if self._completer is not None:
                with gr.Tab("Completion"):
                    CompletionTab(self._completer).build()
        return cast(gr.Blocks, blocks)

    def _attention(self, blocks: gr.Blocks) -> None:
        point, index = gr.State((0.5, 0.5)), gr.State(0)
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=280, elem_id="controls"):
                shown, *ends = self._controls()
            with gr.Column(scale=3, min_width=300):
                title, gallery = gr.Markdown(), _gallery()
                gr.Markdown(HINT)
                frames = [self._frame(i) for i in range(len(self._candidates))]
                described = gr.Markdown(elem_id="description")
                with gr.Row():
                    png = gr.DownloadButton("Picture (PNG)", elem_id="png", size="sm")
                    npz = gr.DownloadButton("Latents (NPZ)", elem_id="npz", size="sm")
                    film = gr.Button(_FILM, elem_id="film", size="sm")
                made = gr.DownloadButton(visible="hidden", elem_id="made")
        state = [shown, *ends, index, point]
        outputs = [widget for frame in frames for widget in frame] + [described, png, npz]
        self._wire(blocks, [title, gallery], frames, state, outputs)
        begun = film.click(lambda: gr.Button("Drawing the film ...", interactive=False), None, film)
        drawn = begun.then(self.film, state, made)
        drawn.success(fn=None, js=_DOWNLOAD)  # not of an earlier film where this one was refused
        for ended in (drawn.success, drawn.failure):
            ended(lambda: gr.Button(_FILM, interactive=True), None, film)

    def _heading(self) -> str:
        first = self._candidates[0]
        blocks = ", ".join(f"{r}x{r}" for r in first.explorer.resolutions) or "none"
        grey = ", grey" if self._first.image_channels == 1 else ""
        alone = f"weights: {first.name}; " if len(self._candidates) == 1 else ""
        return (
            f"# Generator explorer\n{self._first.num_classes} classes at "
            f"{self._first.image_size} px{grey}, {self._first.facts.get('images_seen', 0):,} "
            f"images seen, {alone}self-attention at: {blocks}"
        )

    def _controls(self) -> list[Any]:
        names = self._names
        shown = gr.CheckboxGroup(
            [candidate.name for candidate in self._candidates],
            value=[candidate.name for candidate in self._candidates if candidate.shown],
            label="Weights shown",
            type="index",
            visible=len(self._candidates) > 1,
            elem_id="shown",
        )
        label = gr.Dropdown(names, value=names[0], label="Class", type="index", elem_id="class")
        seed = gr.Number(0, label="Seed", precision=0, elem_id="seed")
        truncate = gr.Checkbox(value=False, label="Truncate latents beyond")
        truncation = _slider(
            0.1, 2.0, 1.0, step=0.05, label="Std. deviations", elem_id="truncation"
        )
        with gr.Accordion("Interpolate to another sample", open=True, elem_id="interpolation"):
            t = _slider(0, 1, 0, step=0.02, label="Interpolation", elem_id="t")
            to = gr.Dropdown(names, value=names[-1], label="Class of the other", type="index")
            to_seed = gr.Number(0, label="Seed of the other", precision=0)
        return [shown, label, seed, truncate, truncation, t, to, to_seed]

    def _frame(self, number: int) -> list[Any]:
        """The sample and the maps of one candidate, which can be hidden together."""
        candidate = self._candidates[number]
        name = "sample" if number == 0 else f"other{number}"
        with gr.Column(visible=candidate.shown) as frame:
            if len(self._candidates) > 1:
                gr.Markdown(f"**{candidate.name}**")
            with gr.Row():
                widgets = [_picture("Sample", name, "sample")]
                widgets += [
                    _picture(f"Attention {r}x{r}", f"{name}-{r}", "map")
                    for r in candidate.explorer.resolutions
                ]
        return [frame, *widgets]

    def _wire(
        self,
        blocks: gr.Blocks,
        samples: list[Any],
        frames: list[list[Any]],
        state: list[Any],
        outputs: list[Any],
    ) -> None:
        shown, *ends, index, point = state
        quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
        redraw: dict[str, Any] = {"fn": self.draw, "inputs": state, "outputs": outputs, **quiet}
        switch = redraw | {"fn": self.switch, "outputs": [*samples, *outputs]}
        blocks.load(**switch)
        for widget in (shown, *ends[:4]):
            widget.change(**switch)
        for widget in ends[4:]:
            widget.change(**redraw)
        samples[1].select(self.chosen, state, [index, *outputs], **quiet)
        for _frame, sample, *_maps in frames:
            sample.select(self.pointed, state, [point, *outputs], **quiet)

    def switch(self, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another class, seed or truncation, or other weights: the samples, and one enlarged.

        It stays the one of the same index, which has the same latents where the class is another.
        """
        latent_point, shown = _latent_point(values[1:-2], 0), self._shown(values[0])
        images = [
            pictures.sample_picture(image)
            for one in shown
            for image in _error_on_page(
                one.explorer.samples, latent_point.start, SAMPLES, latent_point.truncation
            )
        ]
        names = ", then ".join(one.name for one in shown)
        title = "**Samples of the class**" + (f" ({names})" if len(self._candidates) > 1 else "")
        gallery = gr.Gallery(images, selected_index=values[-2])  # marked
        return [f"{title}; click one to enlarge it", gallery, *self.draw(*values)]

    def chosen(self, event: gr.SelectData, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another of the samples, of any weights."""
        *before, _index, point = values
        index = int(event.index) % SAMPLES
        return [index, *self.draw(*before, index, point)]

    def pointed(self, event: gr.SelectData, *values: Any) -> list[Any]:  # noqa: ANN401
        """Another point of the sample."""
        width = pictures.width_px(self._first.image_size)
        point = pictures.point_of(event.index[0], event.index[1], width)
        return [point, *self.draw(*values[:-1], point)]

    def draw(self, *values: Any) -> list[Any]:  # noqa: ANN401
        """The samples, their maps, their descriptions, and the downloads."""
        checked, *ends, index, point = values
        latent_point, shown = _latent_point(ends, index), self._shown(checked)
        drawn: list[Any] = []
        described = []
        for candidate in self._candidates:
            seen, resolutions = candidate in shown, candidate.explorer.resolutions
            drawn.append(gr.Column(visible=seen))
            if not seen:
                drawn += [gr.skip()] * (1 + len(resolutions))
                continue
            view = _error_on_page(candidate.explorer.view, latent_point)
            drawn.append(pictures.sample_picture(view.image, point))
            drawn += [pictures.map_picture(view, r, point) for r in resolutions]
            whose = f"{candidate.name}, " if len(self._candidates) > 1 else ""
            described += [f"{whose}{pictures.describe(view, r, point)}." for r in resolutions]
        none = "This generator has no self-attention: there is no map to draw."
        words = "  \n".join(described) or none  # a line each
        return [*drawn, words, *self._downloads(shown[0], latent_point)]

    def film(self, *values: Any) -> str:  # noqa: ANN401
        """The way to the other sample and back, with the maps of the first weights shown."""
        checked, *ends, index, point = values
        ends[4] = 0.5  # of the way: whatever the slider says
        latent_point, shown = _latent_point(ends, index), self._shown(checked)[0]
        if latent_point.end is None:
            raise gr.Error("choose another class or seed to interpolate to", print_exception=False)
        config = FilmConfig()
        folder = self._download_folder(latent_point, point, self._candidates.index(shown))
        path = folder / f"{_file_name(latent_point)}.{config.format}"
        frames = pictures.film_frames(shown.explorer, latent_point, point, shares(config))
        _error_on_page(write_film, path, frames, config)
        return str(path)

    def _shown(self, checked: Sequence[int]) -> list[Candidate]:
        """The candidates that are ticked; the first one where none is."""
        return [self._candidates[i] for i in sorted(checked)] or self._candidates[:1]

    def _download_folder(self, *shown: Any) -> Path:  # noqa: ANN401
        """A folder of what is shown, so that files in it can have names for people."""
        folder = self._folder / f"{abs(hash(shown)):016x}"
        _error_on_page(partial(folder.mkdir, exist_ok=True))
        return folder

    def _downloads(self, candidate: Candidate, latent_point: LatentPoint) -> list[Any]:
        explorer = candidate.explorer
        folder = self._download_folder(latent_point, self._candidates.index(candidate))
        png, npz = (folder / f"{_file_name(latent_point)}.{kind}" for kind in ("png", "npz"))
        with self._writing:
            _error_on_page(pictures.write_png, png, explorer.view(latent_point))
            if latent_point.label is None:
                none = gr.DownloadButton("Latents (not between classes)", interactive=False)
                return [gr.DownloadButton(value=str(png)), none]
            _error_on_page(pictures.write_latents, npz, explorer, latent_point)
        kept = gr.DownloadButton("Latents (NPZ)", value=str(npz), interactive=True)
        return [gr.DownloadButton(value=str(png)), kept]


def _file_name(latent_point: LatentPoint) -> str:
    """Name of a download: class, seed and index of the sample, and of the one on the way to."""
    ends = [latent_point.start, *([latent_point.end] if latent_point.end else [])]
    return "_to_".join(f"class{end.class_label}_seed{end.seed}_{end.index}" for end in ends)


def _slider(low: float, high: float, value: float, **options: Any) -> gr.Slider:  # noqa: ANN401
    """A slider; a number typed into its box that lies beyond an end is taken as that end."""

    def within(typed: float | None) -> float:
        return value if typed is None else min(max(typed, low), high)

    slider = gr.Slider(low, high, value, **options)
    slider.preprocess = within  # type: ignore[assignment]  # Gradio's own fails with a traceback
    return slider


def _gallery() -> gr.Gallery:
    return gr.Gallery(
        show_label=False,
        columns=SAMPLES,
        selected_index=0,
        height="auto",
        object_fit="contain",
        allow_preview=False,
        elem_id="gallery",
        buttons=[],
    )


def _picture(title: str, name: str, kind: str) -> gr.Image:
    with gr.Column(min_width=130):
        gr.Markdown(title)
        return gr.Image(
            show_label=False,
            interactive=False,
            buttons=[],
            format="png",
            elem_id=name,
            elem_classes=[kind],
        )


def _error_on_page(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    """Call a function; the page shows what it raises of a wrong value or of the disk."""
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        raise gr.Error(format_error(error), print_exception=False) from None


def _latent_point(ends: Sequence[Any], index: int) -> LatentPoint:
    """The point that the controls select; an emptied one counts as 0."""
    label, seed, truncate, truncation, t, to, to_seed = ends
    start = Endpoint(int(label or 0), int(seed or 0), int(index))
    end = replace(start, class_label=int(to or 0), seed=int(to_seed or 0))
    # equal ends are not interpolated, so that the vector stays the same
    t = 0.0 if end == start else float(t)
    return LatentPoint(start, end if t else None, t, float(truncation) if truncate else None)
