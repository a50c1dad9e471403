"""How pages look: on a screen by day and by night, and on paper. Colours meet WCAG 2.2 AA on their grounds."""

CSS = """
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --card: #ffffff; --ink: #1c1b19; --quiet: #5d5a54; --line: #dedad2; --bar: #2f6f73;
  --bar-soft: #d6e6e4; --warn: #8a3d00; --warn-ground: #fdf0e3; --over: #a4262c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161615; --card: #1f1f1d; --ink: #f1efea; --quiet: #b0aca3; --line: #3a3935; --bar: #6fbab4;
    --bar-soft: #2a4644; --warn: #ffb876; --warn-ground: #3a2614; --over: #ff8f8a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5;
  font-family: ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  font-size: 1rem;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem 3rem; justify-content: space-between; align-items: end; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 0.75rem; }
p { margin: 0.25rem 0; }
.quiet { color: var(--quiet); }
.notice { background: var(--warn-ground); border-left: 4px solid var(--warn); padding: 0.75rem 1rem; margin: 1.5rem 0 0; border-radius: 0 6px 6px 0; }
.notice strong { color: var(--warn); }
.notice ul { margin: 0.35rem 0 0; padding-left: 1.25rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); }
figcaption { color: var(--quiet); font-size: 0.875rem; margin-top: 0.5rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 0.925rem; }
caption { text-align: left; padding: 0.6rem 0.9rem; color: var(--quiet); font-size: 0.875rem; }
th, td { text-align: left; padding: 0.5rem 0.9rem; border-top: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--quiet); font-weight: 600; font-size: 0.85rem; white-space: nowrap; }
tbody th { font-weight: 500; min-width: 9rem; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tfoot th, tfoot td { font-weight: 700; border-top: 2px solid var(--ink); }
small { color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere; }
td .unknown { color: var(--warn); font-weight: 600; }
a { color: var(--bar); } a:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.85rem; overflow-wrap: anywhere; }
@media print {
  :root {
    color-scheme: light; --ground: #fff; --card: #fff; --ink: #000; --quiet: #444; --line: #bbb; --bar: #2f6f73;
    --bar-soft: #ddd; --warn: #7a3500; --warn-ground: #fff; --over: #8c1d22;
  }
  @page { size: A4; margin: 16mm; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; }
  h2 { break-after: avoid; } tr, figure, .notice { break-inside: avoid; } thead { display: table-header-group; }
  .scroll { overflow: visible; border: 0; }
}
"""  # noqa: E501
