import { GatewayError } from './problems.ts';

/**
 * The format that an Accept header likes best; the first one when it likes any.
 * @throws GatewayError 406
 */
export function accepted<T extends string>(
  header: string | undefined,
  formats: readonly T[],
  mediaTypes: Readonly<Record<T, string>>,
): T {
  if (header === undefined || header.trim() === '') return formats[0]!;
  const ranges = header.split(',').map(part => {
    const [range = '', ...parameters] = part.split(';').map(piece => piece.trim().toLowerCase());
    const quality = parameters.find(parameter => /^q\s*=/.test(parameter))?.split('=')[1];
    return { range, q: quality === undefined ? 1 : Number(quality) || 0 };
  });
  let best: T | undefined;
  let bestQuality = 0;
  for (const format of formats) {
    const type = mediaTypes[format];
    const qualityOf = (range: string) => ranges.find(each => each.range === range)?.q;
    const q = qualityOf(type) ?? qualityOf(`${type.split('/')[0]}/*`) ?? qualityOf('*/*') ?? 0;
    if (q > bestQuality) {
      best = format;
      bestQuality = q;
    }
  }
  if (best !== undefined) return best;
  throw new GatewayError(406, 'NOT_ACCEPTABLE', 'None of the accepted formats can be given.', {
    hint: `There are ${formats.map(format => mediaTypes[format]).join(', ')}.`,
  });
}
