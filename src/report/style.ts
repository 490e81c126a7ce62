/** Style sheet of the HTML report. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2733; --quiet: #5b6875; --paper: #f5f7f9; --sheet: #ffffff; --line: #dde3e9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --quiet: #9aa7b4; --paper: #12171c; --sheet: #1b2229; --line: #303a44; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 20px 64px; }
header p { margin: 4px 0 0; color: var(--quiet); }
h1 { margin: 0; font-size: 28px; line-height: 1.2; }
h2 { margin: 0 0 14px; font-size: 18px; }
h3 { margin: 22px 0 8px; font-size: 15px; scroll-margin-top: 12px; }
h3:target { text-decoration: underline; text-decoration-thickness: 3px; text-underline-offset: 4px; }
section { margin-top: 20px; padding: 20px; background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; }
section p { margin: 8px 0 0; color: var(--quiet); max-width: 80ch; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin: 24px 0 0; }
.card { padding: 14px 18px; background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; }
.card dt { color: var(--quiet); font-size: 13px; }
.card dd { margin: 0; font-size: 28px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.card .note { min-height: 1.5em; font-size: 13px; font-weight: 400; color: var(--quiet); }
.figures { display: flex; flex-wrap: wrap; gap: 20px; align-items: flex-start; }
svg.figure { max-width: 100%; height: auto; color: inherit; }
svg .ground { fill: none; }
svg a:hover rect, svg a:focus rect { stroke: var(--ink); stroke-width: 2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px 6px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; font-size: 13px; white-space: nowrap; }
td { max-width: 70ch; overflow-wrap: break-word; }
td.figure + td:not(.figure) { padding-left: 14px; }
th.figure, td.figure { text-align: right; padding: 6px 0 6px 22px; white-space: nowrap; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px; }
.gallery figure { margin: 0; }
.gallery img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--paper); border-radius: 6px; }
.gallery figcaption { font-size: 12px; color: var(--quiet); overflow-wrap: anywhere; }
@media print { body { background: #fff; } section, .card { break-inside: avoid; } }
`;
