import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Series {
  readonly name: string;
  /** Pairs of x and y, both above 0. */
  readonly points: readonly (readonly [number, number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
}

const size = { width: 640, height: 360, left: 64, right: 170, top: 40, bottom: 48 };
/** Told apart by people who see colours differently (Okabe and Ito, 2008), on light and dark pages. */
const colours = ['#0072b2', '#e69f00', '#009e73', '#cc79a7'];

/**
 * Writes lines as an SVG picture with logarithmic axes. The documentation's few plots have nothing but lines and
 * powers of ten; a library for them would want a DOM.
 */
export function writePlot(file: string, { title, x, y, series }: PlotOptions): void {
  const all = series.flatMap(each => each.points);
  const [xLow, xHigh] = decades(all.map(point => point[0]));
  const [yLow, yHigh] = decades(all.map(point => point[1]));
  const right = size.width - size.right;
  const bottom = size.height - size.bottom;
  const atX = (value: number) =>
    size.left + ((Math.log10(value) - xLow) / (xHigh - xLow)) * (right - size.left);
  const atY = (value: number) => bottom - ((Math.log10(value) - yLow) / (yHigh - yLow)) * (bottom - size.top);
  const parts: string[] = [];
  const text = (at: readonly [number, number], words: string, anchor = 'middle', more = '') =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}" ${more}>${escapeXml(words)}</text>`;
  for (let power = xLow; power <= xHigh; power++) {
    const px = atX(10 ** power);
    parts.push(
      `<path d="M${px.toFixed(1)} ${size.top}V${bottom}" class="grid"/>`,
      text([px, bottom + 18], powerText(power)),
    );
  }
  for (let power = yLow; power <= yHigh; power++) {
    const py = atY(10 ** power);
    parts.push(
      `<path d="M${size.left} ${py.toFixed(1)}H${right}" class="grid"/>`,
      text([size.left - 8, py + 4], powerText(power), 'end'),
    );
  }
  for (const [index, { name, points }] of series.entries()) {
    const colour = colours[index % colours.length]!;
    const line = points
      .map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${atX(px).toFixed(1)} ${atY(py).toFixed(1)}`)
      .join('');
    const end = points.at(-1)!;
    parts.push(
      `<path d="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map(
        ([px, py]) =>
          `<circle cx="${atX(px).toFixed(1)}" cy="${atY(py).toFixed(1)}" r="3.5" fill="${colour}"/>`,
      ),
      text(
        [right + 12, labelY(series, index, atY, end[1])],
        name,
        'start',
        `fill="${colour}" font-weight="600"`,
      ),
    );
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="12" fill="#777" role="img" aria-label="${escapeXml(title)}">
<style>.grid { stroke: #8884; }</style>
${text([size.left, 22], title, 'start', 'font-size="14" font-weight="600"')}
${text([(size.left + right) / 2, size.height - 8], x)}
${text([size.left - 44, size.top - 8], y, 'start')}
${parts.join('\n')}
</svg>
`;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, svg);
}

/** A label at the end of its line, moved down where another stands already. */
function labelY(
  series: readonly Series[],
  index: number,
  atY: (value: number) => number,
  value: number,
): number {
  const order = series
    .map((each, i) => ({ i, y: atY(each.points.at(-1)![1]) + 4 }))
    .sort((a, b) => a.y - b.y);
  let last = Number.NEGATIVE_INFINITY;
  for (const each of order) {
    last = Math.max(each.y, last + 15);
    if (each.i === index) return last;
  }
  return atY(value);
}

/** The powers of ten around some numbers; at least one apart. */
function decades(numbers: readonly number[]): [number, number] {
  const low = Math.floor(Math.log10(Math.min(...numbers)));
  const high = Math.ceil(Math.log10(Math.max(...numbers)));
  return [low, Math.max(high, low + 1)];
}

function powerText(power: number): string {
  const value = 10 ** power;
  if (value >= 1e9) return `${value / 1e9}G`;
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e3) return `${value / 1e3}k`;
  return value >= 1 ? String(value) : value.toFixed(-power);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
