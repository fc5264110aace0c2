"""What comes and goes as files: a session's own, an export and its way back."""

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser as Caller
from tests.pictures import PNG

PHONE = {"width": 390, "height": 844}
DROPPED = """() => {
  const dropped = new DataTransfer();
  dropped.items.add(new File(["words"], "dropped.txt", { type: "text/plain" }));
  return dropped;
}"""


def file(name: str, content: bytes, kind: str = "application/json") -> FilePayload:
    """A file as one chooses it."""
    return FilePayload(name=name, mimeType=kind, buffer=content)


def test_files_are_kept_previewed_replaced_and_deleted_and_others_see_it_at_once(person: Opens, api: Caller) -> None:
    session = api.new_session(title="Harbour")
    here, there = person(viewport=PHONE).new_page(), person(color_scheme="dark").new_page()
    for page in (here, there):
        page.goto(f"/sessions/{session}/files/")
        expect(page.get_by_text("No files yet.")).to_be_visible()
    chosen = [file("plan.json", b'{"steps": [1]}'), file("dot.png", PNG, "image/png")]
    here.get_by_label("Choose files").set_input_files(chosen)
    expect(there.locator(".kept .name")).to_have_text(["dot.png", "plan.json"])
    there.get_by_role("button", name="Preview dot.png").click()
    expect(there.locator(".preview img")).to_have_js_property("naturalWidth", 1)
    with here.expect_file_chooser() as choosing:
        here.get_by_role("button", name="New version of plan.json").click()
    choosing.value.set_files(file("other.json", b'{"steps": [1, 2]}'))
    expect(there.get_by_role("link", name="2 versions")).to_be_visible()
    expect(there.locator(".preview img")).to_be_visible()  # what one looks at stays open
    here.get_by_role("button", name="Preview plan.json").click()
    expect(here.locator("pre")).to_contain_text('"steps": [\n    1,\n    2\n  ]')
    assert [barriers(page) for page in (here, there)] == [[], []]
    look(here, "files-phone")
    look(there, "files-dark")
    here.on("dialog", lambda dialog: dialog.accept())
    here.get_by_role("button", name="Delete version 1 of dot.png").click()
    expect(there.locator(".kept .name")).to_have_text(["plan.json"])
    there.dispatch_event("[data-drop]", "drop", {"dataTransfer": there.evaluate_handle(DROPPED)})
    expect(here.locator(".kept .name")).to_have_text(["dropped.txt", "plan.json"])


def test_a_session_goes_out_as_a_file_and_comes_back_once(page: Page, api: Caller, tmp_path: Path) -> None:
    session = api.new_session(title="A round trip")
    api.say(session, "There and back again")
    page.goto(f"/sessions/{session}/")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="JSON, to import").click()
    saved = tmp_path / "session.json"
    coming.value.save_as(saved)
    theirs = tmp_path / "conversations.json"
    told = (Path(__file__).parents[1] / "exchange" / "files" / "conversations.json").read_text()
    theirs.write_text(told)

    page.goto("/data/")
    page.get_by_label("Choose a file").set_input_files(saved)
    verdict = page.locator("[data-verdict]")
    expect(verdict).to_have_text("1 session is here already and would stay as it is.")
    expect(page.get_by_role("link", name="A round trip")).to_have_attribute("href", f"/sessions/{session}/")
    page.get_by_role("button", name="Another file").click()
    page.get_by_label("Choose a file").set_input_files(theirs)
    expect(verdict).to_contain_text("would come in. 1 session cannot be imported; the reasons are below.")
    assert barriers(page) == []
    look(page, "import-light")
    page.get_by_role("button", name="Import 2 sessions").click()
    expect(verdict).to_contain_text("2 sessions with 11 messages came in.")
    page.get_by_role("link", name="Buses and queues").click()
    expect(page.get_by_role("heading", name="Buses and queues")).to_be_visible()
    page.goto("/data/")
    page.get_by_label("Choose a file").set_input_files(theirs)
    expect(verdict).to_contain_text("2 sessions are here already")
    expect(page.get_by_role("button", name=re.compile("^Import"))).to_be_hidden()
    page.get_by_role("button", name="Another file").click()
    page.get_by_label("Choose a file").set_input_files([file("notes.txt", b"no")])
    expect(page.get_by_role("alert")).to_have_text("“notes.txt” is neither .json, .jsonl nor .zip.")


def test_an_archive_of_everything_is_made_offered_and_removed(person: Opens, api: Caller) -> None:
    api.new_session(title="Kept for good")
    page = person(color_scheme="dark", viewport=PHONE).new_page()
    page.goto("/data/")
    page.get_by_role("button", name="Make an archive").click()
    link = page.get_by_role("link", name="Download").first
    expect(link).to_be_visible()
    with page.expect_download() as coming:
        link.click()
    assert Path(coming.value.path()).read_bytes()[:2] == b"PK"
    assert barriers(page) == []
    look(page, "data-dark-phone")
    archives = page.locator(".archives li")
    number = archives.count()
    page.get_by_role("button", name="Delete the archive").first.click()
    expect(archives).to_have_count(number - 1)
