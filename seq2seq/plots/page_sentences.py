"""The page's table of sentences, the worst first: what is wrong in each is marked, and flags and words choose rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, islice

from seq2seq.evaluation.diagnosis.diagnose import Diagnosis
from seq2seq.evaluation.diagnosis.line import Finding
from seq2seq.evaluation.diagnosis.words import is_word, tokens
from seq2seq.evaluation.worst import Sentence
from seq2seq.plots.page_attention import Map, attention_svg
from seq2seq.plots.page_html import safe, slug

MOST_ROWS = 3000
"""Sentences on a page, those of the lowest chrF: some megabytes, which open at once."""
MOST_A_FLAG = 300
"""Sentences of each flag, those of the lowest chrF: of all flags no more than as many again."""
_LONGEST_MARKED = 4000  # characters of a text whose words are compared


def sentence_table(
    number: int,
    sentences: Sequence[Sentence],
    diagnosis: Diagnosis,
    maps: Mapping[int, Map],
    languages: tuple[str, str],
) -> str:
    """Returns the table of a test set's sentences.

    Args:
        number: Of the test set on the page.
        sentences: All of them.
        diagnosis: What is wrong with them.
        maps: Attention maps by line.
        languages: The codes of source and target.
    """
    findings = {line: list(own) for line, own in groupby(diagnosis.findings, key=lambda finding: finding.line)}
    ranked = sorted(sentences, key=lambda sentence: sentence.chrf)
    places = {sentence.line for sentence in ranked[:MOST_ROWS]} | _worst_flagged(ranked, diagnosis) | maps.keys()
    shown = [sentence for sentence in ranked if sentence.line in places]
    rows = "".join(_row(s, findings.get(s.line, []), maps.get(s.line), languages) for s in shown)
    note = _left_out(len(sentences) - len(shown), len(findings.keys() - places))
    heads = ("line", "chrF", "flags", "source", "output", "reference")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f"""<h3>Sentences, the worst first</h3>
<div class="scripted controls">
<label>Find <input type="search" class="find" data-test="{number}" autocomplete="off"></label>
<label>Order <select class="order" data-test="{number}"><option value="chrf">worst first</option>
<option value="line">by line</option></select></label>
<button type="button" class="all" data-test="{number}">Show all</button>
<output class="count" id="count{number}" aria-live="polite">{len(shown):,} of {len(shown):,} sentences</output>
</div>
<p class="note">Words of the output that the reference lacks, and the other way round, are
<mark>marked</mark>.{note}</p>
<div class="scroll"><table class="sentences" id="sentences{number}"><thead><tr>{head}</tr></thead>
{rows}</table></div>"""


def _worst_flagged(ranked: Sequence[Sentence], diagnosis: Diagnosis) -> set[int]:
    """Returns the lines of the worst sentences of each flag."""
    found: set[int] = set()
    for flagged in map(set, diagnosis.lines.values()):
        found.update(islice((sentence.line for sentence in ranked if sentence.line in flagged), MOST_A_FLAG))
    return found


def _left_out(count: int, flagged: int) -> str:
    """Returns what the note says of sentences that are not on the page, so many of them flagged."""
    if not count:
        return ""
    told = f" {count - flagged:,} sentences of a higher chrF that have no flag are left out"
    if flagged:
        told += f", and {flagged:,} that have one: of each flag the worst {MOST_A_FLAG:,} are here"
    return told + "."


def _row(sentence: Sentence, findings: Sequence[Finding], shown: Map | None, languages: tuple[str, str]) -> str:
    names = list(dict.fromkeys(finding.flag for finding in findings))
    said = "".join(f"<li><b>{safe(f.flag)}</b> <bdi>{safe(f.detail)}</bdi></li>" for f in findings)
    flags = f"<ul>{said}</ul>" if said else ""
    source, target = (f' dir="auto" lang="{safe(language)}"' for language in languages)
    output, reference = _marked(sentence.hypothesis, sentence.reference)
    body = (
        f'<tr><th scope="row" class="n">{sentence.line}</th><td class="n">{sentence.chrf:.1f}</td><td>{flags}</td>'
        f"<td{source}>{safe(sentence.source)}</td><td{target}>{output}</td><td{target}>{reference}</td></tr>"
    )
    data = f'data-flags="{" ".join(map(slug, names))}" data-chrf="{sentence.chrf:.2f}" data-line="{sentence.line}"'
    return f"<tbody {data}>{body}{_map_row(sentence.line, shown)}</tbody>\n"


def _map_row(line: int, shown: Map | None) -> str:
    """Returns a row of its own, for a map is as wide as three columns of text."""
    if shown is None:
        return ""
    picture = attention_svg(shown, f"Attention of line {line}: rows are output, columns are source")
    return (
        f'<tr><td colspan="3"></td><td colspan="3"><details><summary>attention</summary>{picture}</details></td></tr>'
    )


def _marked(output: str, reference: str) -> tuple[str, str]:
    """Returns both texts with the words that the other lacks marked."""
    if max(len(output), len(reference)) > _LONGEST_MARKED:
        return safe(output), safe(reference)
    given, wanted = (Counter(t.casefold() for t in tokens(text) if is_word(t)) for text in (output, reference))
    return _with_marks(output, given - wanted), _with_marks(reference, wanted - given)


def _with_marks(text: str, wrong: Counter[str]) -> str:
    """Returns the text with these words marked, each as often as it counts, the last ones first.

    Of a word that is there too often the last is taken to be the one too many: a decoder repeats what it said.
    """
    if not wrong:
        return safe(text)
    left, found, end = Counter(wrong), [], len(text)
    for token in reversed(tokens(text)):
        begin = text.rindex(token, 0, end)
        if left[token.casefold()] > 0 and is_word(token):
            left[token.casefold()] -= 1
            found += [safe(text[begin + len(token) : end]), f"<mark>{safe(token)}</mark>"]
            end = begin
        else:
            found.append(safe(text[begin:end]))
            end = begin
    return "".join(reversed([*found, safe(text[:end])]))
