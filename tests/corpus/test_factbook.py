from __future__ import annotations

import re

import pytest

from corpus.errors import BadSource
from corpus.records import Document, Link, Skipped, document_to_json
from corpus.sources.factbook import read_factbook, render_factbook
from corpus.urls import canonical_url

COUNTRIES = "https://www.cia.gov/the-world-factbook/countries/"


@pytest.fixture(scope="module")
def items() -> list[Document | Skipped]:
    return list(read_factbook())


@pytest.fixture(scope="module")
def pages(items: list[Document | Skipped]) -> dict[str, Document]:
    return {item.title: item for item in items if isinstance(item, Document)}


def targets(page: Document) -> set[str]:
    """Slugs of the pages it links to."""
    return {link.url.removeprefix(COUNTRIES).strip("/") for link in page.links}


def anchors_in(page: Document, heading: str) -> list[str]:
    """Anchors between the one line that starts with `heading` and the next heading."""
    start = page.text.index(f"\n{heading}") + 1
    end = page.text.find("\n#", start)
    return [link.anchor for link in page.links if start <= (link.start or 0) < end]


def test_every_file_becomes_a_page_with_its_own_title_and_url(items: list[Document | Skipped]) -> None:
    documents = [item for item in items if isinstance(item, Document)]
    assert len(documents) == len(items) == 256
    assert len({page.url for page in documents}) == len({page.title for page in documents}) == 256
    for page in documents:
        assert page.url == canonical_url(page.url)
        assert re.fullmatch(re.escape(COUNTRIES) + r"[a-z0-9]+(?:-[a-z0-9]+)*/", page.url)
        assert page.text.startswith(f"# {page.title}\n\n## ")
        assert (page.date, page.language, page.images) == ("2026-02", "en", ())


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Austria", "austria"),
        ("Côte d'Ivoire", "cote-divoire"),
        ("Central African Republic", "central-african-republic"),
        ("Democratic Republic of the Congo", "democratic-republic-of-the-congo"),
        ("Dominican Republic", "dominican-republic"),
        ("European Union", "european-union"),
        ("Holy See", "holy-see"),
        ("Svalbard", "svalbard"),
        ("The Gambia", "the-gambia"),
        ("World", "world"),
    ],
)
def test_a_page_has_the_name_people_write(pages: dict[str, Document], title: str, slug: str) -> None:
    assert pages[title].url == f"{COUNTRIES}{slug}/"


def test_every_anchor_stands_where_its_offsets_say_in_order_and_apart(pages: dict[str, Document]) -> None:
    for page in pages.values():
        last_end = 0
        for link in page.links:
            assert link.start is not None
            assert link.end is not None
            assert page.text[link.start : link.end] == link.anchor
            assert last_end <= link.start < link.end
            last_end = link.end


def test_every_link_leads_to_another_page_of_the_set(pages: dict[str, Document]) -> None:
    urls = {page.url for page in pages.values()}
    for page in pages.values():
        assert page.links, page.title
        assert {link.url for link in page.links} <= urls - {page.url, pages["World"].url}


def test_a_field_links_a_country_once(pages: dict[str, Document]) -> None:
    for page in pages.values():
        heading_at = [match.start() for match in re.finditer(r"^#|^[A-Z][^:\n]*: ", page.text, re.MULTILINE)]
        fields = [(sum(start <= (link.start or 0) for start in heading_at), link.url) for link in page.links]
        assert len(set(fields)) == len(fields), page.title


def test_no_markup_is_left(pages: dict[str, Document]) -> None:
    leftover = re.compile(r"</?[A-Za-z!][^>\n]*>|&#?\w+;|\]\(|[\u00a0\u200b]| \n|\n{3}")
    for page in pages.values():
        assert not leftover.search(page.text), (page.title, leftover.search(page.text))


def test_austria_links_to_its_eight_neighbours(pages: dict[str, Document]) -> None:
    austria = pages["Austria"]
    assert anchors_in(austria, "### Land boundaries") == [
        "Czech Republic",
        "Germany",
        "Hungary",
        "Italy",
        "Liechtenstein",
        "Slovakia",
        "Slovenia",
        "Switzerland",
    ]
    assert {"czechia", "united-states", "european-union"} <= targets(austria)


def test_a_structured_field_is_a_list_under_its_heading(pages: dict[str, Document]) -> None:
    text = pages["Austria"].text
    assert "\n### Area\n\n- total: 83,871 sq km\n- land: 82,445 sq km\n- water: 1,426 sq km\n\n" in text
    assert "\n- agricultural land: arable land: 16% (2023 est.)\n" in text
    assert "\n### Remittances\n\n- 2024: 0.7% of GDP (2024 est.)\n" in text
    assert "\n\nMap references: Europe\n\n" in text
    assert "\n\nnote: data represent population by country of birth\n" in text


def test_a_field_without_a_heading_never_stands_under_one(pages: dict[str, Document]) -> None:
    for section in pages["Austria"].text.split("\n## ")[1:]:
        _, _, under_headings = section.partition("\n### ")
        assert not re.search(r"^(Coastline|Capital|Birth rate|Industries|Suffrage): ", under_headings, re.MULTILINE)


