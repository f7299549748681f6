import { type CodeCell, joinLines, type Notebook, type NotebookOutput } from './lakebook-file.ts';
import { escapeHtml } from './render/html.ts';
import { markdownToHtml } from './render/markdown.ts';
import { htmlPage } from './render/page.ts';

/** A notebook with the outputs it holds as one HTML page; nothing is run. */
export function notebookToHtml(notebook: Notebook, title: string): string {
  const sections = notebook.cells.map(cell => {
    if (cell.kind === 'markdown') return `<section>\n${markdownToHtml(cell.source)}\n</section>`;
    const outputs = cell.kind === 'code' ? cell.outputs.map(outputHtml) : [];
    const source = `<pre><code>${escapeHtml(cell.source)}</code></pre>`;
    return `<section>\n${[source, ...outputs].join('\n')}\n</section>`;
  });
  return htmlPage(title, sections);
}

/**
 * A notebook as a SQL script: text as comments, SQL as it is. The lake language is no SQL, so its cells are comments
 * too.
 */
export function notebookToSql(notebook: Notebook): string {
  const parts = notebook.cells.map(cell => {
    if (cell.kind === 'code' && cell.language === 'sql' && !hasMagic(cell)) return statements(cell.source);
    return comment(cell.source);
  });
  return `${parts.filter(part => part !== '').join('\n\n')}\n`;
}

const hasMagic = (cell: CodeCell) => /^[ \t]*%%?lake\b/im.test(cell.source);

/** Cells end without a semicolon, statements of a script don't. */
function statements(source: string): string {
  const text = source.trimEnd();
  if (text === '' || text.endsWith(';')) return text;
  // Behind a comment in the last line a semicolon would be part of it.
  return /--[^\n]*$/.test(text) ? `${text}\n;` : `${text};`;
}

function comment(source: string): string {
  const text = source.trimEnd();
  return text === '' ? '' : text.replace(/^/gm, '-- ').replace(/[ \t]+$/gm, '');
}

function outputHtml(output: NotebookOutput): string {
  switch (output.output_type) {
    case 'stream': {
      const text = escapeHtml(joinLines(output.text) ?? '');
      return output.name === 'stderr' ? `<pre class="warning">${text}</pre>` : `<pre>${text}</pre>`;
    }
    case 'error': {
      const lines = Array.isArray(output.traceback) ? output.traceback.map(String) : [String(output.evalue)];
      return `<pre class="error">${escapeHtml(lines.join('\n'))}</pre>`;
    }
    default: {
      const data = (output.data ?? {}) as Record<string, unknown>;
      const html = joinLines(data['text/html']);
      if (html !== undefined && isPlainTable(html)) return html;
      return `<pre>${escapeHtml(joinLines(data['text/plain']) ?? '')}</pre>`;
    }
  }
}

const tableTags =
  /<\/?(table|thead|tbody|tr|th|td|i|p)( style="(text-align:(left|right)|opacity:\.6)")?( title="[^"<>]*")?>/g;

/** Whether HTML is a table as `htmlTable` writes them; a file's outputs may come from anywhere. */
export function isPlainTable(html: string): boolean {
  return !/[<>]/.test(html.replace(tableTags, ''));
}
