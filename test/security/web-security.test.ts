import { describe, expect, test } from 'vitest';
// @ts-expect-error a script of plain JavaScript
import { faultsIn } from '../../scripts/web-security.mjs';

const faults = (source: string, file = 'renderers/x.ts'): string[] => faultsIn(file, source);

describe('scripts/web-security.mjs finds', () => {
  test.each([
    'cell.innerHTML = text;',
    'cell.outerHTML += text;',
    "cell.insertAdjacentHTML('beforeend', text);",
    'document.write(text);',
    'new DOMParser().parseFromString(text, "text/html");',
    'eval(text);',
    "new Function('x', text);",
    "setTimeout('go()', 1);",
    "link.href = 'javascript:x';",
    'frame.srcdoc = text;',
    'const x = "https://example.org/x.js";',
    'await fetch(address);',
  ])('%s', source => {
    expect(faults(`const a = 1;\n${source}\n`)).toEqual([expect.stringMatching(/^renderers\/x\.ts:2: /)]);
  });

  test.each([
    'const panel = { enableScripts: true, enableCommandUris: true };',
    'markdown.supportHtml = true;',
    'markdown.isTrusted = true;',
    'spawn(command, { shell: true });',
    "const policy = `script-src 'unsafe-eval'`;",
    "const policy = \"script-src 'self' 'unsafe-inline'\";",
    "vscode.window.createWebviewPanel('x', 'x', 1, { enableScripts: true });",
  ])('%s in the extension', source => {
    expect(faults(source, 'src/extension/x.ts')).toHaveLength(1);
  });
});

test('it leaves alone what only reads or looks alike', () => {
  const fine = [
    'const svg = copy.outerHTML.replaceAll("a", "b");',
    'if (a.innerHTML === b) count++;',
    'this.#fetch(view, 0);',
    '// innerHTML = text, eval(text)',
    '/* document.write */ const evaluate = (x: number) => x;',
    'setTimeout(() => done(), 1);',
    "const svg = 'http://www.w3.org/2000/svg';",
    'export const isFunction = (x: unknown): x is Function => typeof x === "function";',
  ].join('\n');
  expect(faults(fine)).toEqual([]);
});
