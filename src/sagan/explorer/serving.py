"""Style and server of the page: on this machine alone, without network access or telemetry."""

import gradio as gr

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
@media (max-width: 640px) {
  #gallery .grid-container {grid-template-columns: repeat(4, minmax(0, 1fr))}
  /* the samples come before the interpolation, or a phone shows none of them at first */
  #controls {display: contents}
  #interpolation {order: 2}
}
#description {min-height: 1.6em}
footer {display: none !important}
"""


def theme() -> gr.themes.Default:
    """The system's fonts, light or dark as the system is set."""
    return gr.themes.Default(primary_hue="cyan", neutral_hue="slate", font=FONTS, font_mono=MONO)


def launch(
    blocks: gr.Blocks, host: str, port: int, folder: str, *, inbrowser: bool = False
) -> None:
    """Start the server in a thread, without sharing, telemetry or network access."""
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
