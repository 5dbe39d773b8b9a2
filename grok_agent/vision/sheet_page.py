"""The page of a contact sheet: cards in, HTML out. The only place where its markup is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for a sheet: the pictures in it, nothing from elsewhere, no script."""

STYLE = """
.gs{--ink:#1d1f24;--soft:#5d636e;--line:#d9dce2;--paper:#fff;--ground:#f3f4f6;color:var(--ink);
 background:var(--ground);font:14px/1.45 system-ui,"Noto Sans CJK SC","PingFang SC",
 "Microsoft YaHei",sans-serif;padding:20px}
.gs h1{font-size:18px;margin:0 0 14px}
.gs .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:16px;
 align-items:start}
.gs figure{margin:0;background:var(--paper);border:1px solid var(--line);border-radius:8px;
 overflow:hidden}
.gs .views{display:flex;gap:2px;background:#e6e8ec;align-items:flex-start}
.gs .view{position:relative;flex:1;overflow:hidden}
.gs .view img,.gs .view svg{display:block;width:100%;height:auto}
.gs .view svg{position:absolute;inset:0;height:100%}
.gs .dots{fill:#35f2c0;fill-opacity:.75}
.gs .lines{fill:none;stroke:#35f2c0;stroke-opacity:.95}
.gs .light{fill:#ffd93b;stroke:#ffd93b}
.gs .light line,.gs .light polygon,.gs .light circle{paint-order:stroke}
.gs .light circle{fill:none;stroke-width:3}
.gs .palette{display:flex;height:22px}
.gs .palette i{display:block}
.gs figcaption{padding:10px 12px 12px}
.gs .name{font-weight:600;overflow-wrap:anywhere}
.gs .badge{float:right;margin-left:8px;padding:1px 8px;border-radius:10px;font-size:12px;
 background:#e6e8ec;color:#333}
.gs .badge.consistent{background:#d3f2dc;color:#10572a}
.gs .badge.likely{background:#fdeec4;color:#6a4a00}
.gs .badge.different{background:#fbd9d7;color:#7c1712}
.gs p{margin:6px 0 0}
.gs table{border-collapse:collapse;width:100%;margin-top:8px;font-size:12.5px}
.gs td{padding:2px 0;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}
.gs td:first-child{color:var(--soft);padding-right:10px;width:44%}
@media (prefers-color-scheme:dark){.gs{--ink:#e8eaee;--soft:#a2a8b4;--line:#363b45;--paper:#20242b;
 --ground:#15181d}}
@media print{.gs .cards{display:block}.gs figure{break-inside:avoid;margin-bottom:12px}}
"""


@dataclass(frozen=True)
class Row:
    """One line of figures: its name in English and Chinese, and the value."""

    en: str
    zh: str
    value: str


@dataclass(frozen=True)
class View:
    """A picture or a part of it: a data URL, its box in the whole picture's pixels, and an overlay.

    ``box`` is left, top, width, height. ``overlay`` is SVG in the whole picture's pixels, made by
    this package from numbers only.
    """

    picture: str
    box: tuple[int, int, int, int]
    overlay: str = ""


@dataclass(frozen=True)
class Card:
    """One picture; every text is taken as text, whatever it contains.

    ``views`` are shown side by side; ``swatches`` are hex, share and name; ``tone`` colours the
    badge.
    """

    name: str
    views: tuple[View, ...]
    badge: str = ""
    tone: str = "plain"
    sentences: tuple[str, ...] = ()
    swatches: tuple[tuple[str, float, str], ...] = ()
    rows: tuple[Row, ...] = ()


def page(title: str, cards: Sequence[Card]) -> str:
    """A whole document that stands alone."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>body{{margin:0}}</style></head>"
        f"<body>{fragment(title, cards)}</body></html>\n"
    )


def fragment(title: str, cards: Sequence[Card]) -> str:
    """The same for use inside another page; its styles touch nothing else there."""
    shown = "".join(_card(card) for card in cards)
    return (
        f'<div class="gs"><style>{STYLE}</style><h1>{escape(title)}</h1>'
        f'<div class="cards">{shown}</div></div>'
    )


def _card(card: Card) -> str:
    name = escape(_visible(card.name))
    views = "".join(_view(view, name) for view in card.views)
    badge = f'<span class="badge {escape(card.tone)}">{escape(card.badge)}</span>'
    sentences = "".join(f"<p>{escape(_visible(text))}</p>" for text in card.sentences)
    rows = "".join(
        f"<tr><td>{escape(row.en)} {escape(row.zh)}</td><td>{escape(_visible(row.value))}</td></tr>"
        for row in card.rows
    )
    return (
        f'<figure><div class="views">{views}</div>'
        f"{_palette(card.swatches)}<figcaption>{badge if card.badge else ''}"
        f'<span class="name">{name}</span>{sentences}<table>{rows}</table></figcaption></figure>'
    )


def _view(view: View, name: str) -> str:
    box = " ".join(map(str, view.box))
    overlay = f'<svg viewBox="{box}" aria-hidden="true">{view.overlay}</svg>'
    picture = f'<img src="{escape(view.picture)}" alt="{name}">'
    return f'<div class="view">{picture}{overlay if view.overlay else ""}</div>'


def _palette(swatches: Sequence[tuple[str, float, str]]) -> str:
    if not swatches:
        return ""
    bars = "".join(
        f'<i style="background:{escape(colour)};flex-grow:{share * 100:.1f}" '
        f'title="{escape(f"{colour} {name} {share:.0%}")}"></i>'
        for colour, share, name in swatches
    )
    return f'<div class="palette">{bars}</div>'


def _visible(text: str) -> str:
    """Control characters and those that turn the direction of writing, made visible."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "\ufffd" for c in text)
