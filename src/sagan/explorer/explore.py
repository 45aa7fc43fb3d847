"""Serving the explorer's page on this machine, until Ctrl-C."""

import logging
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"


def explore(
    bundle: Path,
    compare: Path | None = None,
    *,
    weights: str | None = None,
    port: int | None = None,
    device: str = "cpu",
    open_browser: bool = False,
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        bundle: Folder of the generator.
        compare: Folder of another one, for the same classes and latents.
        weights: `ema` or `raw`, these alone; None: all that there are, to switch between.
        port: None: the first free one from 7860.
        device: cpu or cuda.
        open_browser: Open a tab there.

    Raises:
        ModuleNotFoundError: without Gradio.
        OSError: when a bundle is missing or the port is taken.
        ValueError: when a bundle is damaged or has no such weights, or the two do not go together.
    """
    if find_spec("gradio") is None:
        raise ModuleNotFoundError("No module named 'gradio'", name="gradio")
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.explorer.candidates import candidates

    port = free_port(port)
    bundles = [GeneratorBundle.open(path) for path in (bundle, compare) if path is not None]
    found = candidates(bundles, str(choose_device(device)), weights)
    from sagan.explorer import page, serving

    with tempfile.TemporaryDirectory(prefix="sagan-explore-") as folder:
        blocks = page.build(found, Path(folder))
        serving.launch(blocks, HOST, port, folder, inbrowser=open_browser)
        try:
            logger.info("http://%s:%d (Ctrl-C ends it)", HOST, port)
            blocks.block_thread()
        except KeyboardInterrupt:  # a moment before Gradio waits for it
            blocks.close(verbose=False)


def free_port(port: int | None) -> int:
    """The port asked for, or the first free one from 7860.

    Raises:
        OSError: when it is taken.
    """
    for candidate in [port] if port is not None else range(7860, 7960):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    asked = f"port {port} is in use" if port is not None else "no free port from 7860 to 7959"
    raise OSError(f"{asked}; choose another with --port, or leave it out")
