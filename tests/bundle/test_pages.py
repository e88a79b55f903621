"""Every command on a page is one that would be taken, and every link leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.bundle.commands import commands_in, refused
from tests.bundle.files import read

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([\w-]+))?\)")
# Named as a whole on some pages, with alternatives between bars.
NOT_LITERAL = re.compile(r"\||…|\.\.\.")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_commands_that_are_taken(page: Path) -> None:
    bundle = read(ROOT)
    faults = {
        line: why
        for line, whole in commands_in(page.read_text())
        if not NOT_LITERAL.search(line) and (why := refused(line, ROOT, bundle, whole=whole))
    }

    assert faults == {}


def test_the_runbook_holds_commands_of_each_kind() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    found = [line for line, whole in commands_in(text) if whole]

    assert len(found) >= 20
    for wanted in ("jobs repair", "materialize", "rollback", "bundle deploy", "restate"):
        assert any(wanted in line for line in found)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stockade rolback m", "No such command 'rolback'"),
        ("stockade score m --since 2026-03-01", "Missing option '--until'"),
        ("stockade score m --since 2026-03-01 --until march", "'march' is no time"),
        ("stockade jobs run scores", "no job 'scores': did you mean 'score'"),
        ("stockade jobs run score --param dais=3", "no parameter 'dais': did you mean 'days'"),
        ("stockade jobs repair last", "Invalid value for 'run'"),
        ("databricks bundle deploy -t production", "no target 'production'"),
        ("make tests", "did you mean 'test'"),
    ],
)
def test_a_wrong_command_is_noticed(line: str, said: str) -> None:
    assert said in str(refused(line, ROOT, read(ROOT)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for path, heading in LINK.findall(page.read_text()):
        if re.match(r"https?:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            broken.append(path)
        elif heading and target.suffix == ".md" and heading not in _headings(target):
            broken.append(f"{path}#{heading}")

    assert broken == []


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
