"""The page's tab of completion: an image, a painted mask, completions, and their attention."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from sagan.common.naming import full_names
from sagan.common.terminal import format_error
from sagan.completion.masks import REGIONS, Mask, region
from sagan.completion.results import rmse
from sagan.explorer.completer import IMAGES_OFFERED, Completer, Pixels, blended
from sagan.explorer.pictures import sample_picture, width_px

PAINT = (225, 29, 72)
UNKNOWN, OWN = "unknown", "none: paint it yourself"
FIRST = "lower_half"
NOTE = (
    "Choose or upload an image, and paint over what is to be hidden. The generator invents it; "
    "it does not know it, and cannot say who is in a picture."
)
WAIT = "A generator's first completion trains an encoder, which takes minutes and is kept."


class CompletionTab:
    """The tab's widgets and their callbacks."""

    def __init__(self, completer: Completer) -> None:
        """Take what completes images."""
        self._completer = completer
        bundle = completer.bundle
        self._size = bundle.image_size
        self._names = list(full_names(bundle.class_names, bundle.class_titles))

    def build(self) -> None:
        """Lay out the widgets within the tab that is open, and connect their callbacks."""
        offered = self._completer.offered
        image, found, hidden = gr.State(offered[0]), gr.State(None), gr.State(None)
        gr.Markdown(NOTE)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                kind = "validation images" if self._completer.shards else "samples of the generator"
                gr.Markdown(f"**Image**: {kind}")
                images = _gallery([sample_picture(one) for one in offered], "offered")
                upload = gr.UploadButton(
                    "Upload an image", file_types=["image"], size="sm", elem_id="upload"
                )
                mask = gr.Dropdown([*REGIONS, OWN], value=FIRST, label="Mask", elem_id="mask")
                label = gr.Dropdown([UNKNOWN, *self._names], label="Class", type="index")
            with gr.Column(scale=2, min_width=300):
                gr.Markdown("**Hidden**: what is painted")
                editor = self._editor(offered[0])
                complete = gr.Button("Complete", variant="primary", elem_id="complete")
            with gr.Column(scale=2, min_width=300):
                gr.Markdown("**Completions**, the best first; click one")
                made = _gallery([], "completions", columns=2)
                said = gr.Markdown(WAIT, elem_id="completed")
        with gr.Row(equal_height=False, visible=False) as row:
            maps = [self._map(number) for number in range(1 + len(self._completer.resolutions))]
        redraw: dict[str, Any] = {"inputs": [image, mask], "outputs": editor}
        mask.change(self.draw, **redraw)
        shown = [row, *(widget for pair in maps for widget in pair)]
        done = complete.click(
            self.complete,
            [image, editor, label],
            [made, said, found, hidden],
            show_progress_on=made,  # else it covers the line below too
        ).success(self.best, [found, hidden], shown)
        # another image: what is shown, or still computed, is not of it
        cleared = [made, said, found, row]
        for chosen in (
            images.select(self.pick, None, image, cancels=done),
            upload.upload(self.upload, upload, image, cancels=done),
        ):
            chosen.success(self.clear, None, cleared).then(self.draw, **redraw)
        made.select(self.attend, [found, hidden], shown)

    def pick(self, event: gr.SelectData) -> Pixels:
        """One of the images offered."""
        chosen: Pixels = self._completer.offered[int(event.index) % IMAGES_OFFERED]
        return chosen

    def upload(self, path: str) -> Pixels:
        """An image of the user's."""
        try:
            return self._completer.read(Path(path))
        except (OSError, ValueError) as error:
            text = format_error(error).replace(path, Path(path).name)
            raise gr.Error(text, print_exception=False) from None

    def clear(self) -> list[Any]:
        """No completions, no line about them, and no maps."""
        return [[], "", None, gr.Row(visible=False)]

    def draw(self, image: Pixels, mask: str) -> Any:  # noqa: ANN401 - as the editor takes it
        """The image under a named mask, in the editor."""
        picture = sample_picture(image)
        layer = np.zeros((picture.height, picture.width, 4), np.uint8)
        if mask in REGIONS:
            factor = picture.width // self._size
            layer[region(mask, self._size).repeat(factor, 0).repeat(factor, 1)] = (*PAINT, 255)
        return {"background": picture, "layers": [layer], "composite": None}

    def complete(
        self,
        image: Pixels,
        editor: dict[str, Any],
        label: int | None,
        progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: ARG002, B008 - Gradio's way
    ) -> Iterator[list[Any]]:
        """The completions, each stage as it is found."""
        hidden = painted(editor["layers"], self._size)
        try:
            for found in self._completer.complete(image, hidden, label - 1 if label else None):
                captions, of_class = [str(n + 1) for n in range(len(found.images))], ""
                if self._completer.conditional:
                    names = [self._names[number] for number in found.class_labels.tolist()]
                    captions = [f"{n}. {name}" for n, name in enumerate(names, start=1)]
                    of_class = f"of class {names[0]}: "
                best = found.images[0].numpy()
                said = (
                    f"The best is {of_class}{rmse(image, best, ~hidden):.0f} grey "
                    f"levels from the image where it is visible, {rmse(image, best, hidden):.0f} "
                    "where it is hidden."
                )
                pictures = blended(image, found, hidden)
                yield [list(zip(pictures, captions, strict=True)), said, found, hidden]
        except (OSError, ValueError) as error:
            raise gr.Error(format_error(error), print_exception=False) from None

    def best(self, found: Any, hidden: Mask) -> list[Any]:  # noqa: ANN401
        """Where the best completion attends."""
        return self._attention(found, 0, hidden)

    def attend(self, event: gr.SelectData, found: Any, hidden: Mask) -> list[Any]:  # noqa: ANN401
        """Where the completion that was clicked attends."""
        return self._attention(found, int(event.index), hidden)

    def _attention(self, found: Any, index: int, hidden: Mask) -> list[Any]:  # noqa: ANN401
        if found is None:
            return [gr.skip()] * (3 + 2 * len(self._completer.resolutions))
        drawn = self._completer.attention(found, index, hidden)
        first = f"The generator's image of completion {index + 1}"
        lines = [first, *(text for _, text in drawn[1:])]
        pictures = [picture for picture, _ in drawn]
        shown = [one for pair in zip(pictures, lines, strict=True) for one in pair]
        return [gr.Row(visible=True), *shown]

    def _editor(self, image: Pixels) -> gr.ImageEditor:
        side = width_px(self._size)
        return gr.ImageEditor(
            self.draw(image, FIRST),
            show_label=False,
            sources=(),
            transforms=(),
            layers=False,
            buttons=[],
            canvas_size=(side, side),
            brush=gr.Brush(
                default_size=max(8, side // 12),
                colors=["#" + bytes(PAINT).hex()],
                color_mode="fixed",
            ),
            format="png",
            elem_id="editor",
        )

    def _map(self, number: int) -> tuple[gr.Image, gr.Markdown]:
        with gr.Column(min_width=130):
            picture = gr.Image(
                show_label=False,
                interactive=False,
                buttons=[],
                format="png",
                elem_id=f"hole{number}",
                elem_classes=["map"],
            )
            return picture, gr.Markdown(elem_id=f"said{number}")


def painted(layers: list[np.ndarray], size: int) -> Mask:
    """What is painted on the editor's layers, uint8 [H, W, 4]: bool [S, S]."""
    hidden = np.zeros((size, size), dtype=bool)
    for layer in layers:
        alpha = Image.fromarray(np.ascontiguousarray(layer[..., 3]))
        hidden |= np.asarray(alpha.resize((size, size), Image.Resampling.BOX)) > 127
    return hidden


def _gallery(pictures: list[Image.Image], name: str, columns: int = 4) -> gr.Gallery:
    return gr.Gallery(
        pictures,
        show_label=False,
        columns=columns,
        height="auto",
        object_fit="contain",
        allow_preview=False,
        elem_id=name,
        elem_classes=["images"],
        format="png",
        buttons=[],
    )
