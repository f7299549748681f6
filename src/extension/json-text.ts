/**
 * JSON with indentation, number by number as it is written: snapshot ids are larger than what a JavaScript number
 * holds.
 */
export function indentedJson(json: string): string {
  let text = '';
  let depth = 0;
  let justOpened = false;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '}' || token === ']') {
      depth--;
      text += justOpened ? token : newLine() + token;
    } else {
      if (justOpened) text += newLine();
      text += token === ':' ? ': ' : token;
      if (token === ',') text += newLine();
    }
    justOpened = token === '{' || token === '[';
    if (justOpened) depth++;
  }
  return `${text}\n`;
}
