from pathlib import Path

import pytest

from tests.documented.pages import PAGES, Command, documented

PAGE = """# A page

`kedro run --pipeline=a` and `dvc
push` are commands; `dvc` and `kedro …` are none.

```console
source .venv/bin/activate
# a remark
kedro run --pipeline=b   # why
kedro run \\
    --params=one=1,\\
two=2
```

```yaml
kedro: no command
```

<!-- not executed -->
`make test` takes long.
<!-- end -->

```bash
#!/bin/bash
#SBATCH --nodes=4
srun a "b # c"
```

Then `sagan sample x`.
"""


def read(folder: Path, text: str) -> list[Command]:
    page = folder / "page.md"
    page.write_text(text)
    return documented([page])


def test_commands_come_in_the_pages_order_with_their_lines(tmp_path: Path) -> None:
    assert read(tmp_path, PAGE) == [
        Command("page.md", 3, "kedro run --pipeline=a"),
        Command("page.md", 3, "dvc push"),
        Command("page.md", 7, "source .venv/bin/activate", 0),
        Command("page.md", 9, "kedro run --pipeline=b", 0),
        Command("page.md", 10, "kedro run --params=one=1,two=2", 0),
        Command("page.md", 26, 'srun a "b # c"', 2),
        Command("page.md", 29, "sagan sample x"),
    ]


def test_a_line_broken_where_the_shell_would_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"page\.md:2: a line is broken"):
        read(tmp_path, "```console\nkedro run --params='a=1,\\\nb=2'\n```\n")


def test_there_are_commands_on_every_page_that_has_some() -> None:
    commands = documented()
    pages = {command.page for command in commands}
    assert {"README.md", "training.md", "tuning.md", "reproduce.md", "share.md"} <= pages
    assert len(commands) > 150
    assert all(command.words for command in commands)
    lines = {page.name: page.read_text().splitlines() for page in PAGES}
    for command in commands:
        assert command.words[0] in lines[command.page][command.line - 1], command.place
