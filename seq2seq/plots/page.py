"""One self-contained HTML page of a diagnosis: it reads from no network and no other file, and needs no scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.evaluation.diagnosis.diagnose import FLAGS, Diagnosis
from seq2seq.evaluation.diagnosis.tables import GROUP_HEADS, WORD_HEADS, counted_in, group_rows, share, word_rows
from seq2seq.evaluation.metrics import Score
from seq2seq.evaluation.names import METRIC_NAMES
from seq2seq.evaluation.worst import Sentence
from seq2seq.folders import write_text
from seq2seq.plots.page_attention import Map
from seq2seq.plots.page_charts import Bar, bars
from seq2seq.plots.page_html import cells, safe, slug, table
from seq2seq.plots.page_sentences import sentence_table

__all__ = ["Examined", "Map", "Page", "write_page"]
_HERE = Path(__file__).parent
_MOST_WORDS = 20


@dataclass(frozen=True)
class Examined:
    """A test set on the page.

    Attributes:
        name: What it is called.
        scores: Of all of it.
        sentences: All sentences with their translations, in order.
        diagnosis: What is wrong with them.
        maps: Attention maps of some, by line.
    """

    name: str
    scores: Sequence[Score]
    sentences: Sequence[Sentence]
    diagnosis: Diagnosis
    maps: Mapping[int, Map] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What the page shows.

    Attributes:
        model: What the model is called.
        languages: The codes of source and target.
        settings: How translations were searched for.
        tests: The test sets.
    """

    model: str
    languages: tuple[str, str]
    settings: Mapping[str, str]
    tests: Sequence[Examined]


def write_page(path: Path, page: Page) -> None:
    """Writes the page, whole or not at all; equal contents give equal bytes.

    Raises:
        UserError: The file cannot be written there.
    """
    try:
        write_text(path, rendered(page))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", hint="Give --html another place.") from error


def rendered(page: Page) -> str:
    """Returns the page as HTML. All text of the corpus and of the model is escaped."""
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    # The page may run its own script and no other, and load nothing: so says its policy, by the script's hash.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = f"Where {safe(page.model)} goes wrong"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{title}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{title}</h1>",
            f"<p>{' to '.join(map(safe, page.languages))}; {safe(_settings(page.settings))}</p>",
            _contents(page.tests),
            "</header>",
            "<main>",
            *(_test(number, test, page.languages) for number, test in enumerate(page.tests, start=1)),
            "</main>",
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _settings(settings: Mapping[str, str]) -> str:
    """Returns the settings of a search in words; its name needs no key before it."""
    told = (value if key == "name" else f"{key.replace('_', ' ')} {value}" for key, value in settings.items())
    return "search: " + ", ".join(told)


def _contents(tests: Sequence[Examined]) -> str:
    if len(tests) < 2:
        return ""
    links = (f'<a href="#test{number}">{safe(test.name)}</a>' for number, test in enumerate(tests, start=1))
    return f'<nav aria-label="Test sets">{" ".join(links)}</nav>'


def _test(number: int, test: Examined, languages: tuple[str, str]) -> str:
    return "\n".join(
        [
            f'<section class="test" id="test{number}" aria-labelledby="name{number}">',
            f'<h2 id="name{number}">{safe(test.name)}: {len(test.sentences):,} sentences</h2>',
            _scores(test.scores),
            _charts(number, test.diagnosis),
            _words(test.diagnosis, languages),
            _flags(number, test.diagnosis),
            sentence_table(number, test.sentences, test.diagnosis, test.maps, languages),
            "</section>",
        ]
    )


def _scores(scores: Sequence[Score]) -> str:
    rows = []
    for score in scores:
        interval = "" if score.low is None or score.high is None else f"{score.low:.2f} to {score.high:.2f}"
        rows.append([METRIC_NAMES.get(score.name, score.name), f"{score.value:.2f}", interval, score.signature])
    return table("Scores of the whole test set", ["metric", "score", "95 % interval", "signature"], rows)


def _charts(number: int, diagnosis: Diagnosis) -> str:
    """Bars of the scores by length and rarity; the figures are beside each bar, and in a table below."""
    seen = counted_in(diagnosis)
    by_length = [Bar(g.label, g.bleu, f"{g.bleu:.1f}", f"{g.sentences:,} sentences") for g in diagnosis.by_length]
    words = [Bar(g.label, 100 * g.f1, f"{100 * g.f1:.1f}", f"{g.words:,} words") for g in diagnosis.words_by_rarity]
    rare = [Bar(g.label, g.bleu, f"{g.bleu:.1f}", f"{g.sentences:,} sentences") for g in diagnosis.by_rarity]
    charts = [
        (
            bars(f"l{number}", "BLEU by words of the source", by_length),
            ["words of the source", *GROUP_HEADS],
            group_rows(diagnosis.by_length),
        ),
        (
            bars(f"w{number}", f"F1 of words, by how often they were seen {seen}", words),
            WORD_HEADS,
            word_rows(diagnosis),
        ),
        (
            bars(f"r{number}", f"BLEU by how often the rarest word of the source was seen {seen}", rare),
            ["times seen", *GROUP_HEADS],
            group_rows(diagnosis.by_rarity),
        ),
    ]
    shown = (
        f"<figure>{chart}<details><summary>All figures</summary>{table('', heads, rows)}</details></figure>"
        for chart, heads, rows in charts
    )
    return f'<h3>Scores by length and rarity</h3>\n<div class="charts">{"".join(shown)}</div>'


def _words(diagnosis: Diagnosis, languages: tuple[str, str]) -> str:
    wrong, target = diagnosis.wrong, languages[1]
    confused = [[c.reference, c.output, f"{c.count:,}"] for c in wrong.confused[:_MOST_WORDS]]
    missing = [[m.word, f"{m.count:,}", f"{m.total:,}"] for m in wrong.missing[:_MOST_WORDS]]
    extra = [[m.word, f"{m.count:,}", f"{m.total:,}"] for m in wrong.extra[:_MOST_WORDS]]
    tables = [
        table("One word for another", ["reference", "output", "times"], confused, language=target, words=2),
        table("Words missing", ["word", "times", "of"], missing, language=target, words=1),
        table("Words too many", ["word", "times", "of"], extra, language=target, words=1),
    ]
    return f'<h3>The most common wrong words</h3>\n<div class="words">{"".join(tables)}</div>'


def _flags(number: int, diagnosis: Diagnosis) -> str:
    """The flags with their counts; with scripts each is a button that shows its sentences alone."""
    rows = []
    for flag in FLAGS:
        count = len(diagnosis.lines[flag.name])
        button = (
            f'<button type="button" class="flag" data-test="{number}" data-flag="{slug(flag.name)}" '
            f'aria-pressed="false">{safe(flag.name)}</button>'
        )
        rows.append(
            f'<tr><th scope="row">{button}</th>{cells([f"{count:,}", share(count, diagnosis), flag.meaning])}</tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("flag", "sentences", "share", "meaning"))
    return (
        "<h3>Flagged sentences</h3>\n"
        '<p class="scripted">Choose flags to see only their sentences.</p>\n'
        f'<table class="flags"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
