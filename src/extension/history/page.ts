/** What the page of a table's history is made of; addresses are those that the webview gives its files. */
export interface HistoryPage {
  /** What the webview's own files come from (`webview.cspSource`). */
  readonly source: string;
  readonly style: string;
  readonly script: string;
  /** A number that no one can guess, new for each page. */
  readonly nonce: string;
}

/** The page runs the view's own script and nothing else, and takes nothing from anywhere else. */
export function historyPage({ source, style, script, nonce }: HistoryPage): string {
  const policy = [
    "default-src 'none'",
    `style-src ${source}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
</head>
<body>
<main id="root"></main>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}
