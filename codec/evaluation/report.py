"""The report as one HTML file: charts, tables, and sounds to listen to. Nothing is loaded from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from codec.atomicfile import replacing
from codec.audiofile import to_flac
from codec.engine.base import Pcm
from codec.evaluation.charts import bar_chart, bitrate_chart, denoise_chart, spectrogram, to_svg
from codec.evaluation.document import Document, pairs
from codec.evaluation.metrics import TITLES
from codec.evaluation.mushra_results import REFERENCE_FLOOR, Results
from codec.evaluation.pair import lined_up
from codec.evaluation.runner import Outcome, is_denoising, kind_of
from codec.evaluation.scores import Condition, Table
from codec.evaluation.setup import OWN_NAME
from codec.evaluation.tables import figure_text, measured

PAGES = files("codec.evaluation") / "pages"


def write_report(path: Path, document: Document, outcomes: Iterable[Outcome]) -> None:
    """`outcomes` bring the sounds; those without any are passed over."""
    table = document.table
    denoising = [kind for kind in table.kinds if is_denoising(kind)]
    sections = [head(document)]
    sections += [kind_section(document, kind) for kind in table.kinds if kind not in denoising]
    if denoising:
        sections.append(denoise_section(document, denoising))
    sections.append(listening(outcomes))
    write_page(path, "How good is it?", sections)


def write_results(path: Path, results: Results) -> None:
    """The report of a listening test."""
    picture = to_svg(bar_chart(results.means, OWN_NAME), "Mean score of each condition, as in the table below")
    medians = results.medians
    rows = []
    for condition, mean in results.means.items():
        half = "" if mean.half is None else f" ± {mean.half:.1f}"
        cells = [f"{mean.mean:.1f}{half}", f"{medians[condition]:g}", str(mean.count)]
        rows.append(f"<tr>{header(condition)}{cells_html(cells)}</tr>")
    about = f"{len(results.listeners)} listeners; mean ± 95 % interval over all their judgements"
    table = table_html(about, ["", "score", "median", "judgements"], rows)
    left_out = "".join(
        f"<p>Left out: {escape(name)}, who rated the hidden reference below {REFERENCE_FLOOR} in {missed} of {trials} "
        "trials.</p>"
        for name, (missed, trials) in results.screened.items()
    )
    write_page(path, "How good does it sound?", [picture, table, left_out])


def write_page(path: Path, title: str, sections: Sequence[str]) -> None:
    page = Template((PAGES / "report.html").read_text()).substitute(title=title, body="\n".join(sections))
    with replacing(path) as part:
        part.write_text(page)


def head(document: Document) -> str:
    about = document.about
    rows = [("made", about.get("made", ""))]
    for model in about.get("weights", []):
        rows.append((model["name"], f"model {model['model_id']}, preset {model['preset']}, engine {model['engine']}"))
    rows.append(("versions", ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())))
    rows += [("left out", f"{name}: {cause}") for name, cause in document.absent.items()]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>" for name, text in rows)
    return (
        "<p>Means over clips with their 95 % intervals; higher is better everywhere. The kbit/s are bits that were "
        f"sent, counted from packets.</p><dl>{items}</dl>"
    )


def kind_section(document: Document, kind: str) -> str:
    table = document.table
    chart = bitrate_chart(table, kind)
    picture = to_svg(chart, f"{kind}: score against bitrate, the figures of the table below") if chart else ""
    return (
        f"<section><h2>{escape(kind[0].upper() + kind[1:])}</h2>{picture}"
        f"{means_table(table, [kind], document.ours)}{differences_table(document, [kind])}</section>"
    )


def denoise_section(document: Document, kinds: Sequence[str]) -> str:
    table = document.table
    chart = denoise_chart(table, kinds)
    picture = (
        to_svg(chart, "Denoising: score against the ratio of speech to noise, as in the table below") if chart else ""
    )
    return (
        f"<section><h2>Denoising</h2><p>Speech in noise, judged against the speech without it.</p>{picture}"
        f"{means_table(table, kinds, document.ours)}{differences_table(document, kinds)}</section>"
    )


def means_table(table: Table, kinds: Sequence[str], ours: Sequence[str]) -> str:
    conditions = [condition for kind in kinds for condition in table.of(kind)]
    figures = measured(table, conditions)
    clips = max(len(table.rows[condition]) for condition in conditions)
    rows = []
    for condition in conditions:
        rate = table.rate(condition)
        cells = [f"{rate:.2f}" if rate else "–", *(figure_text(f, table.mean(condition, f)) for f in figures)]
        mark = ' class="ours"' if condition.system in ours else ""
        rows.append(f"<tr{mark}>{header(row_name(condition, kinds))}{cells_html(cells)}</tr>")
    return table_html(f"Mean ± 95 % interval, {clips} clips", ["", "kbit/s", *map(title, figures)], rows)


def differences_table(document: Document, kinds: Sequence[str]) -> str:
    """Clip by clip; bold where the interval leaves out zero."""
    table = document.table
    found = [pair for pair in pairs(table, document.ours) if pair[0].kind in kinds and pair[1].bitrate_kbps]
    figures = measured(table, [condition for pair in found for condition in pair])
    rows = []
    for first, second in found:
        cells = []
        for figure in figures:
            gap = table.difference(first, second, figure)
            text = figure_text(figure, gap.mean if gap else None, signed=True)
            cells.append(f'<td class="certain">{text}</td>' if gap and gap.mean.certain else f"<td>{text}</td>")
        name = f"{row_name(first, kinds)} − {second.label}"
        rows.append(f"<tr>{header(name)}{''.join(cells)}</tr>")
    if not rows:
        return ""
    caption = "Differences clip by clip ± 95 % interval; bold: the interval leaves out zero"
    return f"<details><summary>Differences</summary>{table_html(caption, ['', *map(title, figures)], rows)}</details>"


def listening(outcomes: Iterable[Outcome]) -> str:
    """Players for each clip that was kept; starting one goes on where the last one was."""
    parts = []
    for outcome in outcomes:
        if outcome.reference is None:
            continue
        reference = outcome.reference
        sounds = [("original", reference)]
        sounds += [(c.label, lined_up(reference, pcm)) for c, pcm in outcome.sounds.items()]
        name = f"{kind_of(outcome.job)}: {outcome.job.clip.name}"
        players = "".join(player(label, pcm, name) for label, pcm in sounds)
        parts.append(f'<h3>{escape(name)}</h3><div class="sounds">{players}</div>')
    if not parts:
        return ""
    hint = "Start another player, and it goes on from where the first one was."
    return f'<section><h2>Listen</h2><p class="soft">{hint}</p>{"".join(parts)}</section>'


def player(label: str, pcm: Pcm, name: str) -> str:
    text = escape(label)
    picture, sound = data("image/webp", spectrogram(pcm)), data("audio/flac", to_flac(pcm))
    return (
        f'<figure><figcaption>{text}</figcaption><img alt="Spectrogram, {text}" src="{picture}">'
        f'<audio controls preload="none" aria-label="{escape(name)}, {text}" src="{sound}"></audio></figure>'
    )


def data(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def row_name(condition: Condition, kinds: Sequence[str]) -> str:
    """With the kind where a table has several: all that differs is after its comma."""
    return condition.label if len(kinds) == 1 else f"{condition.kind.partition(', ')[2]}: {condition.label}"


def title(figure: str) -> str:
    return TITLES.get(figure, figure)


def header(text: str) -> str:
    return f'<th scope="row">{escape(text)}</th>'


def cells_html(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def table_html(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    text = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{text}"><table><caption>{text}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
