// Collects the extension's texts for translators: l10n/bundle.l10n.json holds every text that src/extension passes to
// vscode.l10n.t, or to `t` of translate.ts. With --check nothing is written; it fails when the file isn't up to date.
// usage: node scripts/l10n.mjs [--check]
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const file = path.join(root, 'l10n', 'bundle.l10n.json');
/** `vscode.l10n.t('...')`, and `t('...')` of src/extension/translate.ts. */
const call = /(?<![\w$])t\(\s*(['"])((?:(?!\1)[^\\]|\\.)*)\1/g;

/** Texts by themselves, as the editor looks them up, sorted. */
export function collectTexts(folder = path.join(root, 'src', 'extension')) {
  const texts = new Set();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    for (const [, , text] of readFileSync(path.join(folder, name), 'utf8').matchAll(call)) {
      texts.add(text.replace(/\\(.)/g, '$1'));
    }
  }
  return Object.fromEntries([...texts].sort().map(text => [text, text]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = `${JSON.stringify(collectTexts(), undefined, 2)}\n`;
  if (process.argv.includes('--check')) {
    if (readFileSync(file, 'utf8') !== wanted) {
      console.error('l10n/bundle.l10n.json is not up to date: run `node scripts/l10n.mjs`.');
      process.exit(1);
    }
  } else {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, wanted);
  }
}
