"""How a report looks, besides what all pages look like."""

from gateway.pages import style

_OWN = """
:root { --add: #d9eedd; --gone: #f9dcd9; --hair: #ebe8e1; --chip: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --add: #1d4029; --gone: #532524; --hair: #2a2a27; --chip: #161615; } }
main { max-width: 74rem; }
h3 { font-size: 1rem; margin: 1.75rem 0 0.25rem; }
h4 { font-size: 0.925rem; margin: 0 0 0.4rem; overflow-wrap: anywhere; }
h4 small { font-weight: 400; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: 0.9em; white-space: nowrap; }
article + article { margin-top: 5rem; border-top: 4px double var(--line); padding-top: 2.5rem; }
.runs { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; list-style: none; padding: 0; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.verdict { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--quiet); border-radius: 4px 8px 8px 4px; padding: 0.9rem 1.2rem; margin: 0 0 0.9rem; }
.verdict > p { max-width: 62rem; } .verdict ul { margin: 0.4rem 0 0; padding-left: 1.25rem; }
.verdict.better, .verdict.equivalent { border-left-color: var(--bar); } .verdict.worse { border-left-color: var(--over); }
.verdict.inconclusive { border-left-color: var(--warn); }
.chips { display: flex; flex-wrap: wrap; gap: 0.35rem 0.7rem; align-items: center; } .chips b { overflow-wrap: anywhere; }
.chip { font-size: 0.85rem; font-weight: 600; border: 1.5px solid currentColor; border-radius: 1rem; padding: 0.05rem 0.7rem; white-space: nowrap; }
.chip.better { background: var(--bar); border-color: var(--bar); color: var(--chip); } .chip.equivalent { color: var(--bar); }
.chip.worse { background: var(--over); border-color: var(--over); color: var(--chip); } .chip.inconclusive { color: var(--warn); }
.advice { margin-top: 0.5rem; }
header, .verdict, .notice, figcaption, section > ul { overflow-wrap: anywhere; }
svg.plot { overflow: visible; } svg.plot text { fill: var(--quiet); font-size: 12.5px; }
svg.plot .name { fill: var(--ink); font-weight: 600; } svg.plot .name { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
svg.plot .name.dim { fill: var(--quiet); font-weight: 400; }
svg.at { overflow: visible; display: inline; }
svg .band { fill: var(--bar-soft); } svg .zero { stroke: var(--ink); stroke-width: 1.5; }
svg .ci { stroke: var(--ink); stroke-width: 2; } svg .ci.dim { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 4 3; }
svg .mark { fill: var(--bar); stroke: var(--card); stroke-width: 1; } svg .hollow { fill: var(--card); stroke: var(--ink); stroke-width: 1.75; }
svg.small { margin: 0.15rem 0 0.15rem auto; max-width: 9rem; } svg .track { fill: var(--hair); } svg .range { fill: var(--bar); opacity: 0.45; } svg .now { stroke: var(--ink); stroke-width: 2; }
.narrow { display: none; }
.frontier { display: grid; grid-template-columns: 48px minmax(0, 1fr); }
figure { margin-top: 1rem; padding: 1rem 1.25rem; } figcaption { max-width: 56rem; }
.arms td, .arms th { white-space: nowrap; padding: 0.5rem 0.55rem; } .arms tbody th { position: sticky; left: 0; background: var(--card); white-space: normal; min-width: 10rem; }
.arms td:nth-child(2) { min-width: 8.5rem; }
.scroll { margin-top: 0.75rem; } .moved { table-layout: fixed; min-width: 40rem; } .moved th:first-child { width: 36%; } .moved th:nth-child(2) { width: 22%; } .moved td { overflow-wrap: anywhere; } .why { min-width: 14rem; overflow-wrap: anywhere; white-space: pre-wrap; }
caption .broken, caption .lost, caption .failing { color: var(--over); } caption .won { color: var(--bar); }
td.ahead1, td.ahead2, td.ahead3, td.ahead4 { background: var(--add); } td.behind1, td.behind2, td.behind3, td.behind4 { background: var(--gone); }
td small { display: inline-block; }
details > summary { cursor: pointer; } summary:focus-visible, .scroll:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; }
details.plain { margin-top: 0.75rem; } details.plain > summary { color: var(--bar); }
.filters { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 0.5rem 1.25rem; align-items: center; background: var(--ground); padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
.filters[hidden] { display: none; }
.filters fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
.filters input[type=search], .filters select, .filters button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--quiet); border-radius: 6px; padding: 0.15rem 0.5rem; max-width: 14rem; }
.filters input[type=radio] { accent-color: var(--bar); }
.case { border-bottom: 1px solid var(--line); } .case[hidden] { display: none; }
.case > summary { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 0.15rem 0.8rem; padding: 0.55rem 0.25rem; list-style: none; }
.case > summary::-webkit-details-marker { display: none; }
.case > summary::before { content: "▸"; color: var(--quiet); } .case[open] > summary::before { content: "▾"; }
.case > summary:hover { background: var(--card); }
.what { overflow-wrap: anywhere; } .marks { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; justify-content: end; }
.sign { font-size: 0.875rem; color: var(--quiet); } .marks .sign { max-width: 14rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sign.yes b, p > .sign.yes { color: var(--bar); } .sign.no b, p > .sign.no { color: var(--over); } .sign.some b { color: var(--warn); }
p > .sign { font-weight: 600; }
.tag { font-size: 0.8rem; color: var(--quiet); border: 1px solid var(--line); border-radius: 4px; padding: 0 0.35rem; white-space: nowrap; }
.tag.never { color: var(--over); border-color: currentColor; }
.inside { padding: 0.25rem 0.25rem 1.5rem 1.4rem; scroll-margin-top: 7rem; }
.asked { margin: 0.5rem 0 1rem; } .asked div { display: grid; grid-template-columns: minmax(6rem, 10rem) minmax(0, 1fr); gap: 0 1rem; }
.asked dt { color: var(--quiet); font-size: 0.875rem; overflow-wrap: anywhere; } .asked dd { margin: 0 0 0.35rem; }
.asked pre { border: 0; padding: 0; background: none; max-height: 16rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.84rem; line-height: 1.55; max-height: 30rem; overflow: auto; unicode-bidi: plaintext; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0.9rem; align-items: start; }
.arm { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1rem; min-width: 0; }
.arm > p { margin: 0.25rem 0; } .arm pre + p.diff { font-size: 0.82rem; } .arm pre { border-top: 1px solid var(--hair); padding: 0.5rem 0; }
ins { background: var(--add); text-decoration: underline; text-decoration-thickness: 1.5px; text-underline-offset: 2px; }
del { background: var(--gone); text-decoration: line-through; }
.grades { list-style: none; margin: 0.5rem 0 0; padding: 0; font-size: 0.875rem; } .grades ul { list-style: none; padding-left: 1rem; }
.grades li { margin: 0.35rem 0; overflow-wrap: anywhere; white-space: pre-wrap; } .grades li.yes > b { color: var(--bar); } .grades li.no > b { color: var(--over); }
.facts-of { font-size: 0.8rem; overflow-wrap: anywhere; margin-top: 0.5rem; }
@media (max-width: 40rem) {
  .narrow { display: inline; } .wide, .spare { display: none; }
  main { padding: 1.5rem 1rem 3rem; } .case > summary { grid-template-columns: auto minmax(0, 1fr); } .marks { grid-column: 2; justify-content: start; }
  .moved { min-width: 0; } .moved thead { display: none; } .moved tr { display: block; padding: 0.5rem 0; border-top: 1px solid var(--line); }
  .moved th, .moved td, .moved th:first-child { display: block; width: auto; border: 0; padding: 0.1rem 0.9rem; } .why { min-width: 0; }
  .arms tbody th { min-width: 7rem; } .inside { padding-left: 0.25rem; } .asked div { grid-template-columns: minmax(0, 1fr); } .filters { position: static; }
}
@media print {
  :root { --add: #e2f0e4; --gone: #f7e0de; --hair: #ddd; --chip: #fff; }
  .arms th, .arms td, .arms tbody th { font-size: 7.5pt; padding: 0.25rem 0.3rem; } .arms tbody th { min-width: 5.5rem; } .arms td:nth-child(2) { min-width: 4.5rem; }
  .arms thead th, .arms small { font-size: 6.5pt; white-space: normal; }
  .filters { display: none; } .case, .verdict { break-inside: avoid; } pre { max-height: none; }
  .chip, ins, del, svg *, td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""  # noqa: E501

CSS = style.CSS + _OWN
