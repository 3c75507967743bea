"""The style of a report: for screens of any width, light and dark, and for paper."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2125; --soft: #59636e; --line: #d5dae0; --tile: #f4f6f8;
  --link: #0b57b0; --c0: #0b62c4; --c1: #b5470a; --c2: #1a7f37; --c3: #8a3ffc; --c4: #a11d5b; --c5: #57606a }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e6e9ec; --soft: #a5afba; --line: #3a424b;
  --tile: #1e2329; --link: #7cb7ff; --c0: #6cb0ff; --c1: #ffa766; --c2: #6fd08c; --c3: #c9a4ff; --c4: #ff94c2;
  --c5: #b4bdc7 } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", sans-serif }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem }
header { padding-top: 2.25rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .35rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2.75rem 0 .9rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
p { margin: .35rem 0; max-width: 46rem } .soft, footer { color: var(--soft) }
footer { margin-top: 3rem; padding-top: 1rem; padding-bottom: 2.5rem; font-size: .9rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0;
  padding: 0 }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem }
.tile dt { color: var(--soft); font-size: .85rem; line-height: 1.3 }
.tile dd { margin: .2rem 0 0; font-size: 1.35rem; font-weight: 600; line-height: 1.25;
  font-variant-numeric: tabular-nums }
.tile.first { background: var(--c0); border-color: var(--c0) }
.tile.first dt, .tile.first dd { color: var(--page) } .tile.first dd { font-size: 1.7rem }
.wide { overflow-x: auto; margin-bottom: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem }
td, th { padding: .35rem 1.4rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
td { min-width: 5rem } td code { display: inline-block; min-width: 11rem }
td.model { min-width: 12rem } td.day { white-space: nowrap }
th { font-weight: 600 } thead th { color: var(--soft); white-space: nowrap }
td.number, th.number { text-align: right; white-space: nowrap } tr.this td, tr.this th { font-weight: 700 }
code { font: .88em/1.5 ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace; overflow-wrap: anywhere }
figure { margin: 0 } figcaption { font-size: .92rem; color: var(--soft); margin-bottom: .4rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.75rem }
.charts > .chart:first-child { grid-column: 1 / -1; max-width: 46rem }
.charts > .chart:first-child text { font-size: 11px }
.chart svg:not(.key) { display: block; width: 100%; height: auto } .chart text { font-size: 13px; fill: var(--soft) }
.grid { stroke: var(--line); stroke-width: 1 } polyline, .key line { fill: none; stroke-width: 2 }
.s0 { stroke: var(--c0) } .s1 { stroke: var(--c1); stroke-dasharray: 7 3 } .s2 { stroke: var(--c2) }
.s3 { stroke: var(--c3); stroke-dasharray: 2 3 } .s4 { stroke: var(--c4) }
.s5 { stroke: var(--c5); stroke-dasharray: 9 4 }
.m0 { fill: var(--c0) } .m1 { fill: var(--c1) } .m2 { fill: var(--c2) } .m3 { fill: var(--c3) } .m4 { fill: var(--c4) }
.m5 { fill: var(--c5) }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.25rem; list-style: none; margin: .4rem 0 0; padding: 0;
  font-size: .9rem }
.key { width: 26px; height: 10px; margin-right: .5rem }
.pictures { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start }
.pictures img { display: block; max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line);
  border-radius: .4rem }
summary { cursor: pointer; color: var(--link) } details > .wide { margin-top: .75rem }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px }
@media (max-width: 36rem) { header { padding-top: 1.25rem } h1 { font-size: 1.5rem } h2 { margin-top: 2rem }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: .5rem } .tile { padding: .6rem .75rem }
  .tile.first { grid-column: 1 / -1 } .tile dd { font-size: 1.1rem }
  .chart text, .charts > .chart:first-child text { font-size: 17px } }
@media print { :root { --page: #fff; --ink: #000; --soft: #444; --line: #bbb; --tile: #fff; --link: #000 }
  body { font-size: 10.5pt } header, main, footer { max-width: none; padding: 0 } .wide { overflow: visible }
  table { font-size: 8.5pt } td, th { padding-right: .8rem } td, td.model { min-width: 0 }
  .charts { grid-template-columns: 1fr 1fr }
  figure, tr, .tile { break-inside: avoid } h2, h3 { break-after: avoid }
  .pictures img { max-height: 16cm; width: auto }
  .tile.first { background: none } .tile.first dt, .tile.first dd { color: var(--ink) }
  details:not([open]) { display: none } }
"""
