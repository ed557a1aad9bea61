"""Languages: what a page is in, and words that are found in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from corpus import Snapshot, open_snapshot
from corpus.analyzers import prepared, query_terms, text_terms
from corpus.build import BuildOptions, build_snapshot
from corpus.errors import BadQuery
from corpus.languages import detect_language, primary_language, segmented
from corpus.lexical import MAX_LUCENE_WORDS

PAGES = {
    "pku": ("北京大学", "北京大学是中国第一所国立综合性大学，也是当时中国最高教育行政机关。蔡元培曾任校长。"),
    "ntu": ("國立臺灣大學", "國立臺灣大學是一所位於臺北市的研究型綜合大學，前身為臺北帝國大學。"),
    "panda": ("大熊猫", "大熊猫主要栖息于四川、陕西和甘肃的山区，以竹子为食。成都有一个繁育研究基地。"),
    "train": ("高速铁路", "京沪高速铁路连接北京和上海，全长一千三百一十八公里，于二〇一一年通车。"),
    "todai": ("東京大学", "東京大学は、東京都文京区に本部を置く日本の国立大学である。赤門で知られている。"),
    "kyoto": ("京都", "京都は日本の古い都である。多くの寺院と庭園があり、観光客が訪れる。"),
    "heidelberg": (
        "Heidelberg",
        "Die Häuser der Altstadt stehen am Neckar. Die Universität wurde im Jahr 1386 gegründet und ist die älteste "
        "in Deutschland; viele Gelehrte haben dort gelehrt.",
    ),
    "paris": (
        "Paris",
        "Les universités parisiennes sont parmi les plus anciennes du continent, et les étudiants viennent de tous "
        "les pays pour y suivre des cours.",
    ),
    "seoul": ("서울대학교", "서울대학교는 대한민국의 국립 대학이다. 관악산 아래에 있는 캠퍼스가 가장 크다."),
    "bangkok": ("กรุงเทพมหานคร", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย มีแม่น้ำเจ้าพระยาไหลผ่าน"),
    "moscow": ("Москва", "Московский университет является старейшим университетом России, основан императрицей."),
    "oxford": ("Oxford", "The colleges of Oxford teach students from many countries, and walking tours are popular."),
}


@pytest.fixture(scope="module")
def polyglot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("polyglot")
    rows = [{"url": f"https://p.example/{n}", "title": t, "text": x} for n, (t, x) in PAGES.items()]
    (folder / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


def found(web: Snapshot, query: str, k: int = 3) -> list[str]:
    return [str(web.document(doc_id=hit.doc_id).url.rsplit("/", 1)[1]) for hit in web.search(query, k=k).hits]


@pytest.mark.parametrize(
    ("page", "language"),
    [
        ("pku", "zh"),
        ("ntu", "zh"),
        ("todai", "ja"),
        ("heidelberg", "de"),
        ("paris", "fr"),
        ("seoul", "ko"),
        ("bangkok", "th"),
        ("moscow", "ru"),
        ("oxford", "en"),
    ],
)
def test_the_language_of_a_page_is_found_by_its_text(polyglot: Snapshot, page: str, language: str) -> None:
    assert detect_language(PAGES[page][1]) == language
    document = polyglot.document(url=f"https://p.example/{page}")
    assert document.language == language


@pytest.mark.parametrize("text", ["", "42", "C++ 17", "apple-touch-icon", "AFUU", "!!! ???"])
def test_a_text_that_says_too_little_has_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_what_a_page_says_of_its_language_wins_over_what_its_text_looks_like(tmp_path: Path) -> None:
    row = {"url": "https://p.example/a", "text": PAGES["oxford"][1], "language": "nb-NO"}
    (tmp_path / "pages.jsonl").write_text(json.dumps(row))
    build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    web = open_snapshot(tmp_path / "out")
    assert web.store.document(0).language == "nb-NO"
    assert web.store.language(0) == "no"


@pytest.mark.parametrize(
    ("tag", "language"), [("de-AT", "de"), ("zh_Hant", "zh"), ("yue", "zh"), ("NB", "no"), ("", None), (None, None)]
)
def test_tags_are_brought_to_one_language(tag: str | None, language: str | None) -> None:
    assert primary_language(tag) == language


# Chinese


def test_chinese_is_cut_into_words_and_the_words_they_hold() -> None:
    assert segmented("北京大学的校长").split() == ["北京", "大学", "北京大学", "的", "校长"]
    assert text_terms("小明毕业于中国科学院，2019年") == "小明 毕业 于 中国 科学 学院 科学院 中国科学院 2019 年".split()


def test_traditional_and_simplified_characters_are_one(polyglot: Snapshot) -> None:
    assert text_terms("國立臺灣大學") == text_terms("国立台湾大学")
    assert found(polyglot, "台湾大学")[0] == "ntu"
    assert found(polyglot, "臺灣")[0] == "ntu"


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("北京大学的校长是谁？", "pku"),
        ("蔡元培", "pku"),
        ("大熊猫吃什么", "panda"),
        ("熊猫 竹子", "panda"),
        ("成都繁育基地在哪里", "panda"),
        ("京沪高铁什么时候通车", "train"),
        ("上海铁路", "train"),
    ],
)
def test_chinese_questions_find_their_page(polyglot: Snapshot, query: str, page: str) -> None:
    assert found(polyglot, query)[0] == page


def test_function_words_of_a_chinese_question_are_left_out() -> None:
    assert query_terms("谁是北京大学的校长") == ["北京", "大学", "北京大学", "校长"]
    assert query_terms("什么") == ["什么"]


def test_a_chinese_snippet_shows_the_words_asked_for(polyglot: Snapshot) -> None:
    text = "开头没有关系的句子。" * 60 + "最后一句讲的是长江三峡大坝的发电量。" + "后面也没有关系。" * 60
    from corpus.snippets import snippet

    shown = snippet("三峡大坝", text, chars=120)
    assert "三峡大坝" in shown
    assert len(shown) <= 120


def test_extracts_of_a_chinese_page_speak_of_the_goal(polyglot: Snapshot) -> None:
    number = polyglot.store.require(url="https://p.example/panda")
    assert polyglot.extract(number, "熊猫的食物是竹子吗")[0].score > 0


# Other languages


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("東京大学", "todai"),
        ("赤門", "todai"),
        ("寺院と庭園", "kyoto"),
        ("서울대학교 캠퍼스", "seoul"),
        ("대학", "seoul"),
        ("แม่น้ำเจ้าพระยา", "bangkok"),
        ("Haus Altstadt", "heidelberg"),
        ("université parisienne", "paris"),
        ("старейший университет", "moscow"),
        ("college walks", "oxford"),
    ],
)
def test_other_languages_find_their_page(polyglot: Snapshot, query: str, page: str) -> None:
    assert found(polyglot, query)[0] == page


def test_languages_of_one_page_in_a_hundred_are_analysed_their_own_way(polyglot: Snapshot) -> None:
    assert polyglot.manifest.settings.languages == ("de", "fr", "ja", "ru")
    assert text_terms("Häuser", "de", ["de"]) == ["haus"]
    assert text_terms("Häuser", "de", []) == ["hauser"]


def test_a_rare_language_makes_no_query_longer(tmp_path: Path) -> None:
    rows = [{"url": f"https://p.example/{i}", "text": f"Plain English page {i}", "language": "en"} for i in range(150)]
    rows.append({"url": "https://p.example/de", "text": PAGES["heidelberg"][1]})
    (tmp_path / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    manifest = build_snapshot([str(tmp_path / "pages.jsonl")], tmp_path / "out", BuildOptions(encoder="none"))
    assert manifest.settings.languages == ()
    assert found(open_snapshot(tmp_path / "out"), "Häuser am Neckar") == ["de"]


def test_a_word_is_found_as_it_is_spelled_whatever_language_its_page_was_taken_for() -> None:
    for languages in [("de",), ("fr", "ru"), ("ja",), ()]:
        for page, language in [("universities", "fr"), ("gelehrte", "de"), ("walking", "sv"), ("大学", "ja")]:
            terms = set(query_terms(page, languages=languages))
            assert set(text_terms(page, language, languages)) <= terms, (page, language, languages)


def test_english_text_goes_to_the_index_as_it_is() -> None:
    text = "The walks of O'Brien, 3.14 and naïve café-goers"
    assert prepared(text, "en", ("de",)) == text
    assert prepared(text, None, ()) == text


@pytest.mark.parametrize("query", ['"北京大学"', "title:大熊猫", "+蔡元培 -熊猫"])
def test_lucene_syntax_knows_chinese_words_too(polyglot: Snapshot, query: str) -> None:
    try:
        hits = polyglot.search(query, k=3, syntax="lucene").hits
    except BadQuery:
        pytest.fail(f"{query} was refused")
    assert hits


@pytest.fixture(scope="module")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("fruit")
    texts = {
        "both": "苹果好吃，香蕉公司在上海。",
        "beside": "我们公司在北京大学旁边，卖苹果。",
        "phone": "苹果手机很好。",
        "other": "清华大学在北京。",
    }
    rows = [{"url": f"https://f.example/{name}", "title": "Page", "text": text} for name, text in texts.items()]
    (folder / "pages.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    build_snapshot([str(folder / "pages.jsonl")], folder / "out", BuildOptions(encoder="none"))
    return open_snapshot(folder / "out")


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("苹果 -香蕉公司", {"beside", "phone"}),
        ("苹果 NOT 香蕉公司", {"beside", "phone"}),
        ("苹果 -text:北京大学", {"both", "phone"}),
        ('苹果 -"北京大学"', {"both", "phone"}),
        ('+"北京大学" 苹果', {"beside"}),
        ("+苹果 +北京大学", {"beside"}),
        ("苹果 AND 北京大学", {"beside"}),
        ("title:香蕉公司", set()),
        ("北京大学^2", {"beside", "other"}),
        ("北京大学*", {"beside", "other"}),
        ("「北京大学」，清华", {"beside", "other"}),
        ("text:[北京 TO 北京]", {"beside", "other"}),
    ],
)
def test_a_sign_of_lucene_syntax_governs_all_words_of_a_chinese_run(
    fruit: Snapshot, query: str, pages: set[str]
) -> None:
    hits = fruit.search(query, k=9, syntax="lucene").hits
    assert {fruit.document(doc_id=hit.doc_id).url.rpartition("/")[2] for hit in hits} == pages


@pytest.mark.parametrize("query", ["中国" * 2000, '"' + "的a" * 100 + '"~10'])
def test_words_of_a_chinese_run_count_towards_the_bound_of_lucene_syntax(fruit: Snapshot, query: str) -> None:
    with pytest.raises(BadQuery, match=f"{MAX_LUCENE_WORDS} words"):
        fruit.search(query, k=3, syntax="lucene")


def test_terms_do_not_depend_on_what_was_asked_before() -> None:
    texts: Sequence[str] = [text for _, text in PAGES.values()]
    first = [text_terms(text, "zh", ("ja",)) for text in texts]
    for text in reversed(texts):
        query_terms(text, languages=("de", "ja"))
    assert [text_terms(text, "zh", ("ja",)) for text in texts] == first
