import { escapeHtml } from './html.ts';

/** The common part of Markdown as HTML: headings, paragraphs, lists, quotes, code, emphasis, links. HTML in it is text. */
export function markdownToHtml(markdown: string): string {
  const blocks: string[] = [];
  const lines = markdown.replaceAll('\r\n', '\n').split('\n');
  let at = 0;
  const take = (test: RegExp): string[] => {
    const taken: string[] = [];
    while (at < lines.length && test.test(lines[at]!)) taken.push(lines[at++]!);
    return taken;
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (line.trim() === '') at++;
    else if (heading !== null) {
      const level = heading[1]!.length;
      blocks.push(`<h${level}>${inline(heading[2]!)}</h${level}>`);
      at++;
    } else if (/^(```|~~~)/.test(line)) {
      const fence = line.slice(0, 3);
      at++;
      const start = at;
      while (at < lines.length && !lines[at]!.startsWith(fence)) at++;
      blocks.push(`<pre><code>${escapeHtml(lines.slice(start, at).join('\n'))}</code></pre>`);
      at++;
    } else if (/^\s*[-*+]\s+/.test(line)) {
      const items = take(/^\s*[-*+]\s+/).map(item => `<li>${inline(item.replace(/^\s*[-*+]\s+/, ''))}</li>`);
      blocks.push(`<ul>\n${items.join('\n')}\n</ul>`);
    } else if (/^\s*\d+[.)]\s+/.test(line)) {
      const items = take(/^\s*\d+[.)]\s+/).map(
        item => `<li>${inline(item.replace(/^\s*\d+[.)]\s+/, ''))}</li>`,
      );
      blocks.push(`<ol>\n${items.join('\n')}\n</ol>`);
    } else if (/^>\s?/.test(line)) {
      const quoted = take(/^>\s?/).map(each => each.replace(/^>\s?/, ''));
      blocks.push(`<blockquote>${inline(quoted.join(' '))}</blockquote>`);
    } else {
      const text = [line];
      at++;
      text.push(...take(/^(?!\s*$)(?!#{1,6}\s)(?!```)(?!~~~)(?!\s*[-*+]\s)(?!\s*\d+[.)]\s)(?!>)/));
      blocks.push(`<p>${inline(text.join('\n'))}</p>`);
    }
  }
  return blocks.join('\n');
}

function inline(text: string): string {
  const codes: string[] = [];
  // Code is kept aside, so that nothing in it is taken for emphasis; the marks are private characters.
  const kept = text.replace(/[\ue000\ue001]/g, '').replace(/`([^`]+)`/g, (_, code: string) => {
    codes.push(`<code>${escapeHtml(code)}</code>`);
    return `\ue000${codes.length - 1}\ue001`;
  });
  return escapeHtml(kept)
    .replace(/\[([^\]]+)\]\(([^()\s]+)\)/g, (whole, label: string, target: string) =>
      /^(https?:|mailto:|#|\.{0,2}\/|[\w./-]+$)/i.test(target) &&
      !/^(javascript|data|vbscript):/i.test(target)
        ? `<a href="${target}">${label}</a>`
        : whole,
    )
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/(?<![*\w])\*([^*\s][^*]*)\*(?![*\w])/g, '<em>$1</em>')
    .replace(/\ue000(\d+)\ue001/g, (_, index: string) => codes[Number(index)]!);
}
