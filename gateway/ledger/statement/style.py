"""How a statement looks, besides what all pages look like."""

from gateway.pages import style

_OWN = """
.total { text-align: right; }
.total strong { display: block; font-size: 2.2rem; line-height: 1.15; font-variant-numeric: tabular-nums; }
.facts { display: flex; flex-wrap: wrap; gap: 0.5rem 2.5rem; margin: 1.5rem 0 0; padding: 1rem 0 0; border-top: 1px solid var(--line); }
.facts div { min-width: 7rem; }
.facts dt { color: var(--quiet); font-size: 0.875rem; }
.facts dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
svg .bar { fill: var(--bar); } svg .mark { fill: var(--warn); }
.budget { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.9rem 1rem; margin-bottom: 0.75rem; }
.budget p { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.25rem 1rem; }
.track { height: 0.6rem; border-radius: 0.3rem; background: var(--bar-soft); overflow: hidden; margin-top: 0.5rem; }
.track div { height: 100%; background: var(--bar); }
.over .track div { background: var(--over); } .over b { color: var(--over); }
@media (max-width: 40rem) { .total { text-align: left; } figure { overflow-x: auto; } figure svg { min-width: 36rem; } }
@media print {
  .budget { break-inside: avoid; }
  .bar, .mark, .track, .track div { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""  # noqa: E501

CSS = style.CSS + _OWN
