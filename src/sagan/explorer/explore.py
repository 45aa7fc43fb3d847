"""Serving the explorer's page on this machine alone, without network access, until Ctrl-C."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import gradio as gr
from gradio import processing_utils, routes
from PIL import Image

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.completion.config import CompletionConfig
from sagan.data.shards.store import ShardStore
from sagan.explorer.candidates import candidates
from sagan.explorer.completer import Completer
from sagan.explorer.guard import MAX_UPLOAD_BYTES, guard
from sagan.explorer.page import Page

logger = logging.getLogger(__name__)

_GRADIO_FOLDER = "GRADIO_TEMP_DIR"
_GRADIO_DEFAULT = "DEFAULT_TEMP_DIR"  # read when Gradio is imported; each page makes a folder in it
_GRADIO_SAVES = "save_pil_to_cache"
_saving = Lock()
HOST = "127.0.0.1"
FONTS = ["system-ui", "Segoe UI", "Roboto", "sans-serif"]  # the reader's own: nothing is fetched
MONO = ["ui-monospace", "Consolas", "monospace"]
CSS = """
.gradio-container {max-width: 1180px !important; margin: 0 auto !important}
.sample img, .map img {image-rendering: pixelated}
.sample img {cursor: crosshair}
#gallery, #gallery .gallery-container, #gallery .grid-wrap {
  min-height: 0 !important; height: auto !important; overflow: hidden; min-width: 0
}
#gallery .grid-container {
  grid-template-columns: repeat(8, minmax(0, 1fr)); grid-auto-rows: auto; gap: 6px; height: auto
}
#gallery button.thumbnail-item {min-width: 0; height: auto; aspect-ratio: 1; width: 100%}
.images, .images .gallery-container, .images .grid-wrap {
  min-height: 0 !important; height: auto !important; overflow: hidden; min-width: 0
}
.images img {image-rendering: pixelated}
.images .grid-container {
  grid-template-columns: repeat(4, minmax(0, 1fr)); grid-auto-rows: auto; gap: 6px; height: auto
}
/* its canvas keeps the width that the column had at first */
#editor .pixi-target {display: flex; justify-content: center; overflow: hidden}
#editor canvas {flex-shrink: 0}
#completions .grid-container {grid-template-columns: repeat(2, minmax(0, 1fr))}
.images button.thumbnail-item {min-width: 0; height: auto; aspect-ratio: 1; width: 100%}
@media (max-width: 640px) {
  #gallery .grid-container {grid-template-columns: repeat(4, minmax(0, 1fr))}
  /* the samples come before the interpolation, or a phone shows none of them at first */
  #controls {display: contents}
  #interpolation {order: 2}
}
#description {min-height: 1.6em}
footer {display: none !important}
"""


def explore(
    bundle: Path,
    compare: Path | None = None,
    *,
    weights: str | None = None,
    shards: Path | None = None,
    encoders: Path | None = None,
    completion: CompletionConfig | None = None,
    port: int | None = None,
    device: str = "cpu",
    open_browser: bool = False,
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        bundle: Folder of the generator.
        compare: Folder of another one, for the same classes and latents.
        weights: `ema` or `raw`, these alone; None: all that there are, to switch between.
        shards: Whose validation images can be completed; None: samples.
        encoders: Folder where the encoder of completion is kept; None: for this page only.
        completion: How completions are searched; None: the defaults.
        port: None: the first free one from 7860.
        device: auto, cpu, cuda, or one of several GPUs, such as cuda:1.
        open_browser: Open a tab there.

    Raises:
        OSError: when a bundle is missing or the port is taken.
        ValueError: when a bundle is damaged or has no such weights, or the two do not go together.
    """
    bundles = [GeneratorBundle.open(path) for path in (bundle, compare) if path is not None]
    chosen = str(choose_device(device))
    found = candidates(bundles, chosen, weights)
    store = None if shards is None else ShardStore.open(shards)
    with _temporary_folder() as folder:
        kept = encoders or Path(folder, "encoders")
        completer = Completer(found[0].explorer.bundle, chosen, kept, store, completion)
        blocks = Page(found, Path(folder), completer).blocks()
        launch(blocks, port, folder, inbrowser=open_browser)
        try:
            logger.info("%s (Ctrl-C ends it)", blocks.local_url)
            blocks.block_thread()
        except KeyboardInterrupt:  # a moment before Gradio waits for it
            blocks.close(verbose=False)
    if completer.computing:  # torch aborts a process that ends while another thread computes
        logging.shutdown()
        os._exit(0)


@contextmanager
def _temporary_folder() -> Iterator[str]:
    """A folder for all files of the page, Gradio's too, that is removed at the end."""
    before = os.environ.get(_GRADIO_FOLDER)
    with tempfile.TemporaryDirectory(prefix="sagan-explore-") as folder:
        os.environ[_GRADIO_FOLDER] = folder
        default = vars(routes).get(_GRADIO_DEFAULT)
        setattr(routes, _GRADIO_DEFAULT, folder)
        try:
            yield folder
        finally:
            setattr(routes, _GRADIO_DEFAULT, default)
            os.environ.pop(_GRADIO_FOLDER)
            if before is not None:
                os.environ[_GRADIO_FOLDER] = before


def launch(blocks: gr.Blocks, port: int | None, folder: str, *, inbrowser: bool = False) -> None:
    """Start the server in a thread, without sharing, telemetry or network access.

    Raises:
        OSError: when the port is taken.
    """
    setattr(processing_utils, _GRADIO_SAVES, saved_once)
    theme = gr.themes.Default(
        primary_hue="cyan", neutral_hue="slate", font=FONTS, font_mono=MONO
    )  # light or dark as the system is set
    try:
        blocks.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            inbrowser=inbrowser,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
            allowed_paths=[folder],
            footer_links=[],
            enable_monitoring=False,
            max_file_size=MAX_UPLOAD_BYTES,
            theme=theme,
            css=CSS,
        )
    except OSError:
        which = f"port {port} is in use" if port is not None else "no free port from 7860 to 7959"
        raise OSError(f"{which}; choose another with --port, or leave it out") from None
    guard(blocks)


def saved_once(
    img: Image.Image,
    cache_dir: str,
    name: str = "image",
    format: str = "webp",  # noqa: A002 - named by Gradio
) -> str:
    """The file of a picture, named by its content and written if it is not there.

    Gradio's own function writes it anew each time, also while a browser reads it, which then gets
    a part of the picture.
    """
    content = processing_utils.encode_pil_to_bytes(img, format)  # type: ignore[no-untyped-call]
    path = Path(cache_dir, processing_utils.hash_bytes(content), f"{name}.{format}").resolve()
    with _saving:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".saving")
            temporary.write_bytes(content)
            temporary.replace(path)
    return str(path)
