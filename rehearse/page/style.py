"""How does the page look: light, dark, narrow, printed?"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f3f5f9; --card: #fff; --line: #e1e5ee; --ink: #161b28; --dim: #566074; --accent: #2f52cf;
  --good: #12693a; --good-ground: #d9f2e2; --bad: #ab1220; --bad-ground: #fde0e0; --open: #7a4c00;
  --open-ground: #fdedb8; --held: #3f8f63; --sick: #e0a93b; --none: #d6404f; --two: #8a4fd0;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0c0f15; --card: #151922; --line: #29303e; --ink: #e8ebf3; --dim: #9ba5b8; --accent: #93abff;
    --good: #6cdb98; --good-ground: #0f3320; --bad: #ff9393; --bad-ground: #48171c; --open: #f2c44e;
    --open-ground: #3b2d08;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: .8rem clamp(.6rem, 1.2vw, 1.5rem) 2rem; max-width: 90rem; background: var(--ground);
  color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; text-size-adjust: 100%;
}
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
h1 { margin: 0; font-size: 1.35rem; line-height: 1.25; }
h2 { margin: 0 0 .4rem; font-size: 1.1rem; }
h3 { margin: 0 0 .2rem; font-size: .95rem; }
p { margin: .2rem 0; }
.dim { color: var(--dim); }
.dim, .steps { font-size: .88rem; }
section, article {
  margin: .7rem 0 0; padding: .6rem .85rem .75rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px;
}
article { border-width: 1px 0 0; border-radius: 0; padding: .6rem 0 0; background: none; break-inside: avoid; }
.badge {
  padding: 0 .5rem; border-radius: 999px; font-size: .85rem; font-weight: 600; white-space: nowrap;
  background: var(--tint); color: var(--tone);
}
.good { --tone: var(--good); --tint: var(--good-ground); }
.bad, .error { --tone: var(--bad); --tint: var(--bad-ground); }
.open, .warning { --tone: var(--open); --tint: var(--open-ground); }
table { width: 100%; border-collapse: collapse; font-size: .82rem; }
th, td { padding: .15rem .35rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th, td { overflow-wrap: normal; }
td:nth-child(2), td:last-child { overflow-wrap: break-word; }
thead th { border-top: 0; color: var(--dim); font-weight: 500; }
tbody th { font-weight: 600; box-shadow: inset 4px 0 var(--tone); padding-left: .7rem; }
.track { display: grid; grid-template-columns: 6rem 1fr; gap: 0 .5rem; align-items: center; font-size: .8rem; }
.track span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
svg { display: block; width: 100%; height: 16px; overflow: visible; }
.rail { fill: var(--line); }
.held { fill: var(--held); }
.sick { fill: var(--sick); }
.none { fill: var(--none); }
.two { fill: var(--two); }
.mark { fill: var(--ink); }
text { fill: var(--dim); font-size: 11px; font-variant-numeric: tabular-nums; }
.legend svg { display: inline-block; width: 1rem; height: .7rem; margin: 0 .25rem 0 .8rem; vertical-align: baseline; }
summary { cursor: pointer; font-size: .85rem; }
ol { margin: .2rem 0; padding-left: 1.4rem; }
@media (max-width: 46rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr, td, tbody th { display: block; border: 0; }
  tr { padding: .3rem 0 .4rem; border-top: 1px solid var(--line); }
  td { padding-left: .7rem; overflow-wrap: anywhere; }
  .nil { display: none; }
  td::before { content: attr(data-name) ": "; color: var(--dim); }
  .track { grid-template-columns: 4rem 1fr; }
}
@media print {
  body { background: #fff; font-size: 9pt; }
  section { border: 0; padding: 0; }
  svg, .badge { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
