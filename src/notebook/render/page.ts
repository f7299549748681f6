import { escapeHtml } from './html.ts';

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
pre { background: color-mix(in srgb, currentColor 7%, transparent); padding: .7rem 1rem; border-radius: 6px; overflow-x: auto; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); white-space: pre; }
.error { border-left: 4px solid #d33; } .warning { color: #b70; } .skipped { opacity: .6; }
`;

/** A page without scripts or links to anything else, of sections that are HTML already. */
export function htmlPage(title: string, sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${sections.join('\n')}
</body>
</html>
`;
}
