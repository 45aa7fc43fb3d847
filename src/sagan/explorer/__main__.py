"""`sagan explore BUNDLE`: the page, on this machine alone, until Ctrl-C."""

import logging
import socket
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from sagan.common.terminal import Parser, fit_log_to_terminal, worded, write_error
from sagan.processes.signals import interrupt_on_signal

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"
MISSING = "the explorer needs Gradio: pip install gradio (`make setup` does that)"


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m sagan.explorer") -> int:
    """Serve the page; 0 after Ctrl-C, 1 after one clear message."""
    options = _parser(prog).parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio asking itself whether it is up
    fit_log_to_terminal()
    try:
        explore(
            options.bundle,
            options.compare,
            weights=options.weights,
            port=options.port,
            device=options.device,
        )
    except (ValueError, OSError, ImportError) as error:
        write_error(f"error: {worded(error)}")
        return 1
    except KeyboardInterrupt:  # while large libraries are imported; later it is the way to end
        return 130
    return 0


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
        ImportError: without Gradio.
        OSError: when a bundle is missing or the port is taken.
        ValueError: when a bundle is damaged or has no such weights, or the two do not go together.
    """
    if find_spec("gradio") is None:
        raise ImportError(MISSING)
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.explorer.candidates import candidates

    port = free_port(port)
    bundles = [GeneratorBundle.open(path) for path in (bundle, compare) if path is not None]
    found = candidates(bundles, str(choose_device(device)), weights)
    from sagan.explorer import page, serving

    with interrupt_on_signal(), tempfile.TemporaryDirectory(prefix="sagan-explore-") as folder:
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


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Explore a generator: click on a point of a sample and see its attention maps. "
        "The page is served on this machine only.",
    )
    option = parser.add_argument
    option("bundle", type=Path, metavar="BUNDLE", help="folder with generator.safetensors")
    option("--compare", type=Path, metavar="BUNDLE", help="a second bundle to compare")
    option("--weights", choices=("ema", "raw"), help="only averaged or only raw; default: all")
    option("--port", type=int, help="default: the first free one from 7860")
    option("--device", choices=("cpu", "cuda"), default="cpu")
    return parser


if __name__ == "__main__":
    sys.exit(main())
