import { h } from './dom.ts';
import type { ColumnSummary } from './messages.ts';

/** The strip below a column's name: type, share of nulls, and a small histogram or the most frequent values. */
export function summaryStrip(type: string): HTMLElement {
  return h('div', { class: 'lb-summary' }, h('span', { class: 'lb-type' }, shortType(type)));
}

export function fillSummary(strip: HTMLElement, summary: ColumnSummary, rows: number): void {
  strip.querySelector('.lb-nulls')?.remove();
  strip.querySelector('.lb-spark')?.remove();
  if (summary.nullCount > 0 && rows > 0) {
    const share = (summary.nullCount / rows) * 100;
    const text = share < 1 ? '<1% null' : `${Math.round(share)}% null`;
    strip.append(
      h('span', { class: 'lb-nulls', title: `${summary.nullCount.toLocaleString('en')} nulls` }, text),
    );
  }
  if (summary.histogram && summary.histogram.length > 0) strip.append(histogram(summary.histogram, summary));
  else if (summary.top && summary.top.length > 0) strip.append(topValues(summary, rows));
}

function histogram(counts: readonly number[], summary: ColumnSummary): SVGElement {
  const highest = Math.max(...counts, 1);
  const title = `${summary.min} to ${summary.max}, ${summary.distinct.toLocaleString('en')} distinct`;
  return bars(
    counts.map(count => count / highest),
    title,
  );
}

function topValues(summary: ColumnSummary, rows: number): SVGElement {
  const values = summary.top!.slice(0, 8);
  const highest = Math.max(...values.map(v => v.count), 1);
  const list = values
    .map(v => `${v.value.slice(0, 40)}: ${((v.count / Math.max(rows, 1)) * 100).toFixed(0)}%`)
    .join('\n');
  return bars(
    values.map(v => v.count / highest),
    `${summary.distinct.toLocaleString('en')} distinct\n${list}`,
  );
}

/** Bars of heights 0 to 1. */
function bars(heights: readonly number[], title: string): SVGElement {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('class', 'lb-spark');
  svg.setAttribute('viewBox', `0 0 ${heights.length * 5} 14`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', title);
  const caption = document.createElementNS(ns, 'title');
  caption.textContent = title;
  svg.append(caption);
  heights.forEach((height, i) => {
    const bar = document.createElementNS(ns, 'rect');
    const tall = height === 0 ? 0 : Math.max(1, height * 14);
    bar.setAttribute('x', String(i * 5));
    bar.setAttribute('y', String(14 - tall));
    bar.setAttribute('width', '4');
    bar.setAttribute('height', String(tall));
    svg.append(bar);
  });
  return svg;
}

function shortType(type: string): string {
  const known: Record<string, string> = {
    'TIMESTAMP WITH TIME ZONE': 'timestamptz',
    VARCHAR: 'string',
    BIGINT: 'long',
    INTEGER: 'int',
    BLOB: 'binary',
  };
  return known[type] ?? type.toLowerCase();
}