def test_a_dependency_links_to_its_ruler_and_the_ruler_to_its_dependencies(pages: dict[str, Document]) -> None:
    assert anchors_in(pages["Wallis and Futuna"], "Dependency status: overseas")[0] == "France"
    assert "british crown dependency" in {link.anchor.lower() for link in pages["Guernsey"].links}
    assert {"bermuda", "falkland-islands", "saint-helena-ascension-and-tristan-da-cunha"} <= targets(
        pages["United Kingdom"]
    )


def test_trade_partners_are_found_under_their_short_names(pages: dict[str, Document]) -> None:
    assert anchors_in(pages["China"], "### Exports - partners") == ["USA", "Hong Kong", "Japan", "Germany", "S. Korea"]
    anchors = {(link.anchor, link.url) for page in pages.values() for link in page.links}
    for anchor, slug in [
        ("S. Korea", "south-korea"),
        ("UAE", "united-arab-emirates"),
        ("DRC", "democratic-republic-of-the-congo"),
        ("Cote d'Ivoire", "cote-divoire"),
        ("St. Vincent & the Grenadines", "saint-vincent-and-the-grenadines"),
        ("Türkiye", "turkey"),
        ("Gambia", "the-gambia"),
        ("Czech Republic", "czechia"),
    ]:
        assert (anchor, f"{COUNTRIES}{slug}/") in anchors


def links_inside(page: Document, pattern: str) -> list[Link]:
    """Links that start inside a match of the pattern."""
    spans = [match.span() for match in re.finditer(pattern, page.text)]
    return [link for link in page.links for start, end in spans if start <= (link.start or 0) < end]


def test_a_longer_name_is_never_cut_to_a_shorter_one(pages: dict[str, Document]) -> None:
    longer = r"Papua New Guinea|Equatorial Guinea|Guinea-Bissau|South Sudan|American Samoa|British Virgin Islands"
    for page in pages.values():
        assert all(re.match(longer, link.anchor) for link in links_inside(page, longer)), page.title


def test_a_name_in_another_sense_is_no_link(pages: dict[str, Document]) -> None:
    senses = (
        r"Northern Ireland|New (?:Jersey|Mexico|Ireland)|French Sudan|West Germany|Dominican\b(?! Republic)|"
        r"Lake Chad|Gulf of (?:Guinea|Mexico|Oman)|Port of Spain|(?:East|South) China Sea|Islamic State of Iraq|"
        r"Niger (?:River|Delta)|Niger \(2,261,741 sq km\)|Jordan (?:River|Rift)|Panama Canal|US dollars?|"
        r"Australia Group|Netherlands Antilles|Israel KHAN"
    )
    for page in pages.values():
        assert links_inside(page, senses) == [], page.title


def test_georgia_the_state_is_no_link_and_georgia_the_country_is(pages: dict[str, Document]) -> None:
    assert "the size of Georgia" in pages["Angola"].text
    assert "georgia" not in targets(pages["Angola"]) | targets(pages["United States"])
    assert "Georgia" in anchors_in(pages["Turkey"], "### Land boundaries")


def test_a_resumed_read_continues_where_the_first_one_stopped(items: list[Document | Skipped]) -> None:
    assert list(read_factbook(skip=10)) == items[10:]
    assert list(read_factbook(skip=len(items))) == []


def test_two_reads_are_equal_to_the_byte(pages: dict[str, Document]) -> None:
    again = [item for item in read_factbook() if isinstance(item, Document)]
    assert [document_to_json(page) for page in again] == [document_to_json(page) for page in pages.values()]


def test_arguments_are_refused() -> None:
    with pytest.raises(BadSource, match="takes no arguments"):
        list(read_factbook("europe"))


def test_a_file_that_makes_no_page_is_skipped_with_its_reason() -> None:
    named = b'{"Government": {"Country name": {"conventional short form": {"text": "Elbonia"}}}}'
    files = [
        ("europe/eb.json", named),
        ("europe/ec.json", named),
        ("europe/no.json", b'{"Introduction": {"Background": {"text": "North of Elbonia."}}}'),
        ("europe/li.json", b"[]"),
        ("europe/br.json", b"{"),
    ]
    page, *skipped = render_factbook(files)
    assert isinstance(page, Document)
    assert page.text == "# Elbonia\n\n## Government\n\n### Country name\n\n- conventional short form: Elbonia\n"
    assert [item.where for item in skipped if isinstance(item, Skipped)] == [path for path, _ in files[1:]]
    assert [item.reason.split(":")[0] for item in skipped if isinstance(item, Skipped)] == [
        "another file has the URL https",
        "no conventional name, short or long",
        "not a JSON object of sections, each an object of fields",
        "not JSON",
    ]


def test_markup_becomes_lines_and_plain_words() -> None:
    content = (
        b'{"Government": {"Country name": {"conventional short form": {"text": "Elbonia"}}}, "Introduction": {'
        b'"Background": {"text": "<p>Mud &amp;&nbsp;snow.</p><p>Near <em>Qwghlm</em>.</p>",'
        b' "note": "<strong>note:</strong>two<br>lines"}}}'
    )
    (page,) = render_factbook([("europe/eb.json", content)])
    assert isinstance(page, Document)
    assert page.text.endswith("### Background\n\nMud & snow.\n\nNear Qwghlm.\n\nnote: two\nlines\n")
